// hebb train, from its arguments to its exit code.
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io, models } from 'hebb';
import { runCli, writeIdxFolder } from './run-train';

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hebb-cli-'));
  await writeIdxFolder(at('data'), { train: 1280, test: 200 });
}, 30_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const json = async (path: string): Promise<Record<string, never>> =>
  JSON.parse(await readFile(path, 'utf8')) as Record<string, never>;

const written = [
  'accuracy.svg',
  'confusion.svg',
  'filters.png',
  'history.json',
  'loss.svg',
  'weights.safetensors',
];

async function checkWeights(path: string): Promise<void> {
  const model = new models.LeNet({ channels: [16, 32], hidden: [128], dropout: 0.1 });
  model.loadStateDict(Object.fromEntries(await io.loadSafetensors(path)));
}

test('trains, reports and writes; the same seed gives the same losses on any number of threads', async () => {
  const histories: unknown[] = [];
  for (const threads of ['1', '2']) {
    const [out, file] = [at(`out-${threads}`), at('json', `run-${threads}.json`)];
    const args = [
      'train',
      '--data',
      at('data'),
      '--epochs',
      '2',
      '--seed',
      '3',
      '--out',
      out,
      '--json',
      file,
      '--threads',
      threads,
    ];
    const { code, stdout, stderr } = await runCli(args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`data: Fashion-MNIST, 1,280 + 200 images, from ${at('data')}`);
    expect(stdout).toMatch(/epoch 2\/2 .* loss .* accuracy .* valLoss .* valAccuracy/);
    expect(stdout).toMatch(/^target {2,}0 +1 +2/m);
    expect(stdout).toMatch(/^test accuracy +\d+\.\d\d % of 200 images$/m);
    expect(stdout).toMatch(/^training time +\d+\.\d s for 40 steps$/m);
    expect(stdout).toMatch(/^speed +\d+ images a second$/m);
    expect((await readdir(out)).sort()).toEqual(written);
    const figures = await json(file);
    expect(Object.keys(figures)).toEqual([
      'dataset',
      'epochs',
      'testAccuracy',
      'seconds',
      'samplesPerSecond',
      'seed',
    ]);
    expect(figures).toMatchObject({ dataset: 'fashion-mnist', epochs: 2, seed: 3 });
    expect(figures['testAccuracy']).toBeGreaterThan(0.3);
    expect(stdout).toContain(`${(100 * Number(figures['testAccuracy'])).toFixed(2)} %`);
    expect((await readFile(join(out, 'filters.png'))).subarray(1, 4).toString()).toBe('PNG');
    for (const name of written.filter(each => each.endsWith('.svg'))) {
      expect(await readFile(join(out, name), 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\s*$/);
    }
    await checkWeights(join(out, 'weights.safetensors'));
    const history = await json(join(out, 'history.json'));
    expect((history['losses'] as number[]).length).toBe(40);
    histories.push([history['losses'], await readFile(join(out, 'weights.safetensors'), 'base64')]);
  }
  expect(histories[1]).toEqual(histories[0]);
}, 120_000);

describe('Ctrl-C', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    '%s finishes the step, saves, and ends with %i',
    async (name, expected) => {
      const out = at(name);
      const file = at(`${name}.json`);
      const outcome = await runCli(
        ['train', '--data', at('data'), '--epochs', '100000', '--out', out, '--json', file],
        {
          until: 'training on the cpu',
          act: child => setTimeout(() => child.kill(name), 400),
        },
      );
      expect([outcome.code, outcome.signal, outcome.stderr]).toEqual([expected, null, '']);
      expect(outcome.stdout).toContain(
        'stopped by a signal: the step under way is finished, the rest is saved now',
      );
      expect(outcome.stdout).toContain('test accuracy');
      await checkWeights(join(out, 'weights.safetensors'));
      expect((await json(file))['epochs']).toBeLessThan(100_000);
    },
    60_000,
  );

  test('before the first step: nothing is written', async () => {
    const out = at('early');
    const outcome = await runCli(['train', '--data', at('data'), '--epochs', '100000', '--out', out], {
      until: 'data: ',
      act: child => child.kill('SIGINT'),
    });
    expect(outcome.code).toBe(130);
    // Where the signal came a moment later, there is a report instead.
    if (outcome.stdout.includes('before the first step')) expect(await readdir(out)).toEqual([]);
    else expect(outcome.stdout).toContain('stopped by a signal');
  }, 60_000);

  test('a second one ends at once', async () => {
    const began = performance.now();
    const outcome = await runCli(
      ['train', '--data', at('data'), '--epochs', '100000', '--out', at('twice')],
      {
        until: 'training on the cpu',
        act: child => {
          const timer = setInterval(() => child.kill('SIGINT'), 1);
          setTimeout(() => clearInterval(timer), 2000);
        },
      },
    );
    expect([outcome.code, outcome.signal]).toEqual([130, null]);
    expect(outcome.stdout).not.toContain('test accuracy');
    expect(performance.now() - began).toBeLessThan(20_000);
  }, 60_000);
});

describe('one clear line and exit code 1', () => {
  const refused = async (args: string[], message: string | RegExp): Promise<void> => {
    // A string must be the start of the line.
    const { code, stdout, stderr } = await runCli(['train', ...args]);
    if (typeof message === 'string') expect(stderr.slice(0, message.length)).toBe(message);
    else expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n').length).toBe(1);
    expect([code, stdout]).toEqual([1, '']);
  };
  const out = (): string[] => ['--out', at('refused')];

  test('a folder that is not there', () =>
    refused(['--data', '/nope', ...out()], 'fashionMnist: no folder "/nope" with train-images-idx3-ubyte'));

  test('a file cut short', async () => {
    await writeIdxFolder(at('short'), { train: 20, test: 20 });
    await truncate(at('short', 'train-images-idx3-ubyte'), 5000);
    await refused(
      ['--data', at('short'), ...out()],
      /train-images-idx3-ubyte.*5000|5000.*train-images-idx3-ubyte/,
    );
  });

  test('a foreign file', async () => {
    await writeIdxFolder(at('foreign'), { train: 20, test: 20 });
    await writeFile(at('foreign', 't10k-labels-idx1-ubyte'), 'not what you think');
    await refused(['--data', at('foreign'), ...out()], /t10k-labels-idx1-ubyte/);
  });

  test.each([
    [['--epochs', '0'], "train: --epochs is '0'; use an integer of 1 and more"],
    [['--batch', '1e3'], "train: --batch is '1e3'; use an integer of 1 and more"],
    [['--seed', '-1'], /^train: .*; see hebb train --help$/m],
    [['--seed=-1'], "train: --seed is '-1'; use an integer of 0 and more"],
    [['--threads', 'two'], "train: --threads is 'two'; use an integer of 1 and more"],
    [['--threads', '9999'], /^threads: count must be an integer in 1..256, got 9999/],
    [['--epoch', '3'], /^train: unknown option '--epoch'; see hebb train --help$/m],
    [['now'], /^train: unexpected argument 'now'/],
    [['--out', '/dev/null/x'], 'train: /dev/null/x: cannot be written to (ENOTDIR); give another folder'],
    [['--json', '/'], 'train: /: is a folder; give a file to --json'],
    [['--out='], 'train: --out is empty; give a path'],
  ])('%p', (args, message) =>
    refused(['--data', at('data'), ...(args[0]?.startsWith('--out') ? [] : out()), ...args], message),
  );
});

test('help, an unknown command, and what this machine is', async () => {
  expect(await runCli(['train', '--help'])).toMatchObject({ code: 0, stderr: '' });
  expect((await runCli(['train', '--help'])).stdout).toContain(
    '--epochs N    passes over the training images (6)',
  );
  expect(await runCli([])).toMatchObject({ code: 0, stderr: '' });
  expect((await runCli(['trian'])).code).toBe(2);
  const { code, stdout } = await runCli(['doctor']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^instruction set +(v2|avx2|avx512|amx|amx-emulated|neon)$/m);
}, 30_000);
