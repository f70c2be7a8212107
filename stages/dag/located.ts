/** Where a file of the project lies: in its own folder or, where that has none of this path, in the one that stands in for it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Pipeline } from './types.ts';

/** Absolute. A path that exists nowhere is the project's own. */
export function located({ root, base }: Pick<Pipeline, 'root' | 'base'>, path: string): string {
  const own = join(root, path);
  if (base === undefined || existsSync(own)) return own;
  const stoodIn = join(base, path);
  return existsSync(stoodIn) ? stoodIn : own;
}
