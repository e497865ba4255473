// What each operation is in hebb: a model of its parameters, a forward pass over them, and the inputs beside them.
import { hebb } from '../workloads/hebb.mjs';

const { conv2dInputGrad, mul, nn, randint, scaledDotProductAttention } = hebb;

/** A parameter drawn from the normal distribution. */
const drawn = shape => nn.parameter(shape, target => nn.init.normal(target));

/** Parameters and layers under the names that their states have in every library. */
export class Operation extends nn.Module {
  constructor(parts) {
    super();
    Object.assign(this, parts);
  }
}

/** A layer and its input, which is a parameter as well, so that the gradient by it is computed. */
function layered(shape, layer, outputOf = y => y) {
  const model = new Operation({ x: drawn(shape), layer });
  return { model, forward: () => outputOf(layer.forward(model.x)) };
}

/** A function of parameters alone. */
function applied(parameters, forward) {
  const model = new Operation(parameters);
  return { model, forward: () => forward(model) };
}

const recurrent = Layer => operation => {
  const { time, batch, inputs, hidden } = operation;
  return layered([batch, time, inputs], new Layer(inputs, hidden), ({ output }) => output);
};

// Eight operations; the other libraries have the same.
function chain({ x }) {
  const gated = mul(x, 1.5).add(0.25).sigmoid().mul(x);
  return gated.sub(0.5).square().sub(0.1).relu();
}

const images = ({ batch, extent, inputs }) => [batch, extent, extent, inputs];

/** By `op` of a description: `{ model, forward(...inputs), inputs, isLoss }`. */
const operations = {
  linear: ({ batch, inputs, outputs }) =>
    layered([batch, inputs], new nn.Linear(inputs, outputs, { bias: false })),
  conv(operation) {
    const { inputs, outputs, kernel, stride, padding, groups } = operation;
    const options = { stride, padding, groups, bias: false };
    return layered(images(operation), new nn.Conv2d(inputs, outputs, kernel, options));
  },
  transposed(operation) {
    const { inputs, outputs, kernel, stride, padding, extent } = operation;
    const weight = drawn([inputs, kernel, kernel, outputs]);
    const size = [stride * extent, stride * extent];
    return applied({ x: drawn(images(operation)), weight }, model =>
      conv2dInputGrad(model.x, model.weight, size, { stride, padding }),
    );
  },
  maxPool: ({ shape }) => layered(shape, new nn.MaxPool2d(2)),
  averagePool: ({ shape }) => layered(shape, new nn.AvgPool2d(2)),
  batchNorm: ({ shape }) => layered(shape, new nn.BatchNorm2d(shape.at(-1))),
  layerNorm: ({ shape }) => layered(shape, new nn.LayerNorm(shape.at(-1))),
  crossEntropy({ shape: [batch, classes] }) {
    const model = new Operation({ x: drawn([batch, classes]) });
    const forward = target => nn.crossEntropy(model.x, target);
    return { model, forward, inputs: [randint(0, classes, [batch])], isLoss: true };
  },
  embedding({ count, features, ids }) {
    const model = new Operation({ layer: new nn.Embedding(count, features) });
    return { model, forward: x => model.layer.forward(x), inputs: [randint(0, count, [ids])] };
  },
  rnn: recurrent(nn.RNN),
  lstm: recurrent(nn.LSTM),
  gru: recurrent(nn.GRU),
  attention({ shape }) {
    const parameters = { query: drawn(shape), key: drawn(shape), value: drawn(shape) };
    return applied(parameters, ({ query, key, value }) =>
      scaledDotProductAttention(query, key, value, undefined, { causal: true }),
    );
  },
  chain: ({ shape }) => applied({ x: drawn(shape) }, chain),
  dropout: ({ shape }) => layered(shape, new nn.Dropout(0.1)),
};

export const layerOf = operation => ({ inputs: [], isLoss: false, ...operations[operation.op](operation) });
