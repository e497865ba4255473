// A translation model: GRU encoder, teacher-forced GRU decoder with attention, logits inside the loop.
import { classifier } from './classifier.mjs';
import { hebb, need } from './hebb.mjs';

need('seq2seq', 'nn.GRU', 'nn.GRUCell');
const { concat, matmul, nn, optim, randint, seed, softmax, stack, zeros } = hebb;
const BATCH = 32;
const TIME = 20;
const VOCABULARY = 1000;
const HIDDEN = 256;

class Seq2Seq extends nn.Module {
  embedding = new nn.Embedding(VOCABULARY, 128);
  encoder = new nn.GRU(128, HIDDEN);
  cell = new nn.GRUCell(128 + HIDDEN, HIDDEN);
  head = new nn.Linear(2 * HIDDEN, VOCABULARY);

  /** Logits [batch, time, vocabulary]; the decoder sees at each step the target that it predicts there. */
  forward(source, target) {
    const { output: encoded, hidden } = this.encoder.forward(this.embedding.forward(source));
    const inputs = this.embedding.forward(target);
    let h = hidden.reshape([BATCH, HIDDEN]);
    let context = zeros([BATCH, HIDDEN]);
    const logits = [];
    for (let t = 0; t < TIME; t++) {
      const embedded = inputs.slice([0, t], [BATCH, t + 1]).reshape([BATCH, 128]);
      h = this.cell.forward(concat([embedded, context], { axis: -1 }), h);
      const scores = matmul(encoded, h.expandDims(-1)).reshape([BATCH, 1, TIME]);
      context = matmul(softmax(scores), encoded).reshape([BATCH, HIDDEN]);
      logits.push(this.head.forward(concat([h, context], { axis: -1 })));
    }
    return stack(logits, { axis: 1 });
  }
}

export const workload = {
  name: 'seq2seq',
  flops: 5025e6,
  params: 1_430_504,
  build(value) {
    seed(value);
    const model = new Seq2Seq();
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    const ids = () => randint(0, VOCABULARY, [BATCH, TIME]);
    return classifier(model, optimizer, [ids(), ids()], (source, target) => model.forward(source, target));
  },
};
