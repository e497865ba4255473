// The operations that are timed by themselves, as data: what the other libraries are told of them too, and what each
// needs at least, in floating-point operations or, for those that stream, in bytes. Nothing here needs the library.

const F32 = 4;
const sizeOf = shape => shape.reduce((size, extent) => size * extent, 1);
const bytesOf = (...shapes) => F32 * shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);

// Forward, the gradient by the input and that by the weight are a product of the same size each.
const PRODUCTS = 3;
const productFlops = multiplications => PRODUCTS * 2 * multiplications;

function gemm(batch, outputs, inputs) {
  return {
    name: `gemm-${batch}x${outputs}x${inputs}`,
    family: 'gemm',
    op: 'linear',
    batch,
    outputs,
    inputs,
    flops: productFlops(batch * outputs * inputs),
  };
}

/** A convolution of square images and kernels; padding keeps the size unless said. */
function conv(inputs, outputs, kernel, extent, options = {}) {
  const { stride = 1, groups = 1, batch = 32, padding = (kernel - 1) / 2 } = options;
  const words = [
    inputs,
    outputs,
    `${kernel}x${kernel}`,
    ...(stride > 1 ? [`s${stride}`] : []),
    ...(groups > 1 ? [`g${groups}`] : []),
    extent,
  ];
  const rows = Math.floor((extent + 2 * padding - kernel) / stride) + 1;
  return {
    name: `conv-${words.join('-')}`,
    family: 'conv',
    op: 'conv',
    images: true,
    ...{ batch, extent, inputs, outputs, kernel, stride, padding, groups },
    flops: productFlops(batch * rows ** 2 * outputs * kernel ** 2 * (inputs / groups)),
  };
}

/** Doubles the extent. */
function transposed(inputs, outputs, extent) {
  const [batch, kernel] = [32, 4];
  return {
    name: `conv-transposed-${inputs}-${outputs}-4x4-s2-${extent}`,
    family: 'conv',
    op: 'transposed',
    images: true,
    ...{ batch, extent, inputs, outputs, kernel, stride: 2, padding: 1 },
    flops: productFlops(batch * extent ** 2 * inputs * kernel ** 2 * outputs),
  };
}

function pool(kind) {
  const shape = [32, 32, 32, 64];
  const [batch, height, width, channels] = shape;
  const pooled = [batch, height / 2, width / 2, channels];
  const name = `pool-${kind}-2x2`;
  // x to y, dy to dx.
  return {
    name,
    family: 'pool',
    op: `${kind}Pool`,
    images: true,
    shape,
    bytes: bytesOf(shape, shape, pooled, pooled),
  };
}

const images = [32, 32, 32, 64];
const rows = [1024, 512];
// x to y; x and dy to dx.
const normBytes = shape => 5 * bytesOf(shape);

const norms = [
  {
    name: 'norm-batch',
    family: 'norm',
    op: 'batchNorm',
    images: true,
    shape: images,
    bytes: normBytes(images),
  },
  { name: 'norm-layer', family: 'norm', op: 'layerNorm', shape: rows, bytes: normBytes(rows) },
];

const logits = [1024, 8000];
const [count, features, ids] = [20_000, 256, 2048];

const lookups = [
  {
    name: 'softmax-cross-entropy',
    family: 'softmax',
    op: 'crossEntropy',
    shape: logits,
    // Logits read on both ways, their gradient written.
    bytes: 3 * bytesOf(logits),
  },
  {
    name: 'embedding',
    family: 'embedding',
    op: 'embedding',
    count,
    features,
    ids,
    // Rows read and y written, dy read and the gradient of the whole table written.
    bytes: 3 * bytesOf([ids, features]) + bytesOf([count, features]),
  },
];

function recurrent(op, gates) {
  const [time, batch, inputs, hidden] = [64, 32, 128, 256];
  const flops = productFlops(time * batch * gates * hidden * (inputs + hidden));
  return { name: op, family: 'recurrent', op, time, batch, inputs, hidden, flops };
}

function attention(batch, heads, time, depth) {
  // Two products forward and four back, half of each hidden.
  const flops = 6 * 2 * batch * heads * time ** 2 * depth * 0.5;
  const shape = [batch, heads, time, depth];
  return {
    name: `attention-b${batch}-h${heads}-s${time}-d${depth}`,
    family: 'attention',
    op: 'attention',
    shape,
    flops,
  };
}

function elementwise(op, size) {
  // x to y; x and dy to dx. What dropout dropped is a bit an element, so that only dy counts.
  const tensors = op === 'dropout' ? 4 : 5;
  return {
    name: `${op}-${size}`,
    family: 'elementwise',
    op,
    shape: [size],
    bytes: tensors * bytesOf([size]),
  };
}

/** The shapes of the 62 parameters of a ResNet-18 for images of 32 x 32 and ten classes. */
function resnet18Shapes() {
  const normalised = (outputs, inputs, kernel) => [[outputs, kernel, kernel, inputs], [outputs], [outputs]];
  const shapes = normalised(64, 3, 3);
  let before = 64;
  for (const width of [64, 128, 256, 512]) {
    shapes.push(...normalised(width, before, 3), ...normalised(width, width, 3));
    if (width !== before) shapes.push(...normalised(width, before, 1));
    shapes.push(...normalised(width, width, 3), ...normalised(width, width, 3));
    before = width;
  }
  return [...shapes, [10, 512], [10]];
}

// Of each parameter, what is read and written: itself and its moments, and the gradient, which is only read.
const optimizers = { sgd: 5, adam: 7, adamw: 7 };
const sets = { '4m': [[4 * 1024 * 1024]], resnet18: resnet18Shapes() };

const updates = Object.entries(optimizers).flatMap(([op, passes]) =>
  Object.entries(sets).map(([set, shapes]) => ({
    name: `${op}-${set}`,
    family: 'optimizer',
    op,
    shapes,
    // Small, so that parameters stay in range over many steps with the same gradient; large against what rounding makes of
    // 1 - lr decay.
    lr: 1e-3,
    outcomeSteps: 3,
    bytes: passes * bytesOf(...shapes),
  })),
);

export const operations = [
  ...[64, 128, 256, 512, 1024].map(extent => gemm(extent, extent, extent)),
  ...[gemm(128, 256, 784), gemm(128, 10, 128), gemm(1024, 1024, 256), gemm(2048, 64, 576)],
  ...[conv(3, 64, 3, 32), conv(64, 64, 3, 32), conv(64, 128, 3, 32, { stride: 2 })],
  ...[conv(128, 128, 3, 16), conv(256, 256, 3, 8), conv(512, 512, 3, 4)],
  ...[conv(64, 128, 1, 32, { stride: 2 }), conv(128, 512, 1, 16)],
  ...[conv(128, 128, 3, 32, { groups: 128 }), conv(128, 128, 3, 16, { groups: 8 })],
  ...[conv(1, 6, 5, 28, { batch: 64, padding: 0 }), conv(6, 16, 5, 12, { batch: 64, padding: 0 })],
  transposed(64, 64, 16),
  ...[pool('max'), pool('average')],
  ...norms,
  ...lookups,
  ...[recurrent('rnn', 1), recurrent('lstm', 4), recurrent('gru', 3)],
  ...[attention(8, 4, 128, 32), attention(8, 8, 256, 64), attention(2, 8, 1024, 64)],
  ...[8192, 65_536, 1_048_576].map(size => elementwise('chain', size)),
  elementwise('dropout', 1_048_576),
  ...updates,
];

export const operationNamed = name => operations.find(each => each.name === name);

/** Every word that chooses operations: the families, the ops and the names. */
export const words = [...new Set(operations.flatMap(({ family, op, name }) => [family, op, name]))];

/** The names of the operations that a list of words chooses, in the order of the list here. */
export const chosenBy = list =>
  operations
    .filter(({ family, op, name }) => [family, op, name].some(word => list.includes(word)))
    .map(({ name }) => name);
