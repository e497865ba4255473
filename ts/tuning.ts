// Tuning: methods of commands by what was measured here, for compiled steps that ask for it.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { env } from 'node:process';
import { inspect } from 'node:util';
import { ValueError } from './errors';
import { native } from './native';
import type { PlanChoice, PlanRef } from './native';
import { addToTable, readTable, readTableIfAny, tableError } from './tuning-table';
import type { Choice, Choices } from './tuning-table';

/** What a step is told about tuning. */
export interface TuningOptions {
  /**
   * Measures, before the first run of a recording, which kernels are fastest here, and keeps that in a file: a path, or
   * `true` for `hebb-tune.json`. What the file has is used and not measured again. Off unless said.
   */
  readonly tune?: boolean | string;
  /** Uses what such a file says and measures nothing: the same file gives the same bits. */
  readonly tuned?: string;
}

/** The table where none is named. */
export const TABLE = 'hebb-tune.json';

// Another method has to be this much faster than the one that the shapes choose: less is noise.
const GAIN = 0.97;

// Steps of one table measure one after the other: the later ones find what the earlier ones have written.
let measuring: Promise<unknown> = Promise.resolve();

function timesOf(plan: PlanRef, index: number, { methods }: PlanChoice): Promise<Record<string, number>> {
  const times = new Float64Array(methods.length);
  return new Promise((done, fail) => {
    native.planMeasure(plan, index, times, error => {
      if (error !== undefined) fail(error);
      else
        done(
          Object.fromEntries(methods.map((name, i) => [name, times[i] ?? 0]).filter(([, ms]) => ms !== 0)),
        );
    });
  });
}

/** The method for these times; undefined where the one that the shapes choose could not be measured. */
export function chosen(byShape: string, ms: Readonly<Record<string, number>>): Choice | undefined {
  const usual = ms[byShape];
  if (usual === undefined) return undefined;
  const [best] = Object.entries(ms).sort(([, a], [, b]) => a - b);
  const method = best !== undefined && best[1] <= GAIN * usual ? best[0] : byShape;
  const rounded = Object.entries(ms).map(([name, time]) => [name, Number(time.toPrecision(4))]);
  return { method, ms: Object.fromEntries(rounded) as Record<string, number> };
}

/** A table and how a step uses it. */
export class Tuner {
  #choices: Choices;
  #isThere: boolean;

  constructor(
    readonly path: string,
    readonly measures: boolean,
  ) {
    this.#isThere = existsSync(path);
    this.#choices = measures ? readTableIfAny(path) : readTable(path);
  }

  /** By the keys of commands. */
  methods(): Record<string, string> {
    return Object.fromEntries([...this.#choices].map(([key, { method }]) => [key, method]));
  }

  /** Whether there is something to measure, or the file to be made. Throws DataError where the table names a method that there is not. */
  check(plan: PlanRef): boolean {
    let isMissing = false;
    for (const { key, methods } of native.planChoices(plan)) {
      const choice = this.#choices.get(key);
      isMissing ||= choice === undefined;
      if (choice === undefined || (choice.method !== '' && methods.includes(choice.method))) continue;
      const names = methods.filter(name => name !== '').join(' or ');
      throw tableError(this.path, `'${choice.method}' is no method for '${key}'; use ${names}`);
    }
    return this.measures && (isMissing || !this.#isThere);
  }

  /** Measures what the table lacks, in the background, adds it to the file and applies all of it. */
  tune(plan: PlanRef): Promise<void> {
    const turn = measuring.then(() => this.#tune(plan));
    measuring = turn.catch(() => undefined);
    return turn;
  }

  async #tune(plan: PlanRef): Promise<void> {
    this.#choices = readTableIfAny(this.path);
    const found = new Map<string, Choice>();
    for (const [i, each] of native.planChoices(plan).entries()) {
      if (this.#choices.has(each.key)) continue;
      const choice = chosen(each.byShape, await timesOf(plan, i, each));
      if (choice !== undefined) found.set(each.key, choice);
    }
    // Also where nothing was left to choose: `tuned` needs the file.
    if (found.size > 0 || !this.#isThere) this.#choices = await addToTable(this.path, found);
    this.#isThere = true;
    this.check(plan);
    native.planTune(plan, this.methods());
  }
}

function pathOf(op: string, name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return resolve(value);
  throw new ValueError(op, `${name} is ${inspect(value)}; give the path of a table`);
}

/** Refuses options that make no sense together, or without the passes. */
export function checkTuning(op: string, { tune, tuned }: TuningOptions, passes: boolean): void {
  if (typeof tune !== 'boolean' && tune !== undefined) pathOf(op, 'tune', tune);
  if (tuned !== undefined) pathOf(op, 'tuned', tuned);
  if ((tune === undefined || tune === false) && tuned === undefined) return;
  if (tune !== undefined && tuned !== undefined) {
    throw new ValueError(op, 'got tune, which measures, and tuned, which does not; give one of them');
  }
  if (!passes) throw new ValueError(op, 'tune and tuned need the passes of compiled steps; leave these on');
}

/** What the options ask for, or where they say nothing `HEBB_TUNE`, which `hebb tune` sets; undefined for no tuning. */
export function tunerOf(options: TuningOptions, optimise: boolean): Tuner | undefined {
  checkTuning('compile', options, optimise);
  const { tune, tuned } = options;
  if (tuned !== undefined) return new Tuner(resolve(tuned), false);
  const wish = tune ?? (optimise ? env['HEBB_TUNE'] : undefined);
  if (wish === undefined || wish === false || wish === '') return undefined;
  return new Tuner(resolve(wish === true ? TABLE : wish), true);
}
