/**
 * What came of a task, in one file: the truth about it, whoever computed it and whatever the scheduler says. It stands under its name
 * when it is whole and synced, and ends with a hash of itself. Small objects are in it; large ones are in the store by their own names already.
 *
 *   bitwidth result 1
 *   { one line of JSON }
 *   bytes of small objects
 *   sha256 of all before
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeDurably } from '../disk.ts';
import { isSha256, sha256 } from '../sha256.ts';
import { decodeManifest } from '../trees.ts';
import type { TaskEnd } from '../executor.ts';
import type { MachineDescription, OutputBytes, OutputContent } from '../store.ts';
import type { InputHandle } from '../task-types.ts';
import type { CellRecord, Failure, OutputRecord, Sha256 } from '../types.ts';

const FIRST = 'bitwidth result 1\n';
const HASH_BYTES = 65;

/** How one cell ended. */
export type CellEnd =
  | { readonly key: Sha256; readonly outputs: { readonly [name: string]: OutputRecord }; readonly durationMs: number; readonly computedBy?: CellRecord['computedBy']; readonly peakBytes?: number }
  | { readonly key: Sha256; readonly failure: Failure; readonly durationMs: number };

export interface ResultHead {
  readonly task: string;
  readonly cells: readonly CellEnd[];
  /** Of the last part: how the task ended. */
  readonly end?: TaskEnd;
  /** The last of what it wrote, with `end`. */
  readonly log: string;
  readonly machine: string;
  readonly description: MachineDescription;
  readonly place: string;
  /** From the submission until the job began; ms, by two clocks. */
  readonly queuedMs: number;
}

interface Line extends ResultHead { readonly objects: readonly (readonly [Sha256, number, number])[] }

/** A part of a task's result as it was read. */
export interface ResultFile { readonly head: ResultHead; readonly objects: ReadonlyMap<Sha256, Uint8Array> }

/** Writes a part; a further one of the same number stands beside it. Throws StoreUnwritable. */
export async function writeResult(folder: string, part: number, head: ResultHead, objects: ReadonlyMap<Sha256, Uint8Array>): Promise<void> {
  const located: [Sha256, number, number][] = [];
  let offset = 0;
  for (const [sha, { length }] of objects) {
    located.push([sha, offset, length]);
    offset += length;
  }
  const content = Buffer.concat([Buffer.from(`${FIRST}${JSON.stringify({ ...head, objects: located } satisfies Line)}\n`), ...objects.values()]);
  await writeDurably(folder, `${head.task}.${part}-${randomBytes(6).toString('hex')}`, [content, Buffer.from(`${sha256(content)}\n`)]);
}

/** Undefined: it is not (yet) whole, not what it says, or gone. */
export async function readResult(path: string): Promise<ResultFile | undefined> {
  const whole = await readFile(path).catch(() => undefined);
  if (whole === undefined || whole.length < FIRST.length + HASH_BYTES) return undefined;
  const content = whole.subarray(0, whole.length - HASH_BYTES);
  if (`${sha256(content)}\n` !== whole.toString('latin1', content.length)) return undefined;
  const end = content.indexOf(10, FIRST.length);
  if (content.toString('latin1', 0, FIRST.length) !== FIRST || end < 0) return undefined;
  const { objects: located, ...head } = JSON.parse(content.toString('utf8', FIRST.length, end)) as Line;
  const objects = new Map<Sha256, Uint8Array>();
  for (const [sha, offset, bytes] of located) {
    const object = content.subarray(end + 1 + offset, end + 1 + offset + bytes);
    if (!isSha256(sha) || sha256(object) !== sha) return undefined;
    objects.set(sha, object);
  }
  return { head, objects };
}

/** Where an object of the store lies; undefined: nowhere. */
export type Find = (output: OutputRecord) => InputHandle | undefined;

/** An output as the store takes it in; undefined where a part of it is neither in the file nor in the store. */
export function contentOf(output: OutputRecord, { objects }: ResultFile, find: Find): OutputContent | undefined {
  const bytesOf = (one: OutputRecord): OutputBytes | undefined => {
    const small = objects.get(one.sha256);
    if (small !== undefined) return small;
    const stored = find(one);
    return stored === undefined ? undefined : { stored };
  };
  if (output.tree !== true) return bytesOf(output);
  const manifest = objects.get(output.sha256);
  const files = manifest === undefined ? undefined : decodeManifest(manifest);
  if (files === undefined) return undefined;
  const tree = new Map<string, OutputBytes>();
  for (const [path, file] of files) {
    const bytes = bytesOf(file);
    if (bytes === undefined) return undefined;
    tree.set(path, bytes);
  }
  return { tree };
}
