// Line charts as SVG text: learning curves and whatever else is a number over steps.
import { ShapeError, ValueError } from '../errors';
import { shorten } from './matrix';
import { coordinate, escapeXml, page, rule, SERIES_COLOURS, text } from './svg';
import { linearAxis, logAxis } from './svg-axis';
import type { Axis } from './svg-axis';

/** One line: its values, and where they stand (0, 1, 2, ... without `x`). */
export interface Series {
  name: string;
  y: ArrayLike<number>;
  x?: ArrayLike<number>;
}

/** What is written around the lines; `logY` spaces the vertical axis by powers of ten. */
export interface LineChartOptions {
  title?: string;
  xLabel?: string;
  yLabel?: string;
  logY?: boolean;
  width?: number;
  height?: number;
}

type Point = readonly [x: number, y: number];

const OP = 'lineChart';
// Single values are marked while they can be told apart.
const MAX_MARKERS = 40;
const NAME_LENGTH = 28;
const CHARACTER_WIDTH = 7;

const isDrawn = ([x, y]: Point, log: boolean): boolean =>
  Number.isFinite(x) && Number.isFinite(y) && (!log || y > 0);

function pointsOf({ name, x, y }: Series): Point[] {
  if (x !== undefined && x.length !== y.length) {
    throw new ShapeError(OP, `series ${name} has ${x.length} x for ${y.length} y; use as many`);
  }
  return Array.from(y, (value, i): Point => [x === undefined ? i : (x[i] as number), value]);
}

// Runs of points without a hole: a value that cannot be drawn breaks the line.
function runsOf(points: readonly Point[], log: boolean): Point[][] {
  const runs: Point[][] = [[]];
  for (const point of points) {
    if (isDrawn(point, log)) runs.at(-1)?.push(point);
    else runs.push([]);
  }
  return runs.filter(run => run.length > 0);
}

// Least and greatest; a chart of nothing shows `fallback`.
function extent(values: readonly number[], fallback: Point): Point {
  if (values.length === 0) return fallback;
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
  x: Axis;
  y: Axis;
}

function axes(frame: Frame, { xLabel = '', yLabel = '' }: LineChartOptions, height: number): string[] {
  const { left, right, top, bottom, x, y } = frame;
  const middle = (top + bottom) / 2;
  return [
    ...y.ticks.flatMap(({ at, label }) => [
      rule('grid', [left, at], [right, at]),
      text(left - 8, at + 4, 'tick', label, 'text-anchor="end"'),
    ]),
    ...x.ticks.flatMap(({ at, label }) => [
      rule('axis', [at, bottom], [at, bottom + 4]),
      text(at, bottom + 18, 'tick', label, 'text-anchor="middle"'),
    ]),
    rule('axis', [left, bottom], [right, bottom]),
    ...(xLabel === ''
      ? []
      : [text((left + right) / 2, height - 12, 'label', xLabel, 'text-anchor="middle"')]),
    ...(yLabel === ''
      ? []
      : [
          text(
            18,
            middle,
            'label',
            yLabel,
            `text-anchor="middle" transform="rotate(-90 18 ${coordinate(middle)})"`,
          ),
        ]),
  ];
}

function drawSeries(frame: Frame, points: readonly Point[], log: boolean, colour: string): string[] {
  const runs = runsOf(points, log);
  const marked = points.length <= MAX_MARKERS;
  const spot = ([x, y]: Point): string => `${coordinate(frame.x.place(x))} ${coordinate(frame.y.place(y))}`;
  const parts: string[] = [];
  for (const run of runs) {
    if (run.length > 1) {
      const path = `M${run.map(spot).join('L')}`;
      parts.push(
        `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>`,
      );
    }
    if (!marked && run.length > 1) continue;
    for (const [x, y] of run) {
      const [cx, cy] = [coordinate(frame.x.place(x)), coordinate(frame.y.place(y))];
      parts.push(`<circle cx="${cx}" cy="${cy}" r="2.8" fill="${colour}"/>`);
    }
  }
  return parts;
}

const colourOf = (index: number): string =>
  SERIES_COLOURS[index % SERIES_COLOURS.length] ?? SERIES_COLOURS[0];

// Names with a sample of their colour, in rows from `top` down; says how far down they reach.
function legend(
  names: readonly string[],
  left: number,
  right: number,
  top: number,
): { parts: string[]; bottom: number } {
  const parts: string[] = [];
  let [x, y] = [left, top];
  names.forEach((name, i) => {
    const shown = shorten(name, NAME_LENGTH);
    const width = 26 + Array.from(shown).length * CHARACTER_WIDTH + 14;
    if (x > left && x + width > right) [x, y] = [left, y + 18];
    parts.push(
      `<rect x="${coordinate(x)}" y="${coordinate(y - 6)}" width="18" height="3" rx="1.5" fill="${colourOf(i)}"/>`,
    );
    parts.push(text(x + 24, y, 'label', shown));
    x += width;
  });
  return { parts, bottom: names.length === 0 ? top - 18 : y };
}

/**
 * An SVG line chart of one or more series. Values that are not finite, or not above 0 on a logarithmic axis,
 * leave a gap in their line.
 *
 * @example
 * const svg = viz.lineChart([{ name: 'loss', y: [0.9, 0.5, 0.4] }], { title: 'Training', xLabel: 'epoch' });
 */
export function lineChart(series: readonly Series[], options: LineChartOptions = {}): string {
  const { title = '', xLabel = '', yLabel = '', logY = false, width = 720, height = 400 } = options;
  if (series.length === 0) throw new ValueError(OP, 'no series; give at least one');
  for (const [name, value] of Object.entries({ width, height })) {
    if (!Number.isInteger(value) || value < 200 || value > 10000) {
      throw new ValueError(OP, `${name} is ${value}; use an integer of 200..10000`);
    }
  }
  const lines = series.map(pointsOf);
  const drawn = lines.flat().filter(point => isDrawn(point, logY));
  const [left, right] = [yLabel === '' ? 60 : 78, width - 24];
  const names = legend(
    series.map(({ name }) => name),
    left,
    right,
    title === '' ? 26 : 52,
  );
  const [top, bottom] = [names.bottom + 18, height - (xLabel === '' ? 34 : 52)];
  const xs = drawn.map(([x]) => x);
  const [lowX, highX] = extent(xs, [0, 1]);
  const [lowY, highY] = extent(
    drawn.map(([, y]) => y),
    logY ? [0.1, 1] : [0, 1],
  );
  const x = linearAxis(lowX, highX, [left, right], xs.every(Number.isInteger));
  const y = logY ? logAxis(lowY, highY, [bottom, top]) : linearAxis(lowY, highY, [bottom, top]);
  const frame: Frame = { left, right, top, bottom, x, y };
  return page(width, height, title, [
    ...(title === '' ? [] : [text(left, 30, 'title', title)]),
    ...names.parts,
    ...axes(frame, options, height),
    ...lines.flatMap((points, i) => [
      `<g aria-label="${escapeXml(series[i]?.name ?? '')}">`,
      ...drawSeries(frame, points, logY, colourOf(i)),
      '</g>',
    ]),
  ]);
}
