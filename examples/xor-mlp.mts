// XOR learnt by a small network: a data set of four samples, and fit().
//   npm run build && node examples/xor-mlp.mts [epochs]
import { data, fit, nn, optim, seed, tensor } from 'hebb';

const epochs = Number(process.argv[2] ?? 300);
const inputs = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];

const train = new data.ArrayDataset({
  x: { data: new Float32Array(inputs.flat()), shape: [2] },
  target: { data: new Float32Array([0, 1, 1, 0]), shape: [1] },
});

seed(1);
const model = nn.sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1));
const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
const { losses } = await fit(model, { train, batch: 4, epochs, loss: nn.bceWithLogits, optimizer });
console.log(`loss ${losses[0]?.toFixed(3)} -> ${losses.at(-1)?.toFixed(3)}`);

const x = tensor(inputs);
const probabilities = await model.forward(x).sigmoid().read();
inputs.forEach((pair, i) => console.log(`${pair.join(' xor ')} = ${Number(probabilities[i]).toFixed(2)}`));
