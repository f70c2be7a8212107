/** data/revoked.yaml: builds of engines that were found wrong after they had computed. */
import { ConfigurationError } from '../dag/index.ts';
import type { Revocation } from '../dag/index.ts';
import { Reader } from './config-fields.ts';
import { Problems, readYaml } from './config-yaml.ts';

export const REVOKED_FILE = 'data/revoked.yaml';

const MAX_ENTRIES = 1000;

/** Reads the list; it may be empty. Throws ConfigurationError with every mistake as file:line:column. */
export async function readRevoked(root: string): Promise<readonly Revocation[]> {
  const problems = new Problems();
  const list = await readYaml(root, REVOKED_FILE, problems);
  const reader = new Reader(REVOKED_FILE, problems);
  const entries = list?.kind === 'list' && list.items.length === 0 ? [] : reader.list(list, 'the list of revoked builds', MAX_ENTRIES, (item) => {
    const entry = reader.map(item, 'a revoked build', ['build', 'reason']);
    const build = reader.text(reader.required(entry, 'build', 'a revoked build'), 'build', 200);
    const reason = reader.text(reader.required(entry, 'reason', 'a revoked build'), 'reason');
    return build === undefined || reason === undefined ? undefined : { build, reason };
  }, ({ build }) => build);
  if (problems.found.length > 0) throw new ConfigurationError(problems.lines().join('\n'));
  return (entries ?? []).map(({ build, reason }) => ({ computedBy: { build }, reason }));
}
