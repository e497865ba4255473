// `npm run bench:setup`: makes the virtual environment with the libraries that hebb is compared with.
import { run } from '../../scripts/process.mjs';
import { environmentFolder, python, RivalError } from './python.mjs';

const requirements = ['torch==2.13.0', 'jax>=0.10,<0.11'];
// An index that cannot be reached is found out quickly.
const env = { PIP_RETRIES: '0', PIP_DEFAULT_TIMEOUT: '3', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
const versions = 'import torch, jax, jaxlib; print(torch.__version__, jax.__version__, jaxlib.__version__)';

/** 'torch 2.13.0, ...' where both libraries are there, in the releases asked for; else undefined. */
async function installed() {
  const { code, output } = await run(python, ['-c', versions], { env: { JAX_PLATFORMS: 'cpu' } });
  if (code !== 0) return undefined;
  const [torch, jax, jaxlib] = output.trim().split('\n').at(-1).split(' ');
  const fits = torch.split('+')[0] === '2.13.0' && jax.startsWith('0.10.');
  return fits ? `torch ${torch}, jax ${jax}, jaxlib ${jaxlib}` : undefined;
}

const lastLines = text => text.trim().split('\n').slice(-3).join('\n');

async function setUp() {
  const before = await installed();
  if (before !== undefined) return `${before}: already there`;
  const made = await run('python3', ['-m', 'venv', environmentFolder]);
  if (made.code !== 0) {
    throw new RivalError(
      `bench:setup: python3 -m venv failed; install Python 3 with venv\n${lastLines(made.output)}`,
    );
  }
  const pip = await run(python, ['-m', 'pip', 'install', '--quiet', ...requirements], { env });
  if (pip.code !== 0) {
    throw new RivalError(
      `bench:setup: pip cannot install ${requirements.join(' and ')}; give it an index or wheels that have them ` +
        `(PIP_INDEX_URL, PIP_FIND_LINKS)\n${lastLines(pip.output)}`,
    );
  }
  const after = await installed();
  if (after === undefined)
    throw new RivalError(`bench:setup: ${environmentFolder} does not import torch and jax`);
  return after;
}

try {
  console.log(`bench:setup: ${await setUp()}`);
} catch (error) {
  if (!(error instanceof RivalError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
