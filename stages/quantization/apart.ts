/** Has a module of the study run in a process of its own: what a library or a driver does to the process that uses it must be neither a task's nor a command's. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inOwnProcess } from '../dag/index.ts';
import type { OwnProcessCall, OwnProcessEnd } from '../dag/index.ts';

const ROOT = join(fileURLToPath(import.meta.url), '../../..');

/** Calls what the module exports as `run`. Never rejects. */
export function runApart(call: Omit<OwnProcessCall, 'root' | 'name'>): Promise<OwnProcessEnd> {
  return inOwnProcess({ root: ROOT, name: 'run', ...call });
}
