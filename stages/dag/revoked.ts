/** Which records were computed by something that was found wrong later. */
import type { CellRecord, Revocation } from './types.ts';

/** The first revocation that a record falls under, if any. */
export function revocationOf({ computedBy }: Pick<CellRecord, 'computedBy'>, revoked: readonly Revocation[]): Revocation | undefined {
  if (computedBy === undefined) return undefined;
  return revoked.find((one) => Object.entries(one.computedBy).every(([name, value]) => Object.hasOwn(computedBy, name) && computedBy[name] === value));
}

/** 'build native-abc123 was revoked: its int8 kernel dropped the last outlier'. */
export function revocationText({ computedBy, reason }: Revocation): string {
  return `${Object.entries(computedBy).map(([name, value]) => `${name} ${value}`).join(', ')} was revoked: ${reason}`;
}
