// What the comparison with other libraries does without them: options, settings, the file of weights, verdicts, figures.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'hebb';

const bench = join(__dirname, '..', '..', 'bench');

interface Evaluation {
  readonly value: unknown;
  readonly error: string;
}

/** The value of an expression over `names` of a module, which Jest does not transform; or the message of what it throws. */
function evaluate(module: string, names: string, expression: string): Evaluation {
  const program = `
    import { ${names} } from ${JSON.stringify(join(bench, module))};
    const found = { value: null, error: '' };
    try { found.value = await (async () => (${expression}))(); } catch (error) { found.error = error.message; }
    console.log(JSON.stringify(found));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program]);
  expect(stderr.toString()).toBe('');
  return JSON.parse(stdout.toString()) as Evaluation;
}

describe('options', () => {
  const parse = (...options: string[]): Evaluation =>
    evaluate('rivals/options.mjs', 'parse', `parse(${JSON.stringify(options)})`);

  test('what is not said has its usual value', () => {
    const { value } = parse('--rivals', 'torch');
    expect(value).toEqual({
      rivals: ['torch'],
      only: ['mlp', 'lenet', 'resnet18', 'charlstm', 'seq2seq', 'transformer', 'vae', 'gan'],
      precision: 'f32',
      check: false,
      pairs: 21,
      seconds: 0.5,
    });
  });

  test('what is said is taken', () => {
    const options =
      '--only gan,mlp --threads 1 --pairs 30 --seconds 0.3 --isa avx2 --check --json a.json'.split(' ');
    expect(parse('--rivals', 'jax,torch', ...options).value).toMatchObject({
      rivals: ['jax', 'torch'],
      only: ['gan', 'mlp'],
      threads: 1,
      pairs: 30,
      seconds: 0.3,
      isa: 'avx2',
      check: true,
      json: 'a.json',
    });
  });

  test('bf16 has the workloads that gain by it', () => {
    expect(parse('--rivals', 'torch', '--precision', 'bf16').value).toMatchObject({
      precision: 'bf16',
      only: ['resnet18', 'charlstm', 'transformer'],
    });
  });

  test.each([
    [['--rivals', 'torch,mxnet'], "--rivals has 'mxnet'; use torch, jax"],
    [['--rivals', 'torch', '--only', 'mlp,tiny'], "--only has 'tiny'; use mlp, lenet,"],
    [['--rivals', 'torch', '--isa', 'sse2'], "--isa is 'sse2'; use avx2"],
    [['--rivals', 'torch', '--precision', 'f16'], "--precision is 'f16'; use f32 or bf16"],
    [['--rivals', 'torch', '--pairs', '0'], "--pairs is '0'; use a number of 1 and more"],
    [['--rivals', 'torch', '--seconds', 'long'], "--seconds is 'long'; use a number of 0 and more"],
    [
      ['--rivals', 'jax', '--precision', 'bf16'],
      '--precision bf16 has only torch to compare with; use --rivals torch',
    ],
  ])('%j is refused', (options, message) => {
    expect(parse(...options).error).toContain(message);
  });

  test('only --rivals asks for a comparison', () => {
    const asked = evaluate(
      'rivals/options.mjs',
      'namesRivals',
      `[['--rivals', 'torch'], ['--rivals=jax'], ['--only', 'mlp'], ['--rivalry']].map(namesRivals)`,
    );
    expect(asked.value).toEqual([true, true, false, false]);
  });
});

describe('settings', () => {
  test('the plainest comes first, and layouts of images are for convolutions', () => {
    const names = `['torch', 'jax'].map(rival => ['mlp', 'lenet', 'vae'].map(w => settingsFor(rival, w).map(s => s.name)))`;
    expect(evaluate('rivals/settings.mjs', 'settingsFor', names).value).toEqual([
      [
        ['eager', 'tuned', 'compile'],
        ['eager', 'tuned', 'tuned-nhwc', 'compile'],
        ['eager', 'tuned', 'compile'],
      ],
      [['jit'], ['jit'], ['jit', 'jit-rbg']],
    ]);
  });

  test('threads and instructions are limited on both sides alike', () => {
    const of = `['hebb', 'torch', 'jax'].map(p => [environmentOf(p, { threads: 1, isa: 'avx2' }), environmentOf(p, { threads: 2 })])`;
    expect(evaluate('rivals/settings.mjs', 'environmentOf', of).value).toEqual([
      [{ HEBB_ISA: 'avx2' }, {}],
      [
        {
          ATEN_CPU_CAPABILITY: 'avx2',
          ONEDNN_MAX_CPU_ISA: 'AVX2',
          MKL_ENABLE_INSTRUCTIONS: 'AVX2',
          OMP_NUM_THREADS: '1',
          MKL_NUM_THREADS: '1',
        },
        { OMP_NUM_THREADS: '2', MKL_NUM_THREADS: '2' },
      ],
      [
        {
          JAX_PLATFORMS: 'cpu',
          NPROC: '1',
          XLA_FLAGS: '--xla_cpu_max_isa=AVX2 --xla_cpu_multi_thread_eigen=false',
        },
        { JAX_PLATFORMS: 'cpu', NPROC: '2', XLA_FLAGS: '' },
      ],
    ]);
  });
});

describe('the file that both sides start from', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hebb-rivals-test-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const exchange = join(bench, 'rivals', 'exchange.mjs');

  test('has the weights by path, the inputs and the noise, and gives hebb back what was written', async () => {
    const file = join(folder, 'gan.safetensors');
    // One step from the file, and one of a workload built anew, on other noise.
    const program = `(async () => {
      const { writeStart, readStart } = await import(${JSON.stringify(exchange)});
      await writeStart(workload, ${JSON.stringify(file)});
      const built = await readStart(workload, ${JSON.stringify(file)}, true);
      const first = await Promise.all([built, workload.build(0)].map(each =>
        Promise.all(each.models[0].parameters().map(async p => Array.from((await p.read()).slice(0, 4))))));
      const steps = [];
      for (let i = 0; i < 2; i++) {
        const again = await readStart(workload, ${JSON.stringify(file)}, true);
        steps.push(await Promise.all(again.step(...again.inputs).map(loss => loss.item())));
      }
      return { first, steps, inputs: built.inputs.map(x => x.shape) };
    })()`;
    const { value, error } = evaluate('workloads/gan.mjs', 'workload', program);
    expect(error).toBe('');
    const { first, steps, inputs } = value as { first: unknown[]; steps: unknown[]; inputs: unknown };
    expect(first[0]).toEqual(first[1]);
    // The noise is that of the file in each step.
    expect(steps[0]).toEqual(steps[1]);
    expect(inputs).toEqual([
      [128, 784],
      [128, 100],
    ]);
    const tensors = await io.loadSafetensors(file);
    const shapes = Object.fromEntries([...tensors].map(([name, x]) => [name, x.shape]));
    expect(shapes).toMatchObject({
      'models.0.0.weight': [256, 100],
      'models.1.4.bias': [1],
      'inputs.0': [128, 784],
      'noise.0': [128, 100],
    });
    expect(tensors.size).toBe(14);
  });

  test('a check drops nothing', () => {
    const file = join(folder, 'transformer.safetensors');
    const program = `(async () => {
      const { writeStart, readStart } = await import(${JSON.stringify(exchange)});
      await writeStart(workload, ${JSON.stringify(file)});
      const modes = [];
      for (const check of [true, false]) {
        const [model] = (await readStart(workload, ${JSON.stringify(file)}, check)).models;
        const dropping = model.modules().filter(module => module.p === 0.1);
        modes.push([dropping.length, dropping.filter(module => module.training).length, model.training]);
      }
      return modes;
    })()`;
    expect(evaluate('workloads/transformer.mjs', 'workload', program)).toEqual({
      value: [
        [8, 0, true],
        [8, 8, true],
      ],
      error: '',
    });
  });
});

describe('curves', () => {
  const compare = (ours: unknown, theirs: unknown): unknown =>
    evaluate(
      'rivals/curves.mjs',
      'compareCurves, tolerancesOf',
      `compareCurves(${JSON.stringify(ours)}, ${JSON.stringify(theirs)}, tolerancesOf('mlp', 'f32'))`,
    ).value;
  const constant = (value: number | null): (number | null)[][] =>
    Array.from({ length: 20 }, () => [2, value]);
  const changed = (step: number, value: number): (number | null)[][] =>
    constant(1).map((losses, i) => (i === step ? [2, value] : losses));

  test('the same is equal', () => {
    expect(compare(constant(1), constant(1))).toEqual({ first: 0, early: 0, late: 0, equal: true });
  });

  test('the first ten steps are held to more than the rest', () => {
    const near = { equal: true, first: 0, early: 0, late: expect.closeTo(1e-3, 5) as number };
    expect(compare(constant(1), changed(10, 1.001))).toEqual(near);
    expect(compare(constant(1), changed(9, 1.001))).toMatchObject({ equal: false, late: 0 });
    expect(compare(constant(1), changed(0, 1.000008))).toMatchObject({ equal: false, late: 0 });
    expect(compare(constant(1), changed(1, 1.000008))).toMatchObject({ equal: true, first: 0 });
    expect(compare(constant(1), changed(19, 1.2))).toMatchObject({ equal: false, early: 0 });
  });

  test('a workload that loses its rounding sooner has a tolerance of its own, but for the first step', () => {
    const { value } = evaluate(
      'rivals/curves.mjs',
      'tolerancesOf',
      `['mlp', 'resnet18'].map(name => tolerancesOf(name, 'f32'))`,
    );
    expect(value).toEqual([
      { first: 5e-6, early: 5e-5, late: 5e-2 },
      { first: 5e-6, early: 1e-2, late: 5e-2 },
    ]);
  });

  test('what is missing or no number is different', () => {
    expect(compare(constant(1), constant(1).slice(0, 19))).toMatchObject({ equal: false });
    expect(
      compare(
        constant(1),
        constant(1).map(([a]) => [a]),
      ),
    ).toMatchObject({ equal: false });
    // JSON has null for NaN.
    expect(compare(constant(1), constant(null))).toMatchObject({ equal: false });
    expect(compare(constant(null), constant(null))).toMatchObject({ equal: false });
  });
});

describe('the report', () => {
  const setting = (rival: string, name: string): object => ({ rival, name, worker: {}, env: {} });
  const screened = [
    { setting: setting('torch', 'eager'), ms: 4, firstStepMs: 9 },
    { setting: setting('torch', 'tuned'), ms: 3, firstStepMs: 9 },
    { setting: setting('torch', 'compile'), failure: 'no compiler\nat line 1' },
    { setting: setting('jax', 'jit'), ms: 2.5, firstStepMs: 9 },
  ];

  test('the fastest setting is the rival, and the plain one is told too', () => {
    const expression = `(s => [fastest(s), fastest(s, 'torch'), fastest(s, 'mxnet') ?? null, fastest(s.slice(2, 3)) ?? null])`;
    const found = evaluate('rivals/measure.mjs', 'fastest', `${expression}(${JSON.stringify(screened)})`);
    expect(found).toMatchObject({ error: '', value: [screened[3], screened[1], null, null] });
  });

  test('the ratio is that of the pairs, with its interval', () => {
    const samples = [2, 3, 4].map(hebb => ({ hebb, rival: 2 * hebb, quiet: true }));
    const figure = { peakRssMb: 100, pageFaultsPerStep: 0 };
    const measured = {
      used: samples,
      taken: samples,
      noisy: false,
      figures: { hebb: figure, rival: { ...figure, peakRssMb: 300 } },
    };
    const facts = {
      name: 'mlp',
      precision: 'f32',
      floorMs: 0.5,
      setting: setting('jax', 'jit'),
      screened,
      measured,
    };
    const { value, error } = evaluate(
      'rivals/report.mjs',
      'workloadReport, workloadLine, screenedLine',
      `[workloadReport(${JSON.stringify(facts)})].map(each => [each, workloadLine(each), screenedLine(each)])[0]`,
    );
    expect(error).toBe('');
    const [report, line, settings] = value as [object, string, string];
    expect(report).toMatchObject({
      name: 'mlp',
      precision: 'f32',
      hebbMs: 3,
      floorMs: 0.5,
      // Of the fastest, the time of its pairs; of the others, the time they were screened with.
      rivals: { torch: { ms: 3, settings: 'tuned' }, jax: { ms: 6, settings: 'jit' } },
      fastest: 'jax',
      ratio: 2,
      ratioLow: 2,
      ratioHigh: 2,
      pairs: 3,
      noisy: false,
      peakRssMb: 100,
      rivalPeakRssMb: 300,
      samples,
    });
    expect(line).toMatch(/^mlp .* 16\.7 .* 2\.000 \[2\.000, 2\.000\] against jax jit; 3 pairs$/);
    expect(settings).toBe(
      'mlp: torch eager 4.000, torch tuned 3.000, torch compile failed, jax jit 2.500 ms',
    );
  });
});
