// The other libraries, and the settings in which each of them is timed.
import { operations } from '../ops/cases.mjs';
import { names } from '../workloads/index.mjs';

const namesWhere = condition => operations.filter(condition).map(({ name }) => name);

const withImages = ['lenet', 'resnet18', ...namesWhere(({ images }) => images === true)];
const drawing = ['transformer', 'vae', 'gan', ...namesWhere(({ op }) => op === 'dropout')];
// Of an update, nothing is left that PyTorch would compile.
const withForward = [...names, ...namesWhere(({ family }) => family !== 'optimizer')];

// What glibc gives back to the system after each step comes again as page faults.
const keepMemory = { MALLOC_MMAP_THRESHOLD_: '1073741824', MALLOC_TRIM_THRESHOLD_: '4294967296' };
const tuned = { fused: true, flushDenormal: true };

const settings = {
  torch: [
    { name: 'eager', worker: {} },
    { name: 'tuned', worker: tuned, env: keepMemory },
    {
      name: 'tuned-nhwc',
      worker: { ...tuned, channelsLast: true },
      env: keepMemory,
      workloads: withImages,
    },
    { name: 'compile', worker: { ...tuned, compile: true }, env: keepMemory, workloads: withForward },
  ],
  jax: [
    { name: 'jit', worker: {} },
    // Another generator of random numbers, quicker than the default.
    { name: 'jit-rbg', worker: { rbg: true }, workloads: drawing },
  ],
};

export const rivalNames = Object.keys(settings);

/** The workloads that are written for the rivals: all but the one that times calls alone. */
export const workloadNames = names.filter(name => name !== 'tiny');

/** Those that a precision other than f32 makes sense for. */
export const narrowWorkloads = ['resnet18', 'charlstm', 'transformer'];

/** The settings of a rival for a workload or an operation, the plainest first. */
export function settingsFor(rival, workload) {
  return settings[rival]
    .filter(({ workloads }) => workloads === undefined || workloads.includes(workload))
    .map(({ name, worker, env = {} }) => ({ rival, name, worker, env }));
}

// By rival: what limits it to the instructions of AVX2.
const avx2 = {
  hebb: { HEBB_ISA: 'avx2' },
  torch: { ATEN_CPU_CAPABILITY: 'avx2', ONEDNN_MAX_CPU_ISA: 'AVX2', MKL_ENABLE_INSTRUCTIONS: 'AVX2' },
};

/** The environment of a process of `program`, 'hebb' or a rival: threads and instructions, the same for all. */
export function environmentOf(program, { threads, isa }) {
  const env = isa === 'avx2' ? { ...avx2[program] } : {};
  if (program === 'torch') return { ...env, OMP_NUM_THREADS: `${threads}`, MKL_NUM_THREADS: `${threads}` };
  if (program !== 'jax') return env;
  const flags = [
    ...(isa === 'avx2' ? ['--xla_cpu_max_isa=AVX2'] : []),
    ...(threads === 1 ? ['--xla_cpu_multi_thread_eigen=false'] : []),
  ];
  // NPROC is how many threads XLA makes.
  return { ...env, JAX_PLATFORMS: 'cpu', NPROC: `${threads}`, XLA_FLAGS: flags.join(' ') };
}
