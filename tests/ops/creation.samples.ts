// Samples of created tensors.
import { call, callWith, nd, normal } from './sample';
import type { Case, FamilySamples, Input, Nd } from './sample';
import { listed } from './shape-reference';
import type { Shape } from './shape-reference';

const dtypeCases = (f: (dtype: string) => Case): Case[] =>
  ['f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool'].map(f);
const constant = (x: Input): Case => ({ args: [x], noGrad: 'the result does not depend on x' });

export const samples: FamilySamples = {
  zerosLike: {
    ref: (x: Nd): Nd => nd(x.shape, () => 0),
    cases: [normal(2, 3), normal(), normal(1), normal(0, 2)].map(constant),
    errors: [],
  },
  onesLike: {
    ref: (x: Nd): Nd => nd(x.shape, () => 1),
    cases: [normal(2, 3), normal(), normal(1), normal(0, 2)].map(constant),
    errors: [],
  },
  zeros: {
    ref: (shape: number | Shape): Nd => nd(listed(shape), () => 0),
    cases: [call([2, 3]), call(4), call([]), call([0, 2]), ...dtypeCases(dtype => callWith({ dtype }, [3]))],
    errors: [[call([-1]), /^zeros: shape \[-1\] has a negative extent; use 0 or more$/]],
  },
  ones: {
    ref: (shape: number | Shape): Nd => nd(listed(shape), () => 1),
    cases: [call([2, 3]), call(4), call([]), call([0, 2]), ...dtypeCases(dtype => callWith({ dtype }, [3]))],
    errors: [[call([-1]), /^ones: shape \[-1\] has a negative extent; use 0 or more$/]],
  },
  full: {
    ref: (shape: number | Shape, value: number): Nd => nd(listed(shape), () => value),
    cases: [
      call([2, 3], 0.5),
      call([], -2),
      call([0], 1),
      ...dtypeCases(dtype => callWith({ dtype }, [5], 3)),
      callWith({ dtype: 'f64' }, [2], 0.1),
      callWith({ dtype: 'f16' }, [2], 0.1),
    ],
    errors: [
      [
        callWith({ dtype: 'i32' }, [2], 0.5),
        /^full: i32 elements cannot be 0\.5; use a float dtype or a whole number$/,
      ],
      [call([2, -2], 1), /^full: shape \[2, -2\] has a negative extent; use 0 or more$/],
    ],
  },
  arange: {
    ref: (start: number, stop: number, { step = 1 }: { step?: number } = {}): Nd =>
      nd([Math.max(0, Math.ceil((stop - start) / step))], (_, i) => start + i * step),
    cases: [
      call(0, 10),
      callWith({ step: 0.25 }, -1, 1.1),
      callWith({ step: -2 }, 5, -4),
      call(3, 3),
      call(0, 1000),
      ...dtypeCases(dtype => callWith({ dtype, step: 3 }, 0, 10)),
    ],
    errors: [
      [
        callWith({ step: 0 }, 0, 1),
        /^arange: from 0 to 1 in steps of 0 has no finite length; use finite numbers and a step that is not 0$/,
      ],
      [
        call(0, Infinity),
        /^arange: from 0 to Infinity in steps of 1 has no finite length; use finite numbers and a step that is not 0$/,
      ],
      [
        callWith({ step: 0.5, dtype: 'i32' }, 0, 1),
        /^arange: start 0 and step 0\.5 for i32; use whole numbers or a float dtype$/,
      ],
    ],
  },
  eye: {
    ref: (rows: number, { columns = -1 }: { columns?: number } = {}): Nd =>
      nd([rows, columns < 0 ? rows : columns], ([i, j]) => Number(i === j)),
    cases: [
      call(3),
      callWith({ columns: 5 }, 2),
      callWith({ columns: 0 }, 2),
      call(0),
      ...dtypeCases(dtype => callWith({ dtype }, 2)),
    ],
    errors: [[call(-2), /^eye: shape \[-2, -2\] has a negative extent; use 0 or more$/]],
  },
};
