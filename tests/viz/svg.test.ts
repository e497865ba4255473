// Charts as SVG: well-formed whatever the names, the same bytes each time, marks where the values are.
import { ShapeError, ValueError } from '../../ts/errors';
import { confusionChart, heatmap, lineChart } from '../../ts/viz';
import { linearAxis, logAxis } from '../../ts/viz/svg-axis';

// A strict reader of the little XML the charts use: tags must match, text and attributes must be escaped.
function elementsOf(svg: string): { name: string; attributes: Record<string, string>; text: string }[] {
  const elements: { name: string; attributes: Record<string, string>; text: string }[] = [];
  const open: (typeof elements)[number][] = [];
  const unescape = (text: string): string => {
    expect(text.replace(/&(amp|lt|gt|quot|apos);/g, '')).not.toMatch(/[&<]/);
    const values: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
    return text.replace(/&(\w+);/g, (_, name: string) => values[name] ?? '');
  };
  const tag = /<(\/?)([\w:]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gy;
  let end = 0;
  for (const match of svg.matchAll(tag)) {
    end += match[0].length;
    const [, closing, name = '', attributes = '', empty, text] = match;
    if (text !== undefined) {
      const parent = open.at(-1);
      if (parent) parent.text += parent.name === 'style' ? text : unescape(text);
      else expect(text.trim()).toBe('');
    } else if (closing === '/') expect(open.pop()?.name).toBe(name);
    else {
      const pairs = [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)];
      const element = {
        name,
        attributes: Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, unescape(value)])),
        text: '',
      };
      elements.push(element);
      if (empty !== '/') open.push(element);
    }
  }
  expect(end).toBe(svg.length);
  expect(open).toHaveLength(0);
  return elements;
}

const texts = (svg: string, kind: string): string[] =>
  elementsOf(svg)
    .filter(({ name, attributes }) => name === 'text' && attributes['class']?.split(' ').includes(kind))
    .map(({ text }) => text);

const HOSTILE = `<b a="1" c='2'>&amp; ]]> \u0000\u0008 \ud800 é 😀`;

describe('lineChart', () => {
  test('draws a path through the places of its values', () => {
    const svg = lineChart([{ name: 'a', y: [0, 10, 5] }], { width: 684, height: 278, title: 't' });
    // Left 60, right 660; the axis of x runs 0..2 in steps of 0.5 or 1, that of y 0..10.
    const path = elementsOf(svg).find(({ name }) => name === 'path')?.attributes['d'];
    expect(path).toBe('M60 244L360 70L660 157');
    const circles = elementsOf(svg).filter(({ name }) => name === 'circle');
    expect(circles.map(({ attributes }) => [attributes['cx'], attributes['cy']])).toEqual([
      ['60', '244'],
      ['360', '70'],
      ['660', '157'],
    ]);
  });

  test('says title, labels, names and ticks', () => {
    const svg = lineChart(
      [
        { name: 'train', y: [0.7, 0.9] },
        { name: 'test', x: [0, 1], y: [0.72, 0.86] },
      ],
      { title: 'Accuracy', xLabel: 'epoch', yLabel: 'share' },
    );
    expect(texts(svg, 'title')).toEqual(['Accuracy']);
    expect(texts(svg, 'label')).toEqual(['train', 'test', 'epoch', 'share']);
    expect(texts(svg, 'tick')).toEqual(['0.70', '0.75', '0.80', '0.85', '0.90', '0', '1']);
  });

  test('leaves gaps for what cannot be drawn', () => {
    const paths = (y: number[], logY: boolean): number =>
      elementsOf(lineChart([{ name: 'a', y }], { logY })).filter(({ name }) => name === 'path').length;
    expect(paths([1, 2, NaN, 3, 4, Infinity, 5], false)).toBe(2);
    expect(paths([1, 2, 0, 3, 4, -1, 5, 6], true)).toBe(3);
    expect(paths([NaN, NaN], false)).toBe(0);
    expect(paths([], false)).toBe(0);
  });

  test('writes finite coordinates for hard values', () => {
    for (const y of [[5], [0], [0, 0], [-3, -3], [1e-300, 1e300], [1e9, 1e9 + 1], [-1e-12, 1e-12]]) {
      expect(lineChart([{ name: 'a', y }])).not.toMatch(/NaN|Infinity|undefined/);
    }
    for (const y of [[5], [1, 1], [1e-300, 1e300], [1e-12, 1]]) {
      expect(lineChart([{ name: 'a', y }], { logY: true })).not.toMatch(/NaN|Infinity|undefined/);
    }
  });

  test('escapes every text and gives the same bytes again', () => {
    const draw = (): string =>
      lineChart([{ name: HOSTILE, y: [1, 2] }], { title: HOSTILE, xLabel: HOSTILE, yLabel: HOSTILE });
    expect(texts(draw(), 'title')).toEqual([`<b a="1" c='2'>&amp; ]]> \ufffd\ufffd \ufffd é 😀`]);
    expect(draw()).toBe(draw());
  });

  test('breaks a long legend into rows inside the chart', () => {
    const series = Array.from({ length: 12 }, (_, i) => ({ name: `series number ${i}`, y: [i] }));
    const labels = elementsOf(lineChart(series)).filter(({ attributes }) => attributes['class'] === 'label');
    expect(labels).toHaveLength(12);
    expect(new Set(labels.map(({ attributes }) => attributes['y'])).size).toBe(3);
    for (const { attributes, text } of labels) {
      expect(Number(attributes['x']) + text.length * 7).toBeLessThanOrEqual(720 - 24);
    }
  });

  test('refuses what it cannot draw', () => {
    expect(() => lineChart([])).toThrow(ValueError);
    expect(() => lineChart([])).toThrow('lineChart: no series; give at least one');
    expect(() => lineChart([{ name: 'a', x: [1], y: [1, 2] }])).toThrow(ShapeError);
    expect(() => lineChart([{ name: 'a', x: [1], y: [1, 2] }])).toThrow(
      'lineChart: series a has 1 x for 2 y; use as many',
    );
    expect(() => lineChart([{ name: 'a', y: [1] }], { width: NaN })).toThrow(
      'lineChart: width is NaN; use an integer of 200..10000',
    );
  });
});

describe('axes', () => {
  const labels = (axis: { ticks: readonly { label: string }[] }): string[] =>
    axis.ticks.map(({ label }) => label);

  test.each([
    [0, 1, ['0', '0.2', '0.4', '0.6', '0.8', '1.0']],
    [0, 7, ['0', '1', '2', '3', '4', '5', '6', '7']],
    [0, 199, ['0', '50', '100', '150', '200']],
    [-3, 4, ['-3', '-2', '-1', '0', '1', '2', '3', '4']],
    [0.702, 0.9, ['0.70', '0.75', '0.80', '0.85', '0.90']],
    [0, 3e7, ['0', '5000000', '10000000', '15000000', '20000000', '25000000', '30000000']],
    [2, 2, ['1.0', '1.5', '2.0', '2.5', '3.0']],
  ])('%d to %d', (low, high, expected) => {
    expect(labels(linearAxis(low, high, [0, 100]))).toEqual(expected);
  });

  test('whole ticks never fall between integers', () => {
    expect(labels(linearAxis(0, 2, [0, 100], true))).toEqual(['0', '1', '2']);
    expect(labels(linearAxis(1, 30, [0, 100], true))).toEqual(['0', '5', '10', '15', '20', '25', '30']);
  });

  test('linear places are even, logarithmic ones by powers', () => {
    const linear = linearAxis(0, 10, [100, 0]);
    expect([0, 2.5, 10].map(linear.place)).toEqual([100, 75, 0]);
    const log = logAxis(0.01, 100, [0, 400]);
    expect([0.01, 1, 100].map(value => Math.round(log.place(value)))).toEqual([0, 200, 400]);
    expect(labels(log)).toEqual(['0.01', '0.1', '1', '10', '100']);
    expect(labels(logAxis(0.2, 0.9, [0, 1]))).toEqual(['0.1', '0.2', '0.5', '1']);
    expect(labels(logAxis(1e-9, 1e-7, [0, 1]))).toEqual([
      '1e-9',
      '2e-9',
      '5e-9',
      '1e-8',
      '2e-8',
      '5e-8',
      '1e-7',
    ]);
  });
});

describe('heatmap and confusionChart', () => {
  const cells = (svg: string): Record<string, string>[] =>
    elementsOf(svg)
      .filter(({ name, attributes }) => name === 'rect' && attributes['class'] !== 'page')
      .map(({ attributes }) => attributes);

  test('the least value is lightest, the greatest darkest', () => {
    const fills = cells(
      heatmap([
        [0, 1],
        [3, 4],
      ]),
    ).map(({ fill }) => fill);
    expect(fills[0]).toBe('#e6f0fb');
    expect(fills[3]).toBe('#123e7c');
    const lightness = fills.map(fill => parseInt(fill?.slice(1, 3) ?? '', 16));
    expect(lightness.toSorted((a, b) => b - a)).toEqual(lightness);
    expect(new Set(fills).size).toBe(4);
  });

  test('given ranges clip, and values that are not finite are blank', () => {
    const found = cells(heatmap([[-5, 0, 5, NaN, Infinity]], { range: [0, 1] }));
    expect(found.map(({ fill }) => fill)).toEqual(['#e6f0fb', '#e6f0fb', '#123e7c', undefined, undefined]);
    expect(found[3]?.['class']).toBe('empty');
    expect(cells(heatmap([[2, 2]])).map(({ fill }) => fill)).toEqual(['#e6f0fb', '#e6f0fb']);
    expect(heatmap([[NaN]])).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('a confusion chart shows counts and the accuracy', () => {
    const svg = confusionChart([Int32Array.of(8, 2), Int32Array.of(0, 10)], ['cat', HOSTILE]);
    expect(texts(svg, 'title')).toEqual(['Confusion of 20 samples, 90.00 % right']);
    expect(texts(svg, 'cell')).toEqual(['8', '2', '10']);
    expect(texts(svg, 'label')).toEqual(['predicted', 'target']);
    expect(texts(svg, 'tick').filter(text => text === 'cat')).toHaveLength(2);
    expect(cells(svg)[3]?.['fill']).toBe('#123e7c');
    expect(texts(confusionChart([[0]], ['a']), 'title')).toEqual(['Confusion of 0 samples']);
  });

  test('cells lie on a grid inside the picture', () => {
    const svg = heatmap(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { rows: ['a', 'b'], columns: ['c', 'd', 'e'] },
    );
    const [root] = elementsOf(svg);
    for (const { x, y, width, height } of cells(svg)) {
      expect(Number(x) + Number(width)).toBeLessThan(Number(root?.attributes['width']));
      expect(Number(y) + Number(height)).toBeLessThan(Number(root?.attributes['height']));
    }
    expect(new Set(cells(svg).map(({ x, y }) => `${x},${y}`)).size).toBe(6);
  });

  test('refuse matrices and names that do not fit', () => {
    expect(() => heatmap([])).toThrow('heatmap: the matrix is empty; give at least one row and one column');
    expect(() => heatmap([[1, 2], [3]])).toThrow('heatmap: row 1 has 1 values, row 0 has 2; use as many');
    expect(() => heatmap([[1, 2]], { columns: ['a'] })).toThrow(
      'heatmap: 1 names for 2 columns; use as many',
    );
    expect(() => heatmap([[1, 2]], { rows: [] })).toThrow('heatmap: 0 names for 1 rows; use as many');
    expect(() => confusionChart([[1, 2]], ['a'])).toThrow(ShapeError);
    expect(() => confusionChart([[0.5]], ['a'])).toThrow(
      'confusionChart: count [0, 0] is 0.5; use integers of 0 and more',
    );
  });
});
