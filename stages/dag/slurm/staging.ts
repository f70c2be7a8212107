/**
 * Copies the large objects that a task reads to the node's own disk, once for all jobs there: a file system that a hundred nodes share
 * is slower than each of their disks. A copy has its object's name and is hashed when it is read, as the object would be.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { temporaryName } from '../disk.ts';
import { copyObject } from '../objects.ts';
import type { Task } from '../executor.ts';
import type { InputHandle, TaskCell, TaskInput } from '../task-types.ts';

/** Smaller ones are read as quickly from where they are. */
const WORTH_COPYING_BYTES = 1 << 24;

/** The same task, reading from `folder` what was copied there. What cannot be copied (a full disk, damage) is read from where it is. */
export async function stagedTask(task: Task, folder: string): Promise<Task> {
  const copies = new Map<string, Promise<InputHandle>>();
  const staged = (handle: InputHandle): Promise<InputHandle> => {
    if (handle.bytes < WORTH_COPYING_BYTES) return Promise.resolve(handle);
    let copy = copies.get(handle.sha256);
    if (copy === undefined) copies.set(handle.sha256, copy = copied(handle, folder));
    return copy;
  };
  const cells: TaskCell[] = [];
  for (const cell of task.cells) {
    const inputs: { [name: string]: TaskInput } = {};
    for (const [name, input] of Object.entries(cell.inputs)) inputs[name] = input.kind === 'object' ? { kind: 'object', handle: await staged(input.handle) } : input;
    cells.push({ ...cell, inputs });
  }
  return { ...task, cells };
}

async function copied(handle: InputHandle, folder: string): Promise<InputHandle> {
  const path = `${folder}/${handle.sha256}`;
  if (existsSync(path)) return { ...handle, path, offset: 0 };
  const temporary = `${folder}/${temporaryName()}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await copyObject(handle, temporary);
    await rename(temporary, path);
    return { ...handle, path, offset: 0 };
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
    return handle;
  }
}
