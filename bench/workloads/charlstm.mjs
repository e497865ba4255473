// A character model: one LSTM layer over 64 steps, logits at each.
import { classifier } from './classifier.mjs';
import { hebb, need } from './hebb.mjs';

need('charlstm', 'nn.LSTM');
const { nn, optim, randint, seed } = hebb;
const BATCH = 32;
const TIME = 64;
const VOCABULARY = 65;

class CharLstm extends nn.Module {
  embedding = new nn.Embedding(VOCABULARY, 64);
  lstm = new nn.LSTM(64, 256);
  head = new nn.Linear(256, VOCABULARY);

  forward(ids) {
    return this.head.forward(this.lstm.forward(this.embedding.forward(ids)).output);
  }
}

export const workload = {
  name: 'charlstm',
  flops: 4231e6,
  params: 350_593,
  build(value) {
    seed(value);
    const model = new CharLstm();
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    const ids = () => randint(0, VOCABULARY, [BATCH, TIME]);
    return classifier(model, optimizer, [ids(), ids()]);
  },
};
