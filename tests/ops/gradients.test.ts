// First and second derivatives in float64 against differences, and what has none.
import { native } from '../../ts/native';
import { scope } from '../../ts/scope';
import { wrap } from '../../ts/handle';
import { requireHandle } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';
import { entries } from './matrix-catalog';
import type { Entry } from './matrix-catalog';
import { calls } from './matrix-draw';
import type { Call, Drawn } from './matrix-draw';
import { isFloat } from './matrix-dtype';
import { checkFirst, checkNarrow, checkSecond, variables } from './matrix-gradient';
import { evaluate, expectNone, gather, place } from './matrix-run';

const leaf = (x: Tensor): Tensor => wrap(native.leaf(requireHandle('leaf', x)));

/** The calls with something to differentiate by, where a derivative exists. */
function smooth({ op, samples }: Entry): Call[] {
  const cases = samples.cases.filter(sample => sample.noGrad === undefined);
  return calls(op, samples, cases).filter(call => variables(call).length > 0);
}

const isDouble = (call: Call): boolean => variables(call).every(({ x }) => x.dtype === 'f64');

const hasFloatInput = ({ op, samples }: Entry): boolean =>
  !op.writes && calls(op, samples).some(call => variables(call).length > 0);

const named = (list: readonly Entry[]): (readonly [string, Entry])[] =>
  list.map(entry => [entry.op.name, entry]);

const floatOps = entries.filter(hasFloatInput);

describe.each(named(floatOps.filter(({ op }) => !op.noGrad)))('%s', (_, entry) => {
  const list = smooth(entry);
  const double = list.filter(isDouble);

  test('first derivative', () => expectNone(gather(double, checkFirst)));
  test('second derivative', () => expectNone(gather(double, checkSecond)));
  test('first derivative in narrow dtypes', () => {
    expectNone(
      gather(
        list.filter(call => !isDouble(call)),
        checkNarrow,
      ),
    );
  });
});

const placeLeaf = (x: Drawn): Tensor => (isFloat(x.dtype) ? leaf(place(x)) : place(x));

test('a float op without a gradient refuses an input that requires one', () => {
  for (const { op, samples } of floatOps.filter(entry => entry.op.noGrad)) {
    const call = calls(op, samples).find(item => variables(item).length > 0);
    const message = `requires a gradient, which ${op.name} has none of; use detach\\(\\) or noGrad\\(\\)$`;
    scope(() => {
      if (call !== undefined)
        expect(() => evaluate(call, placeLeaf)).toThrow(new RegExp(`^${op.name}: .* ${message}`));
    });
  }
});

test('only float results require a gradient', () => {
  const list = floatOps.filter(({ op }) => !op.noGrad).flatMap(({ op, samples }) => calls(op, samples));
  const failures = gather(list, call => {
    const bad = evaluate(call, placeLeaf).find(y => y.requiresGrad && !isFloat(y.dtype));
    return () => (bad === undefined ? undefined : `${bad.dtype} requires a gradient`);
  });
  expectNone(failures);
});
