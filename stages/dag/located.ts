/** Where a file of the project lies: in its own folder or, where that has none of this path, in the one that stands in for it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FileFacts } from './facts.ts';
import type { Pipeline } from './types.ts';

/** Absolute. A path that exists nowhere is the project's own. */
export function located({ root, base }: Pick<Pipeline, 'root' | 'base'>, path: string): string {
  const own = join(root, path);
  if (base === undefined || existsSync(own)) return own;
  const stoodIn = join(base, path);
  return existsSync(stoodIn) ? stoodIn : own;
}

/** As located(); where another's file is taken, one of the project's own that comes to stand in for it is a change (FileFacts.changed). */
export function locatedNow(project: Pick<Pipeline, 'root' | 'base'>, path: string, facts: FileFacts): string {
  const [own, found] = [join(project.root, path), located(project, path)];
  if (found !== own) facts.noteAbsent(own);
  return found;
}
