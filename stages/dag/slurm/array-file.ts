/**
 * The tasks of one submission, in one file. Its first line says where those of each element begin, so that a job reads its own; what
 * the elements compute stands there too, so that a run which finds jobs of an earlier one knows what they are about.
 */
import { open, readFile } from 'node:fs/promises';
import { writeDurably } from '../disk.ts';
import type { Task } from '../executor.ts';
import type { Sha256 } from '../types.ts';

/** A task as a job is given it: `keys` of its cells, in their order. */
export interface RemoteTask { readonly digest: string; readonly keys: readonly Sha256[]; readonly task: Task }

export interface ArrayHead {
  /** The process that submitted it (process-id.ts). */
  readonly by: string;
  /** Since when it waits; ms since 1970, by the clock of whoever submitted it. */
  readonly submittedAtMs: number;
  /** What a record says of where it ran: the kind of node, else the partition. */
  readonly place: string;
  /** The label under which a machine's timings are kept, where it is not the machine's own. */
  readonly machine?: string;
  /** A folder on the node's own disk. */
  readonly staging?: string;
  /** Of each element, what its tasks compute. */
  readonly elements: readonly (readonly { readonly digest: string; readonly keys: readonly Sha256[] }[])[];
}

interface FirstLine extends ArrayHead { readonly at: readonly (readonly [offset: number, bytes: number])[] }

/** Throws StoreUnwritable. */
export async function writeArrayFile(folder: string, name: string, head: Omit<ArrayHead, 'elements'>, elements: readonly (readonly RemoteTask[])[]): Promise<void> {
  const pieces = elements.map((tasks) => Buffer.from(`${JSON.stringify(tasks)}\n`));
  let offset = 0;
  const at = pieces.map(({ length }) => {
    offset += length;
    return [offset - length, length] as const;
  });
  const first: FirstLine = { ...head, elements: elements.map((tasks) => tasks.map(({ digest, keys }) => ({ digest, keys }))), at };
  await writeDurably(folder, name, [Buffer.from(`${JSON.stringify(first)}\n`), ...pieces]);
}

/** Undefined where there is none, or what is there is none. */
export async function readArrayHead(path: string): Promise<ArrayHead | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    return JSON.parse(text.slice(0, text.indexOf('\n'))) as ArrayHead;
  } catch {
    return undefined;
  }
}

/** One element's tasks, and the head. Throws where there is no such file: the submission was taken back. */
export async function readElement(path: string, index: number): Promise<{ readonly head: ArrayHead; readonly tasks: readonly RemoteTask[] }> {
  const file = await open(path, 'r');
  try {
    const whole = await file.stat();
    let first = '';
    for (let bytes = 1 << 16; !first.includes('\n'); bytes *= 4) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(bytes, whole.size)), 0, Math.min(bytes, whole.size), 0);
      first = buffer.toString('utf8', 0, bytesRead);
      if (bytesRead >= whole.size) break;
    }
    const line = first.slice(0, first.indexOf('\n'));
    const { at, ...head } = JSON.parse(line) as FirstLine;
    const place = at[index];
    if (place === undefined) throw new Error(`${path} has ${at.length} elements, and none of number ${index}`);
    const buffer = Buffer.alloc(place[1]);
    await file.read(buffer, 0, buffer.length, Buffer.byteLength(line) + 1 + place[0]);
    return { head, tasks: JSON.parse(buffer.toString('utf8')) as RemoteTask[] };
  } finally {
    await file.close();
  }
}
