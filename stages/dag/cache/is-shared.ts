/** What goes through a shared cache. */
import type { Stage } from '../types.ts';

/**
 * All but tools (a compiled library): they are code that this machine would run, which is more than to believe a result, and of the machine that
 * made them.
 */
export function isShared({ optional, determinism }: Stage): boolean {
  return optional !== true || determinism !== 'exact';
}
