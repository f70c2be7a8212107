/** Which way of writing products and sums the engine webgpu takes, where the environment forces one: for tests, and for telling what an adapter does. */
import { ROUNDINGS } from './pipelines.ts';
import type { Rounding } from './pipelines.ts';

export const ROUNDING_VARIABLE = 'BITWIDTH_WEBGPU_ROUNDING';

/** Undefined: none, the self-test chooses. Throws RangeError where the variable names none. */
export function forcedRounding(): Rounding | undefined {
  const forced = (typeof process === 'undefined' ? undefined : process.env[ROUNDING_VARIABLE]) || undefined;
  const rounding = ROUNDINGS.find((one) => one === forced);
  if (forced !== undefined && rounding === undefined) throw new RangeError(`${ROUNDING_VARIABLE} is ${JSON.stringify(forced)}; allowed are ${ROUNDINGS.join(', ')}`);
  return rounding;
}
