// What the workloads with one model, one optimizer and a cross-entropy share.
import { hebb } from './hebb.mjs';

const { nn } = hebb;

/** One step on `inputs`, `[x, target]`; `forward(x, target)` gives logits [.., classes]. */
export function classifier(model, optimizer, inputs, forward = x => model.forward(x)) {
  const step = (x, target) => {
    const loss = nn.crossEntropy(forward(x, target), target);
    loss.backward();
    optimizer.step();
    return loss;
  };
  return { models: [model], optimizers: [optimizer], inputs, step };
}
