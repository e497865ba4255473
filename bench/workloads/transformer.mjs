// A language model of four pre-norm Transformer blocks.
import { classifier } from './classifier.mjs';
import { hebb, need } from './hebb.mjs';

need('transformer', 'nn.LayerNorm', 'scaledDotProductAttention');
const { nn, optim, randint, scaledDotProductAttention, seed } = hebb;
const BATCH = 8;
const TIME = 128;
const VOCABULARY = 1000;
const WIDTH = 256;
const HEADS = 8;

class Block extends nn.Module {
  norm1 = new nn.LayerNorm(WIDTH);
  qkv = new nn.Linear(WIDTH, 3 * WIDTH);
  out = new nn.Linear(WIDTH, WIDTH);
  norm2 = new nn.LayerNorm(WIDTH);
  feed = nn.sequential(
    new nn.Linear(WIDTH, 4 * WIDTH),
    new nn.GELU(),
    new nn.Linear(4 * WIDTH, WIDTH),
    new nn.Dropout(0.1),
  );
  dropout = new nn.Dropout(0.1);

  attend(x) {
    const cut = part => part.reshape([BATCH, TIME, HEADS, WIDTH / HEADS]).swapAxes(1, 2);
    const [query, key, value] = this.qkv.forward(x).chunk(3, { axis: -1 }).map(cut);
    const attended = scaledDotProductAttention(query, key, value, undefined, { causal: true });
    return this.out.forward(attended.swapAxes(1, 2).reshape([BATCH, TIME, WIDTH]));
  }

  forward(x) {
    const attended = x.add(this.dropout.forward(this.attend(this.norm1.forward(x))));
    return attended.add(this.feed.forward(this.norm2.forward(attended)));
  }
}

class Transformer extends nn.Module {
  embedding = new nn.Embedding(VOCABULARY, WIDTH);
  positions = nn.parameter([TIME, WIDTH], nn.init.zeros);
  blocks = nn.sequential(...Array.from({ length: 4 }, () => new Block()));
  norm = new nn.LayerNorm(WIDTH);
  head = new nn.Linear(WIDTH, VOCABULARY);

  forward(ids) {
    const x = this.embedding.forward(ids).add(this.positions);
    return this.head.forward(this.norm.forward(this.blocks.forward(x)));
  }
}

export const workload = {
  name: 'transformer',
  flops: 20_900e6,
  params: 3_705_320,
  build(value) {
    seed(value);
    const model = new Transformer();
    const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0.01 });
    const ids = () => randint(0, VOCABULARY, [BATCH, TIME]);
    return classifier(model, optimizer, [ids(), ids()]);
  },
};
