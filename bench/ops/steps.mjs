// The operations as workloads: `{ name, operation, flops, bytes, build(seed) }`, where `build` makes `{ models, inputs, step }`
// as that of a training step does. A step goes forward and back and returns what the forward pass gives and an element of a
// gradient, or it updates and returns an element of a parameter: all is computed to the end, and the element is read.
// `outcome(results, before)` gives what is compared, tensors by name: of the results of the last of `outcomeSteps` steps, and
// of what `begun` gave before the first.
import { hebb } from '../workloads/hebb.mjs';
import { operationNamed } from './cases.mjs';
import { layerOf, Operation } from './layers.mjs';

const { nn, noGrad, normal, optim, seed, slice, sub, uniform } = hebb;

// A single element, which takes next to no time.
const firstOf = x => {
  const begin = x.shape.map(() => 0);
  return slice(
    x,
    begin,
    begin.map(at => at + 1),
  );
};

function layerStep(operation) {
  const { model, forward, inputs, isLoss } = layerOf(operation);
  const parameters = model.parameters();
  // A fixed gradient of the result is an input; a loss has none.
  const seeds = isLoss ? [] : [noGrad(() => hebb.scope(() => normal(forward(...inputs).shape)))];
  const step = (...args) => {
    for (const parameter of parameters) parameter.grad = undefined;
    const y = forward(...args.slice(0, inputs.length));
    const [dy] = args.slice(inputs.length);
    y.backward(dy === undefined ? {} : { seed: dy });
    return [y, firstOf(parameters[0].grad)];
  };
  const outcome = ([y]) => [['y', y], ...model.namedParameters().map(([name, { grad }]) => [name, grad])];
  return { models: [model], inputs: [...inputs, ...seeds], step, outcome };
}

const optimizers = {
  sgd: (parameters, lr) => new optim.SGD(parameters, { lr, momentum: 0.9 }),
  adam: (parameters, lr) => new optim.Adam(parameters, { lr }),
  adamw: (parameters, lr) => new optim.AdamW(parameters, { lr, weightDecay: 0.01 }),
};

// All of them positive: the update by the gradient and the decay then go the same way, and neither hides the other.
const positive = shape => nn.parameter(shape, target => nn.init.uniform(target, 0, 1));

function updateStep({ op, shapes, lr, outcomeSteps }) {
  const model = new Operation({ list: shapes.map(positive) });
  const parameters = model.parameters();
  const optimizer = optimizers[op](parameters, lr);
  const inputs = shapes.map(shape => uniform(shape));
  const step = (...grads) => {
    parameters.forEach((parameter, i) => (parameter.grad = grads[i]));
    optimizer.step();
    return [firstOf(parameters[0])];
  };
  // How far each has moved.
  const begun = () => parameters.map(parameter => parameter.value());
  const outcome = (_, before) => parameters.map((parameter, i) => [`list.${i}`, sub(parameter, before[i])]);
  return { models: [model], optimizers: [optimizer], inputs, step, begun, outcome, outcomeSteps };
}

/** The workload of this name; undefined where no operation has it. */
export function operationStep(name) {
  const operation = operationNamed(name);
  if (operation === undefined) return undefined;
  const { flops, bytes } = operation;
  const make = operation.family === 'optimizer' ? updateStep : layerStep;
  const build = value => {
    seed(value);
    return make(operation);
  };
  return { name, operation, flops, bytes, build };
}
