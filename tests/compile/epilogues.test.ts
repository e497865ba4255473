// What becomes part of the command that makes its input, or of the sum that takes its result: no element-wise command
// of a layer is left on its own.
import { compile, exp, gelu, noGrad, nn, optim, relu, seed, square, tensor } from 'hebb';
import type { Tensor } from 'hebb';

const numbers = (shape: readonly number[], index = 0): Tensor =>
  tensor(
    Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => ((i * 7919 + index) % 1009) / 504 - 1,
    ),
    { shape },
  );

/** The names of the commands that are run, with `+` where they have an epilogue or a prologue. */
function commandsOf(step: { explain(): readonly { readonly text: string }[] }): string[] {
  const lines = (step.explain().at(-1)?.text ?? '').trim().split('\n');
  return lines.map(line => `${/\d+ (\w+)/.exec(line)?.[1] ?? ''}${/ then <-| of : /.test(line) ? '+' : ''}`);
}

const elementwise = /^(fused|add|mul|relu|relu_grad|gelu|gelu_grad|dropout|copy)\+?$/;

/** Runs `body` on `x` eagerly and compiled: the same bits; gives the compiled step's commands. */
async function commandsWithEagerBits(body: (x: Tensor) => Tensor, x: Tensor): Promise<string[]> {
  const step = compile(body);
  seed(3);
  const compiled = await (await step(x)).read();
  seed(3);
  expect(compiled).toEqual(await body(x).read());
  return commandsOf(step);
}

test('a linear layer takes its ReLU', async () => {
  const layer = new nn.Linear(70, 40);
  const body = (x: Tensor): Tensor => noGrad(() => relu(layer.forward(x)));
  expect(await commandsWithEagerBits(body, numbers([90, 70]))).toEqual(['gemm+']);
});

test('a linear layer takes its GELU, dropout and residual', async () => {
  const layer = new nn.Linear(64, 64);
  const dropout = new nn.Dropout(0.3);
  const body = (x: Tensor): Tensor => noGrad(() => dropout.forward(gelu(layer.forward(x))).add(x));
  expect(await commandsWithEagerBits(body, numbers([30, 64]))).toEqual(['pack_panels', 'gemm+']);
});

/** The commands of a training step. */
async function trainingCommands(
  model: nn.Module & { forward(x: Tensor): Tensor },
  x: Tensor,
): Promise<string[]> {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const step = compile((input: Tensor) => {
    const loss = model.forward(input).sum();
    loss.backward();
    optimizer.step();
    return loss;
  });
  await step(x);
  return commandsOf(step);
}

test('the gradient of an input takes the mask of the ReLU before it', async () => {
  const model = nn.sequential(
    new nn.Linear(20, 50),
    new nn.ReLU(),
    new nn.Linear(50, 30),
    new nn.ReLU(),
    new nn.Linear(30, 8),
  );
  const commands = await trainingCommands(model, numbers([64, 20]));
  expect(commands.filter(name => name === 'gemm+')).toHaveLength(4);
  expect(commands.filter(name => elementwise.test(name) && name !== 'copy')).toEqual([]);
});

test('a convolution and a batch normalisation take their ReLU', async () => {
  const conv = new nn.Conv2d(3, 12, 3, { padding: 1 });
  const norm = new nn.BatchNorm2d(3);
  const body = (x: Tensor): Tensor => noGrad(() => relu(conv.forward(relu(norm.forward(x)))));
  const commands = await commandsWithEagerBits(body, numbers([2, 9, 9, 3]));
  expect(commands.filter(name => name !== 'batch_norm_update')).toEqual(['batch_norm+', 'conv2d+']);
});

test('no element-wise command of a convolutional block is left on its own', async () => {
  const model = nn.sequential(
    new nn.Conv2d(3, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(16, 16, 3, { padding: 1 }),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.Conv2d(16, 8, 3, { padding: 1 }),
  );
  const commands = await trainingCommands(model, numbers([2, 9, 9, 3]));
  const taken = commands.filter(name => name.endsWith('+')).sort();
  expect(taken).toEqual(['batch_norm+', 'conv2d+', 'conv2d_input_grad+', 'conv2d_input_grad+']);
  expect(commands.filter(name => elementwise.test(name) && name !== 'copy')).toEqual([]);
});

test('a loss makes what it sums', async () => {
  const target = numbers([40, 30], 5);
  const mse = (x: Tensor): Tensor => square(x.sub(target)).mean();
  expect(await commandsWithEagerBits(mse, numbers([40, 30]))).toEqual(['sum+']);
  const rows = (x: Tensor): Tensor => exp(x).mul(target).sum({ axis: 1 });
  expect(await commandsWithEagerBits(rows, numbers([40, 30]))).toEqual(['sum+']);
  const columns = (x: Tensor): Tensor => exp(x).mul(target).sum({ axis: 0 });
  expect(await commandsWithEagerBits(columns, numbers([40, 30]))).toEqual(['sum+']);
});
