/** What is run again after a task that did not end well. */
import type { Pending, ReadyTask } from './queue.ts';
import type { Stage } from './types.ts';

const FIRST_RETRY_MS = 500;

/** A task that takes the place of one that did not end well. */
export interface FollowUp { readonly task: ReadyTask; readonly delayMs: number }

/** The same cells once more after a pause, which doubles each time. */
export function retryLater(stage: Stage, pending: readonly Pending[]): readonly FollowUp[] {
  if (pending.length === 0) return [];
  const retries = (pending[0]!.retries ?? 0) + 1;
  return [{ task: { stage, pending: pending.map((one) => ({ ...one, retries })) }, delayMs: FIRST_RETRY_MS * 2 ** (retries - 1) }];
}

/** The same cells at once, because their process stood still while it timed. */
export function timedAgain(stage: Stage, pending: readonly Pending[]): FollowUp {
  return { task: { stage, pending: pending.map((one) => ({ ...one, standstills: (one.standstills ?? 0) + 1 })) }, delayMs: 0 };
}

/**
 * One of these cells brought the task down and nobody knows which: each half is run again, so that the guilty one is alone after
 * log2(n) further starts and all others finish.
 */
export function halves(stage: Stage, rest: readonly Pending[]): readonly FollowUp[] {
  const middle = Math.ceil(rest.length / 2);
  return [rest.slice(0, middle), rest.slice(middle)].map((half) => half.length === 1 ? alone(stage, half[0]!) : { task: { stage, pending: half }, delayMs: 0 });
}

/** One cell in a task of its own. */
export function alone(stage: Stage, pending: Pending): FollowUp {
  return { task: { stage, pending: [{ ...pending, diedAlone: true }] }, delayMs: 0 };
}
