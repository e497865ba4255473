// The live registry beside the samples of every family, and how an op is called by name.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../../ts/native';
import type { ArgSchema, OpSchema } from '../../ts/native';
import * as generated from '../../ts/ops.gen';
import type { FamilySamples, OpSamples } from './sample';

export interface Entry {
  readonly op: OpSchema;
  readonly samples: OpSamples;
}

function readSamples(): Map<string, OpSamples> {
  const found = new Map<string, OpSamples>();
  for (const file of readdirSync(__dirname).filter(name => name.endsWith('.samples.ts'))) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- files are found at run time, in jest's registry
    const { samples } = require(join(__dirname, file)) as { samples: FamilySamples };
    for (const [name, own] of Object.entries(samples)) {
      if (found.has(name)) throw new Error(`${file}: ${name} has samples already`);
      found.set(name, own);
    }
  }
  return found;
}

export const schema: readonly OpSchema[] = native.schema();
export const samplesByName: ReadonlyMap<string, OpSamples> = readSamples();

/** Every op that has samples; `coverage` is red for those without. */
export const entries: readonly Entry[] = schema.flatMap(op => {
  const samples = samplesByName.get(op.name);
  return samples === undefined ? [] : [{ op, samples }];
});

const isTensorKind = (arg: ArgSchema): boolean =>
  ['tensor', 'tensor?', 'tensors', 'value', 'states'].includes(arg.kind);

/** Arguments that go into the options object. */
export const isOption = (arg: ArgSchema): boolean => !isTensorKind(arg) && arg.fallback !== undefined;

/** The arguments in the order of the generated function: tensors, the rest that is required. */
export const positional = (op: OpSchema): ArgSchema[] => [
  ...op.args.filter(isTensorKind),
  ...op.args.filter(arg => !isTensorKind(arg) && !isOption(arg)),
];

const functions: Readonly<Record<string, unknown>> = generated;

/** Calls the generated function. */
export function callOp(name: string, args: readonly unknown[]): unknown {
  const found = functions[name];
  if (typeof found !== 'function') throw new Error(`ts/ops.gen.ts has no ${name}; run npm run gen`);
  return (found as (...list: readonly unknown[]) => unknown)(...args);
}
