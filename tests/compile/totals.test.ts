// Gradients of a weight that a loop uses many times: added while they are computed, to the bits of eager steps.
import { nn, optim } from 'hebb';
import type { Tensor } from 'hebb';
import * as ops from '../../ts/ops.gen';
import { seed } from '../../ts/random';
import { trained } from './trained';

const TIME = 6;

// Attends to its first states at each step, as a decoder does.
class Reader extends nn.Module {
  cell = new nn.GRUCell(24, 40);
  head = new nn.Linear(80, 50);

  forward(x: Tensor): Tensor {
    const memory = x
      .matmul(ops.ones([24, 40]))
      .reshape([8, 2, 40])
      .mul(0.1);
    let h = ops.zeros([8, 40]);
    const logits = [];
    for (let t = 0; t < TIME; t++) {
      h = this.cell.forward(x.reshape([8, 48]).slice([0, t], [8, t + 24]), h);
      const scores = memory.matmul(h.expandDims(-1)).reshape([8, 1, 2]);
      const context = ops.softmax(scores).matmul(memory).reshape([8, 40]);
      logits.push(this.head.forward(ops.concat([h, context], { axis: -1 })));
    }
    return ops.stack(logits, { axis: 1 });
  }
}

async function train(compiled: boolean): Promise<{ all: number[][]; text: string }> {
  seed(3);
  const model = new Reader();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const x = ops.normal([16, 24]);
  const target = ops.randint(0, 50, [8, TIME]);
  const { losses, weights, step } = await trained(compiled, model, optimizer, [x, target], 5);
  return { all: [losses, ...weights], text: compiled ? (step.explain().at(-1)?.text ?? '') : '' };
}

test('one command makes the gradient of each weight of a loop, to the same bits', async () => {
  const eager = await train(false);
  const { all, text } = await train(true);
  expect(all).toEqual(eager.all);
  const totals = text.split('\n').filter(line => line.includes(' gemm_total '));
  const made = totals.map(line => /<-\S+ f32(\[[^\]]*\])/.exec(line)?.[1]);
  expect(made).toEqual(expect.arrayContaining(['[50, 80]', '[120, 24]', '[120, 40]']));
  for (const line of totals) expect(line).toContain(`count=${TIME}`);
});
