/**
 * What an engine must compute exactly as the reference does: each op, each format, odd shapes. An engine runs selfTest() when it
 * is first opened in a process, on the machine that will compute; test/conformance/engines.test.ts runs the larger set.
 */
import { ReferenceOps } from './engines/reference.ts';
import { attentionCases, evenAttentionCase, sharedBeginningCase } from './op-cases/attention.ts';
import type { OpCase } from './op-cases/case.ts';
import { productCases } from './op-cases/products.ts';
import { notFiniteCases, sampleCase, takeCase, takeTwiceCase, tiesCase } from './op-cases/results.ts';
import { columnCases, elementCases, embedCases, headNormCases, normCases, rotateCases } from './op-cases/rows.ts';
import type { Ops } from './ops.ts';
import { Passing } from './passing.ts';

/** A canonical engine that disagrees with the reference on this machine. */
export class EngineUnfit extends Error {
  constructor(engine: string, disagreement: string) {
    super(`the engine ${engine} disagrees with the reference on this machine: ${disagreement}`);
    this.name = 'EngineUnfit';
  }
}

/** Throws EngineUnfit naming the first case whose bits differ, and as itself what may pass. `fresh` gives an instance for one case, which is disposed after it. */
export async function selfTest(engine: string, fresh: (one: OpCase) => Ops | Promise<Ops>, cases: readonly OpCase[] = opCases('start')): Promise<void> {
  for (const one of cases) {
    const { name, run } = one;
    const ops = await fresh(one);
    try {
      const expected = await referenceOf(one);
      const actual = await run(ops);
      const at = firstDifference(expected, actual);
      if (at !== undefined) throw new EngineUnfit(engine, `${name}: element ${at} is ${actual[at]}, not ${expected[at]}`);
    } catch (error) {
      if (error instanceof EngineUnfit || error instanceof Passing) throw error;
      throw new EngineUnfit(engine, `${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      ops.dispose();
    }
  }
}

/** The same of cases that a device waits for: all of them are under way at once. */
export async function selfTestAtOnce(engine: string, fresh: (one: OpCase) => Ops, cases: readonly OpCase[]): Promise<void> {
  await allOrFirst(cases.map((one) => selfTest(engine, fresh, [one])));
}

/** Throws what the first of them threw, when all have ended: none of them goes on unseen. */
export async function allOrFirst(tests: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(tests)) if (outcome.status === 'rejected') throw outcome.reason;
}

const given = new WeakMap<OpCase['run'], Promise<Float32Array>>();

/** What the reference gives: computed once in a process, however many engines and roundings are held to it. */
export function referenceOf({ run }: OpCase): Promise<Float32Array> {
  let values = given.get(run);
  if (values === undefined) given.set(run, (values = run(new ReferenceOps())));
  return values;
}

/** Index of the first value whose bits differ, or undefined. +0 and -0 differ. */
export function firstDifference(expected: Float32Array, actual: Float32Array): number | undefined {
  if (expected.length !== actual.length) return Math.min(expected.length, actual.length);
  const a = new Int32Array(expected.buffer, expected.byteOffset, expected.length);
  const b = new Int32Array(actual.buffer, actual.byteOffset, actual.length);
  const at = a.findIndex((bits, index) => bits !== b[index]);
  return at < 0 ? undefined : at;
}

let started: readonly OpCase[] | undefined;

/** `start`: milliseconds; the same cases at each call. `full`: what a test takes seconds for. */
export function opCases(extent: 'start' | 'full'): readonly OpCase[] {
  return extent === 'full' ? casesOf(true) : (started ??= casesOf(false));
}

function casesOf(full: boolean): OpCase[] {
  return [
    ...productCases(full), ...embedCases(), ...normCases(full), ...headNormCases(full), ...columnCases(), ...rotateCases(), ...attentionCases(full), ...elementCases(),
    takeCase(), sampleCase(), ...notFiniteCases(), sharedBeginningCase(), takeTwiceCase(), tiesCase(), evenAttentionCase(),
  ];
}
