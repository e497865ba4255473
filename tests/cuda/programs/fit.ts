// fit() and evaluate() of an MLP: prints what they find. `here`: on the device of HEBB_DEVICE; `moved`: with the model
// moved to 'cuda', while everything else is made on the CPU.
import { evaluate, fit, nn, optim, seed } from '../../../ts';
import { points, Small } from '../../train/problem';

async function main(): Promise<void> {
  const model = new Small();
  if (process.argv[2] === 'moved') model.to('cuda');
  seed(5);
  const history = await fit(model, {
    train: points(100),
    validation: points(50, 2),
    batch: 32,
    epochs: 3,
    loss: nn.crossEntropy,
    optimizer: new optim.AdamW(model.parameters(), { lr: 0.02 }),
    schedule: optim.cosineDecay({ lr: 0.02, steps: 12 }),
    metrics: ['accuracy'],
  });
  const tested = await evaluate(model, points(77, 3), { loss: nn.crossEntropy, metrics: ['accuracy'] });
  const figures = history.epochs.map(epoch => epoch.figures);
  const devices = new Set(model.namedStates().map(([, state]) => state.device));
  process.stdout.write(
    JSON.stringify({ devices: [...devices], losses: history.losses, figures: [...figures, tested] }),
  );
}

void main();
