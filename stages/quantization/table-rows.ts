/** What the makers of rows share: a row, and reading what was gathered. */
import type { Gathered, Json, TaskCell, TaskIo } from '../dag/index.ts';

/** One row, its keys in the schema's order of columns. */
export type Row = { readonly [column: string]: Json };
/** A gathered output that is there. */
export type Found = Extract<Gathered, { handle: unknown }>;

/** Name of the one input of every tabulate cell that reads other cells. */
export const GATHERED = 'from';

/** What an input gathered, without what failed cells would have given. */
export function found(task: TaskCell, name = GATHERED): Found[] {
  const input = task.inputs[name];
  if (input?.kind !== 'gather') throw new Error(`${task.id}: input ${name} must be a gather`);
  return input.items.filter((item): item is Found => 'handle' in item);
}

/** Every gathered output, parsed, one after the other. */
export async function* foundJson<T>(task: TaskCell, io: TaskIo, name = GATHERED): AsyncGenerator<{ readonly cell: string; readonly machine: string | undefined; readonly value: T }> {
  for (const { cell, machine, handle } of found(task, name)) yield { cell, machine, value: JSON.parse(new TextDecoder().decode(await io.read(handle))) as T };
}
