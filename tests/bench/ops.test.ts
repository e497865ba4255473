// The operations that are timed beside other libraries: which there are, how they are chosen, what a step of one does.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bench = join(__dirname, '..', '..', 'bench');

interface Evaluation {
  readonly value: unknown;
  readonly error: string;
}

/** What an asynchronous function body returns, with everything of a module as `m`; Jest does not transform it. */
function evaluate(module: string, body: string): Evaluation {
  const program = `
    import * as m from ${JSON.stringify(join(bench, module))};
    const found = { value: null, error: '' };
    try { found.value = await (async () => { ${body} })(); } catch (error) { found.error = error.message; }
    console.log(JSON.stringify(found));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program]);
  // That no optimizer uses the gradients is how it should be.
  expect(stderr.toString().replace(/^\(.*(HebbWarning|--trace-warnings).*\n/gm, '')).toBe('');
  return JSON.parse(stdout.toString()) as Evaluation;
}

interface Case {
  readonly name: string;
  readonly family: string;
  readonly op: string;
  readonly flops?: number;
  readonly bytes?: number;
  readonly shapes?: number[][];
}

describe('the list', () => {
  const cases = evaluate('ops/cases.mjs', 'return m.operations;').value as Case[];
  const named = (name: string): Case | undefined => cases.find(each => each.name === name);

  test('names are unique, none is that of a training step, and each has one kind of floor', () => {
    const trainings = evaluate('workloads/index.mjs', 'return m.names;').value as string[];
    const names = [...cases.map(({ name }) => name), ...trainings];
    expect(new Set(names).size).toBe(names.length);
    for (const { name, flops, bytes } of cases) {
      const floors = [flops, bytes].filter(
        floor => floor !== undefined && Number.isInteger(floor) && floor > 0,
      );
      expect([name, floors.length]).toEqual([name, 1]);
    }
  });

  test('has so many of each family', () => {
    const counts: Record<string, number> = {};
    for (const { family } of cases) counts[family] = (counts[family] ?? 0) + 1;
    expect(counts).toEqual({
      gemm: 9,
      conv: 13,
      pool: 2,
      norm: 2,
      softmax: 1,
      embedding: 1,
      recurrent: 3,
      attention: 3,
      elementwise: 4,
      optimizer: 6,
    });
  });

  test.each([
    ['gemm-128x256x784', 6 * 128 * 256 * 784],
    ['conv-64-128-3x3-s2-32', 6 * 32 * 16 * 16 * 128 * 9 * 64],
    ['conv-128-128-3x3-g128-32', 6 * 32 * 32 * 32 * 128 * 9],
    ['conv-6-16-5x5-12', 6 * 64 * 8 * 8 * 16 * 25 * 6],
    ['conv-transposed-64-64-4x4-s2-16', 6 * 32 * 16 * 16 * 64 * 16 * 64],
    ['lstm', 6 * 64 * 32 * 4 * 256 * (128 + 256)],
    ['attention-b8-h4-s128-d32', 6 * 8 * 4 * 128 * 128 * 32],
  ])('%s takes %d operations', (name, flops) => {
    expect(named(name)).toMatchObject({ flops });
  });

  test.each([
    ['pool-max-2x2', 4 * 2.5 * 32 * 32 * 32 * 64],
    ['norm-layer', 4 * 5 * 1024 * 512],
    ['embedding', 4 * (3 * 2048 + 20_000) * 256],
    ['dropout-1048576', 4 * 4 * 1_048_576],
    ['adam-4m', 4 * 7 * 4_194_304],
  ])('%s moves %d bytes', (name, bytes) => {
    expect(named(name)).toMatchObject({ bytes });
  });

  test('the parameters of the ResNet-18 are all there', () => {
    const shapes = named('sgd-resnet18')?.shapes ?? [];
    const sizes = shapes.map(shape => shape.reduce((size, extent) => size * extent, 1));
    expect(shapes).toHaveLength(62);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(11_173_962);
  });
});

describe('options', () => {
  const parse = (...options: string[]): Evaluation =>
    evaluate('rivals/options.mjs', `return m.parseOperations(${JSON.stringify(options)});`);

  test('what is not said has its usual value', () => {
    const { value, error } = parse();
    expect(error).toBe('');
    const { only, ...rest } = value as { only: string[] };
    expect(rest).toEqual({ rivals: ['torch'], precision: 'f32', check: false, pairs: 21, seconds: 0.5 });
    expect(only).toHaveLength(44);
  });

  test('operations are chosen by family, op and name, in the order of the list', () => {
    const chosen = parse('--rivals', 'torch,jax', '--only', 'pool,lstm,gemm-64x64x64,chain', '--check').value;
    expect(chosen).toMatchObject({
      rivals: ['torch', 'jax'],
      only: [
        'gemm-64x64x64',
        ...['pool-max-2x2', 'pool-average-2x2', 'lstm'],
        ...['chain-8192', 'chain-65536', 'chain-1048576'],
      ],
      check: true,
    });
  });

  test.each([
    [['--only', 'gemm,mlp'], "--only has 'mlp'; use gemm, linear, gemm-64x64x64"],
    [['--rivals', 'mxnet'], "--rivals has 'mxnet'; use torch, jax"],
    [['--precision', 'bf16'], "Unknown option '--precision'"],
  ])('%j is refused', (options, message) => {
    expect(parse(...options).error).toContain(message);
  });
});

test('images are tried in both layouts, what draws with both generators, and an update is not compiled', () => {
  const { value } = evaluate(
    'rivals/settings.mjs',
    `return ['norm-batch', 'norm-layer', 'dropout-1048576', 'adam-4m'].map(name =>
      ['torch', 'jax'].flatMap(rival => m.settingsFor(rival, name).map(each => each.name)));`,
  );
  expect(value).toEqual([
    ['eager', 'tuned', 'tuned-nhwc', 'compile', 'jit'],
    ['eager', 'tuned', 'compile', 'jit'],
    ['eager', 'tuned', 'compile', 'jit', 'jit-rbg'],
    ['eager', 'tuned', 'jit'],
  ]);
});

test('sums are compared by name; a missing one, or what is no number, is different', () => {
  const { value } = evaluate(
    'rivals/sums.mjs',
    `const compare = theirs => m.compareSums({ y: 2, x: 1000 }, theirs, 1e-4);
    return [compare({ y: 2, x: 1000.05 }), compare({ y: 2.001, x: 1000 }), compare({ y: 2 }),
      compare({ y: null, x: 1000 }), m.sumsTolerance({ op: 'linear' }), m.sumsTolerance({ op: 'dropout' })];`,
  );
  expect(value).toEqual([
    { names: 2, largest: expect.closeTo(5e-5, 7) as number, of: 'x', equal: true },
    { names: 2, largest: expect.closeTo(5e-4, 6) as number, of: 'y', equal: false },
    // JSON has null for Infinity.
    { names: 2, largest: null, of: 'x', equal: false },
    { names: 2, largest: null, of: 'y', equal: false },
    1e-4,
    4e-3,
  ]);
});

describe('a step', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hebb-ops-test-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('of a layer gives its result, leaves both gradients, and one number is read of it', () => {
    const { value, error } = evaluate(
      'rivals/find.mjs',
      `const { Runner } = await import(${JSON.stringify(join(bench, 'training', 'runner.mjs'))});
      const workload = await m.find('gemm-64x64x64');
      const built = workload.build(0);
      const [y, first] = built.step(...built.inputs);
      const [x, weight] = built.models[0].parameters();
      const read = async values => Array.from(await values.read());
      const tensors = { y, x, weight, dy: built.inputs[0], dx: x.grad, dw: weight.grad, first };
      const found = {};
      for (const [name, tensor] of Object.entries(tensors)) found[name] = await read(tensor);
      const runner = new Runner({ build: () => built }, 'compiled');
      return { ...found, ran: await runner.run(2), names: built.outcome([y]).map(([name]) => name) };`,
    );
    expect(error).toBe('');
    type Found = Record<'y' | 'x' | 'weight' | 'dy' | 'dx' | 'dw' | 'first' | 'ran', number[]>;
    const { y, x, weight, dy, dx, dw, first, ran } = value as Found;
    // sum over k of a[i, k] b[k, j], of 64 x 64 with these strides.
    const product = (a: number[], [ai, ak]: number[], b: number[], [bk, bj]: number[]): number[] =>
      Array.from({ length: 64 * 64 }, (_, at) => {
        const [i, j] = [Math.floor(at / 64), at % 64];
        let sum = 0;
        for (let k = 0; k < 64; k++)
          sum += (a[i * (ai ?? 0) + k * (ak ?? 0)] ?? NaN) * (b[k * (bk ?? 0) + j * (bj ?? 0)] ?? NaN);
        return sum;
      });
    const references: [number[], number[]][] = [
      [y, product(x, [64, 1], weight, [1, 64])],
      [dx, product(dy, [64, 1], weight, [64, 1])],
      [dw, product(dy, [1, 64], x, [64, 1])],
    ];
    for (const [found, wanted] of references) {
      expect(found).toHaveLength(wanted.length);
      expect(Math.max(...found.map((each, i) => Math.abs(each - (wanted[i] ?? NaN))))).toBeLessThan(1e-4);
    }
    expect(first).toEqual([dx[0]]);
    expect(ran).toEqual([dx[0]]);
    expect((value as { names: string[] }).names).toEqual(['y', 'x', 'layer.weight']);
  });

  test('of an optimizer moves parameters by the given gradients, and a worker tells how far', () => {
    const file = join(folder, 'sgd.safetensors');
    const { value, error } = evaluate(
      'rivals/find.mjs',
      `const { writeStart } = await import(${JSON.stringify(join(bench, 'rivals', 'exchange.mjs'))});
      const { hebbWorker } = await import(${JSON.stringify(join(bench, 'rivals', 'worker.mjs'))});
      const workload = await m.find('sgd-4m');
      await writeStart(workload, ${JSON.stringify(file)});
      const [grad] = workload.build(0).inputs;
      const task = { name: 'sgd-4m', file: ${JSON.stringify(file)}, threads: 1, operation: workload.operation };
      const worker = hebbWorker(task);
      try {
        return { ...(await worker.ask('sums')), gradient: await grad.sum().item() };
      } finally {
        await worker.close();
      }`,
    );
    expect(error).toBe('');
    const { sums, gradient } = value as { sums: Record<string, number>; gradient: number };
    // Velocities of g, 1.9 g and 2.71 g, times the rate.
    const moved = 1e-3 * (1 + 1.9 + 2.71) * gradient;
    expect(Object.keys(sums)).toEqual(['list.0']);
    expect(Math.abs((sums['list.0'] ?? NaN) / moved - 1)).toBeLessThan(1e-4);
  });
});
