/**
 * Secrets that the environment holds (a hub's token) are taken out of it: every process that is started afterwards, by whomever and for whatever, would
 * inherit them, and one that dumps its environment into a log would publish them. Who needs one asks here, in this process.
 */

const kept = new Map<string, string>();

/** Takes these variables out of the environment. Doing so twice is no error. */
export function withhold(names: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
  for (const name of names) {
    const value = env[name];
    if (value === undefined) continue;
    kept.set(name, value);
    delete env[name];
  }
}

/** What was taken out, by name. */
export function withheld(): ReadonlyMap<string, string> {
  return kept;
}
