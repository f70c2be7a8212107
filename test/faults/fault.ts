/**
 * A fault, as the suite does it: again and again, each time by other numbers of one seed, so that a trial that went wrong can be had
 * again. A trial ends with all that is promised looked at: it throws if a promise was broken, else says what happened.
 */
import type { FaultyProject } from './faulty-project.ts';

/** Numbers in [0, 1). */
export type Random = () => number;

/** Thrown where this machine cannot do a fault: no strace, no right to mount. */
export class NotPossible extends Error {
  override readonly name = 'NotPossible';
}

/** `short`: in `npm test`, where each fault has seconds. */
export type Form = 'short' | 'long';

export interface Trials {
  /**
   * One trial. `index`: its number; of a fault with `all`, which of them. Answers what happened: equal words are counted together, so
   * they name no machine, time or path.
   */
  trial(random: Random, index: number): Promise<string>;
  /** How many different trials there are. */
  readonly all?: number;
  close?(): void;
}

export interface Fault {
  /** 'kill-run': what `--only` asks for. */
  readonly name: string;
  /** What is done, and what is looked at afterwards where that is not `AFTERWARDS`; the table's words. */
  readonly title: string;
  /** How often in `npm test`. 0: other tests have it. */
  readonly short: number;
  /** 'all': each that there is. */
  readonly long: number | 'all';
  /** Makes what the trials share. Throws NotPossible. */
  open(project: FaultyProject, form: Form): Promise<Trials>;
}

/** What is looked at after every trial, unless a fault's title says something else. */
export const AFTERWARDS = 'the next run ends with exit code 0 and the bytes of an undisturbed project, and `check` finds every byte sound';

export const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
export const between = (random: Random, least: number, most: number): number => least + Math.floor(random() * (most - least + 1));
export const pauseMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
