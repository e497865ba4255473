// Measured choices of kernels: the table they are kept in, and the bits that follow from it.
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compile, DataError, data, fit, isa, nn, optim, seed, setThreads, threads, ValueError } from 'hebb';
import type { CompileOptions, Step, Tensor } from 'hebb';
import { native } from '../../ts/native';
import * as ops from '../../ts/ops.gen';
import { scope } from '../../ts/scope';
import { chosen } from '../../ts/tuning';
import { runProgram } from '../reliability/run-program';
import { numbers } from './trained';

// A tile unit is one more.
const methods = isa().startsWith('amx') ? ['direct', 'winograd', 'tiles'] : ['direct', 'winograd'];

let folder: string;
const at = (name: string): string => path.join(folder, name);
const before = threads();
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'hebb-tune-'));
  setThreads(1);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  setThreads(before);
});

interface Table {
  version: number;
  choices: Record<string, { method: string; ms: Record<string, number> }>;
}
const read = (file: string): Table => JSON.parse(readFileSync(file, 'utf8')) as Table;
const write = (file: string, content: unknown): string => {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
};

seed(11);
const x = ops.normal([8, 8, 8, 32]);
const weight = ops.normal([32, 3, 3, 32]);
const convolve = (images: Tensor): Tensor => ops.conv2d(images, weight, undefined, { padding: 1 });
const step = (options: CompileOptions): Step<[Tensor], Tensor> => compile(convolve, options);

// What the table says of the one convolution, with other words.
let key: string;
const forced = (name: string, method: string): string =>
  write(at(name), { version: 1, choices: { [key]: { method, ms: { direct: 7, winograd: 7 } } } });
const methodOf = (tuned: Step<[Tensor], Tensor>): string | undefined =>
  /method=(\d)/.exec(tuned.explain().at(-1)?.text ?? '')?.[1];

test('a table is written, and holds the faster method with both times', async () => {
  const file = at('written.json');
  const tuned = step({ tune: file });
  await tuned(x);
  expect(tuned.recordings).toBe(1);
  const { version, choices } = read(file);
  expect(version).toBe(1);
  expect(Object.keys(choices)).toEqual([
    expect.stringMatching(/^conv2d f32\[8, 8, 8, 32\]; .* \(stride=1,1 .*\) \S+, 1 thread$/),
  ]);
  [key = ''] = Object.keys(choices);
  const { method = '', ms = {} } = choices[key] ?? {};
  expect(Object.keys(ms)).toEqual(methods);
  expect(Math.min(...Object.values(ms))).toBeGreaterThan(0);
  expect(ms[method]).toBeLessThanOrEqual(Math.min(...Object.values(ms)) * 1.05);
  expect(methodOf(tuned)).toBe(String(1 + methods.indexOf(method)));
});

test('a command takes the method that its table names, eager code the one by shape', async () => {
  const eager = await numbers(convolve(x));
  const winograd = step({ tuned: forced('winograd.json', 'winograd') });
  expect(await numbers(await winograd(x))).toEqual(eager);
  // A single image has too few tiles: it goes by the direct kernels.
  const single = Array.from({ length: 8 }, (_, i) => convolve(ops.slice(x, [i, 0, 0, 0], [i + 1, 8, 8, 32])));
  const direct = await numbers(ops.concat(single));
  expect(direct).not.toEqual(eager);
  const file = forced('direct.json', 'direct');
  for (const options of [{ tuned: file }, { tune: file }]) {
    const tuned = step(options);
    for (let i = 0; i < 2; i++) expect(await numbers(await tuned(x))).toEqual(direct);
    expect(methodOf(tuned)).toBe('1');
  }
  const plain = step({});
  expect(await numbers(await plain(x))).toEqual(eager);
  expect(methodOf(plain)).toBe('0');
});

test('what the table has is not measured again, what it lacks is added', async () => {
  const file = forced('grown.json', 'direct');
  const content = readFileSync(file, 'utf8');
  const tuned = step({ tune: file });
  await tuned(x);
  expect(readFileSync(file, 'utf8')).toBe(content);
  await tuned(ops.normal([9, 8, 8, 32]));
  const { choices } = read(file);
  expect(Object.keys(choices)).toEqual(Object.keys(choices).sort());
  expect(Object.keys(choices)).toHaveLength(2);
  expect(choices[key]).toEqual({ method: 'direct', ms: { direct: 7, winograd: 7 } });
  // Only used, never measured.
  const fixed = step({ tuned: file });
  const grown = readFileSync(file, 'utf8');
  await fixed(ops.normal([10, 8, 8, 32]));
  expect(methodOf(fixed)).toBe('0');
  expect(readFileSync(file, 'utf8')).toBe(grown);
});

test('the same table gives the same bits in another process', async () => {
  const digests = [];
  for (const name of ['direct.json', 'direct.json', 'winograd.json'])
    digests.push(await runProgram('tuned-conv', { args: [at(name)] }));
  expect(digests.map(({ code, stderr }) => [code, stderr])).toEqual(Array(3).fill([0, '']));
  const [first, second, other] = digests.map(({ stdout }) => stdout);
  expect(second).toBe(first);
  expect(other).not.toBe(first);
});

test('arguments may be freed and scopes may end while methods are measured', async () => {
  const tuned = step({ tune: at('freed.json') });
  const [first, second] = scope(() => {
    const copy = x.mul(1);
    const runs = [tuned(copy), tuned(copy.mul(1))];
    copy.dispose();
    return runs;
  });
  const results = [await numbers((await first) as Tensor), await numbers((await second) as Tensor)];
  const want = await numbers(await step({ tuned: at('freed.json') })(x));
  expect(results).toEqual([want, want]);
});

test('a step without a choice makes an empty table', async () => {
  const file = at('empty.json');
  const tuned = compile((images: Tensor) => images.mul(2), { tune: file });
  await tuned(x);
  expect(read(file)).toEqual({ version: 1, choices: {} });
  await compile((images: Tensor) => images.mul(2), { tuned: file })(x);
});

test('steps of one table measure each command once', async () => {
  const file = at('shared.json');
  const tuned = [step({ tune: file }), step({ tune: file })];
  const measured = jest.spyOn(native, 'planMeasure');
  await Promise.all(tuned.map(each => each(x)));
  expect(measured).toHaveBeenCalledTimes(1);
  measured.mockRestore();
  expect(Object.keys(read(file).choices)).toEqual([key]);
  expect(new Set(tuned.map(methodOf)).size).toBe(1);
});

test('a step that is disposed while it is measured rejects', async () => {
  const tuned = step({ tune: at('disposed.json') });
  const run = tuned(x);
  tuned.dispose();
  await expect(run).rejects.toThrow(/the step is disposed/);
});

async function train(options: Partial<Parameters<typeof fit>[1]>): Promise<readonly number[]> {
  seed(5);
  const size = 20;
  const random = Float32Array.from(ops.normal([size * 4 * 4 * 4]).readSync() as Float32Array);
  const samples = new data.ArrayDataset({
    x: { data: random, shape: [4, 4, 4] },
    target: { data: Int32Array.from({ length: size }, (_, i) => i % 3), shape: [] },
  });
  const model = nn.sequential(
    new nn.Conv2d(4, 32, 3, { padding: 1 }),
    new nn.Conv2d(32, 32, 3, { padding: 1 }),
    new nn.Flatten(),
    new nn.Linear(4 * 4 * 32, 3),
  );
  const { losses } = await fit(model, {
    train: samples,
    batch: 8,
    epochs: 2,
    loss: nn.crossEntropy,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    schedule: index => 0.1 / (index + 1),
    ...options,
  });
  return losses;
}

test('fit measures before the step that needs it, and trains as with the finished table', async () => {
  const file = at('fit.json');
  const losses = await train({ tune: file });
  const slots = Object.keys(read(file).choices).map(each => each.split(' ')[0]);
  expect(new Set(slots)).toEqual(new Set(['conv2d', 'conv2d_input_grad', 'conv2d_weight_grad']));
  expect(await train({ tuned: file })).toEqual(losses);
  const direct = read(file);
  for (const choice of Object.values(direct.choices)) choice.method = 'direct';
  expect(await train({ tuned: write(at('fit-direct.json'), direct) })).not.toEqual(
    await train({ compile: false }),
  );
  expect(await train({})).toEqual(await train({ compile: false }));
});

test('a method has to be 3 % faster than the one by shape', () => {
  expect(chosen('winograd', { direct: 0.98, winograd: 1 })?.method).toBe('winograd');
  expect(chosen('winograd', { direct: 0.96, winograd: 1 })?.method).toBe('direct');
  expect(chosen('direct', { direct: 0.5, winograd: 1.23456 })).toEqual({
    method: 'direct',
    ms: { direct: 0.5, winograd: 1.235 },
  });
  expect(chosen('winograd', { direct: 1 })).toBeUndefined();
});

describe('what cannot be a table is refused with its path', () => {
  const good = (): Table => read(forced('good.json', 'direct'));
  test.each([
    ['no JSON', () => '{', /is no JSON/],
    ['a list', () => '[]', /is no table of choices/],
    ['another version', () => ({ ...good(), version: 2 }), /has version 2, this hebb reads 1/],
    [
      'no times',
      () => ({ version: 1, choices: { [key]: { method: 'direct' } } }),
      /no method and times for 'conv2d/,
    ],
  ])('%s', (_, content, message) => {
    const file = write(at('bad.json'), content());
    for (const options of [{ tune: file }, { tuned: file }]) {
      expect(() => step(options)).toThrow(DataError);
      expect(() => step(options)).toThrow(message);
      expect(() => step(options)).toThrow(`compile: ${file}: `);
    }
  });

  test('a method that there is not', async () => {
    const file = forced('unknown.json', 'fourier');
    const tuned = step({ tuned: file });
    expect(() => tuned.prepare(x)).toThrow(DataError);
    expect(() => tuned.prepare(x)).toThrow(
      /unknown\.json: 'fourier' is no method for 'conv2d .*'; use direct or winograd(?: or tiles)?$/,
    );
    forced('unknown.json', 'direct');
    await expect(step({ tuned: file })(x)).resolves.toBeDefined();
  });

  test('a file that is not there, or cannot be written', async () => {
    expect(() => step({ tuned: at('nothing.json') })).toThrow(/nothing\.json: no such file/);
    const tuned = step({ tune: path.join(folder, 'none', 'table.json') });
    await expect(tuned(x)).rejects.toThrow(DataError);
    await expect(tuned(x)).rejects.toThrow(/none\/table\.json: no such file or folder/);
  });
});

test('options that make no sense are refused', () => {
  const file = forced('good.json', 'direct');
  const bad: [unknown, RegExp][] = [
    [{ tune: '' }, /tune is ''; give the path of a table/],
    [{ tune: 3 }, /tune is 3/],
    [{ tuned: true }, /tuned is true; give the path of a table/],
    [{ tune: true, tuned: file }, /give one of them/],
    [{ tuned: file, optimise: false }, /need the passes/],
  ];
  for (const [options, message] of bad) {
    expect(() => step(options as CompileOptions)).toThrow(ValueError);
    expect(() => step(options as CompileOptions)).toThrow(message);
  }
  expect(() => step({ tune: false, optimise: false })).not.toThrow();
  return expect(train({ tune: true, compile: false })).rejects.toThrow(/fit: tune and tuned need the passes/);
});

test('without the options no file is read or written', async () => {
  const empty = mkdtempSync(at('default-'));
  copyFileSync(write(at('broken.json'), '{'), path.join(empty, 'hebb-tune.json'));
  const { code, stderr } = await runProgram('tuned-conv', { cwd: empty });
  expect([code, stderr]).toEqual([0, '']);
  expect(readdirSync(empty)).toEqual(['hebb-tune.json']);
  const asked = await runProgram('tuned-conv', { cwd: empty, env: { HEBB_TUNE: 'hebb-tune.json' } });
  expect(asked.stderr).toContain('hebb-tune.json: is no JSON');
});
