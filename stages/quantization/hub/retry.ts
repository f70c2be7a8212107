/** Trying again: pauses that double, Retry-After as the server asks for it, and an end. */
import { setTimeout as wait } from 'node:timers/promises';
import { duration } from '../../dag/index.ts';
import { HubError } from './errors.ts';
import type { Policy } from './policy.ts';

/** A try; `brought` may be called when it brought something, which makes it the first one again. */
export type Attempt<T> = (brought: () => void) => Promise<T>;

/** Tries until it succeeds, fails for good, or has brought nothing `policy.attempts` times in a row. Throws the last HubError. */
export async function retrying<T>(policy: Policy, signal: AbortSignal | undefined, attempt: Attempt<T>): Promise<T> {
  let idle = 0;
  for (;;) {
    try {
      return await attempt(() => { idle = 0; });
    } catch (error) {
      if (!(error instanceof HubError) || !error.passing || signal?.aborted === true) throw error;
      idle++;
      if (idle >= policy.attempts) throw new HubError(error.code, `${error.message} (${idle} tries)`, error.hint === undefined ? {} : { hint: error.hint });
      const asked = error.retryAfterMs ?? 0;
      if (asked > policy.longestRetryAfterMs) throw new HubError(error.code, `${error.message} and asks to wait ${duration(asked)}`, { hint: 'run again then: what has come is kept' });
      const pause = Math.max(asked, Math.min(policy.longestPauseMs, policy.firstPauseMs * (1 << (idle - 1))));
      await wait(pause, undefined, signal === undefined ? {} : { signal }).catch(() => { throw signal?.reason; });
    }
  }
}

/** The header in ms: seconds, or a date. What cannot be read is nothing. */
export function retryAfterMs(header: string | undefined, nowMs: number = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  // Date.parse takes a bare number for a year.
  const at = /[A-Za-z]{3}/.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
