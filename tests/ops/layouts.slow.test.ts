// The memory an input lies in changes no bit of a result.
import { entries } from './matrix-catalog';
import { calls, isDrawn, isDrawnList } from './matrix-draw';
import type { Call, Drawn } from './matrix-draw';
import { gradients } from './matrix-gradient';
import { contiguous, layouts } from './matrix-layout';
import type { Layout } from './matrix-layout';
import { bitDifference, expectNone, gather, place, submit } from './matrix-run';
import type { Place } from './matrix-run';
import type { Nd } from './sample';

interface Placed {
  readonly label: string;
  readonly call: Call;
  readonly layout: Layout;
  /** Positions of the inputs in this layout. */
  readonly at: readonly string[];
}

const positions = (call: Call): { at: string; x: Drawn }[] =>
  call.args.flatMap(({ arg, value }, i) => {
    if (arg.kind === 'states') return [];
    if (isDrawn(value)) return [{ at: `${i}`, x: value }];
    return isDrawnList(value) ? value.map((x, k) => ({ at: `${i}.${k}`, x })) : [];
  });

/** The call with numbers that the layout can hold. */
function adapted(call: Call, layout: Layout, at: readonly string[]): Call {
  const change = (x: Drawn, place: string): Drawn => (at.includes(place) ? (layout.of(x) ?? x) : x);
  const args = call.args.map(({ arg, value }, i) => {
    if (isDrawn(value)) return { arg, value: change(value, `${i}`) };
    if (isDrawnList(value)) return { arg, value: value.map((x, k) => change(x, `${i}.${k}`)) };
    return { arg, value };
  });
  return { ...call, args };
}

/** Each input alone, then all of them at once. */
function placements(call: Call): Placed[] {
  return layouts.flatMap(layout => {
    const usable = positions(call).filter(({ x }) => layout.of(x) !== undefined);
    const single = usable.map(({ at }) => [at]);
    const sets = usable.length > 1 ? [...single, usable.map(({ at }) => at)] : single;
    return sets.map(at => ({
      label: `${call.label}, ${layout.name} ${at.join(' ')}`,
      call: adapted(call, layout, at),
      layout,
      at,
    }));
  });
}

const put =
  ({ layout, at }: Placed): Place =>
  (x, position) =>
    at.includes(position) ? layout.put(x) : place(x);

/** Every placement in f32, and one after the other in the dtypes that kernels convert from. */
const chosen = (call: Call, index: number): Placed[] => {
  const all = placements(call);
  if (call.label.endsWith(' f32') || all.length === 0) return all;
  return all.filter((_, i) => (i + index) % 5 === 0);
};

type Submit = (call: Call, place: Place) => () => Nd[];

const compare =
  (run: Submit) =>
  (placed: Placed): (() => string | undefined) => {
    const [want, got] = [run(placed.call, contiguous.put), run(placed.call, put(placed))];
    return () => {
      const expected = want();
      return got()
        .map((y, i) => bitDifference(y, expected[i] ?? y))
        .find(Boolean);
    };
  };

describe.each(entries.map(entry => [entry.op.name, entry] as const))('%s', (_, { op, samples }) => {
  const list = calls(op, samples);

  test('gives the same bits for every layout', () => {
    expectNone(gather(list.flatMap(chosen), compare(submit)));
  });

  if (!op.noGrad && !op.writes) {
    test('gives the same bits of gradients for every layout', () => {
      const float32 = list.filter(call => call.label.endsWith(' f32'));
      expectNone(gather(float32.flatMap(placements), compare(gradients)));
    });
  }
});
