/** Now, as records write it: ISO 8601 in UTC, to the millisecond, with +00:00 (validators of RO-Crate do not take Z). */
export function timestamp(): string {
  return new Date().toISOString().replace('Z', '+00:00');
}
