/**
 * The log: one append-only NDJSON segment for each run that computed something, written by that run's process only and read
 * by everyone. Order between segments carries no meaning; within one it does.
 *
 *   run       who wrote the segment, its format, machine and start (always the first line)
 *   pack      a pack and the objects in it: [sha256, offset, bytes]
 *   closure   a code hash and the files behind it
 *   decision  why a cell was run
 *   record    a cell's record (CellRecord)
 *   aside     a place whose bytes turned out to be damaged, or an object that was found missing
 *   removed   objects that gc removed
 *   noted     a damaged line of some segment that was told of
 *   waiver    keys for which earlier records go on counting; withdrawn: not any more
 *   origin    a run of another store, of which records were taken in from a shared cache
 *   ruling    a key whose records differed, and of which this run's is right
 *   end       the run's counts
 */
import { closeSync, constants, fstatSync, openSync, readSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { ensureFolder, fileSize, syncFolder, writeAll } from './disk.ts';
import { StoreUnwritable } from './errors.ts';
import { linesWith, splitLines } from './log-lines.ts';
import type { LogLine } from './log-lines.ts';
import type { DamagedLine } from './store.ts';

const NEWLINE = new Uint8Array([0x0a]);
const CELL_IN_LINE = /"cell":"([A-Za-z0-9._+=:/-]{1,200})"/;

/** The bytes of a segment from some offset on, in which lines lie. */
export interface SegmentPart {
  readonly file: string;
  readonly from: number;
  /** Its lines in which an ASCII text stands as it is, in their order: looked for in the bytes, which takes a millisecond for ten megabytes. */
  linesWith(text: string): readonly LogLine[];
}

/** Reads segments, each byte once. */
export class LogReader {
  readonly #folder: string;
  readonly #read = new Map<string, number>();
  readonly #torn = new Map<string, DamagedLine>();
  /** Segments whose run has ended: nothing more is written to them. */
  readonly #ended = new Set<string>();
  readonly #damaged: DamagedLine[] = [];
  /** Lines whose checksums nobody has asked for. */
  #unchecked: { readonly segment: SegmentPart; readonly bytes: Buffer; readonly lines: readonly LogLine[] }[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Hands over every line that is new since the last call, segment by segment in order of run id. */
  poll(onLine: (line: LogLine, segment: SegmentPart) => void): void {
    for (const file of segmentNames(this.#folder)) if (!this.#ended.has(file)) this.#pollSegment(file, onLine);
  }

  /** Everything of this segment up to `end` is known already (its writer is this process). */
  skipTo(file: string, end: number): void {
    this.#read.set(file, end);
  }

  /** Unfinished last lines: torn by a crash, or (of a live run) about to be finished. */
  torn(): readonly DamagedLine[] {
    return [...this.#torn.values()];
  }

  /** Every line that cannot be trusted. */
  damaged(): readonly DamagedLine[] {
    const unchecked = this.#unchecked;
    this.#unchecked = [];
    for (const { segment, bytes, lines } of unchecked) for (const line of lines) if (!line.isSound()) this.#note(segment, bytes, line);
    return this.#damaged;
  }

  #note({ file, from }: Pick<SegmentPart, 'file' | 'from'>, bytes: Buffer, { offset, bytes: length }: Pick<LogLine, 'offset' | 'bytes'>): void {
    const cell = CELL_IN_LINE.exec(bytes.toString('utf8', offset, offset + length))?.[1];
    this.#damaged.push({ file, offset: from + offset, bytes: length, what: 'checksum', ...(cell === undefined ? {} : { cell }) });
  }

  #pollSegment(file: string, onLine: (line: LogLine, segment: SegmentPart) => void): void {
    const from = this.#read.get(file) ?? 0;
    const bytes = readFrom(`${this.#folder}/${file}`, from);
    if (bytes === undefined) return;
    const { lines, damaged, end } = splitLines(bytes);
    const segment: SegmentPart = { file, from, linesWith: (text) => linesWith(bytes, lines, text) };
    for (const line of lines) onLine(line, segment);
    for (const line of damaged) this.#note(segment, bytes, line);
    this.#unchecked.push({ segment, bytes, lines });
    this.#read.set(file, from + end);
    if (end < bytes.length) this.#torn.set(file, { file, offset: from + end, bytes: bytes.length - end, what: 'torn' });
    else this.#torn.delete(file);
    if (end === bytes.length && lines.at(-1)?.kind === 'end' && lines.at(-1)!.isSound()) this.#ended.add(file);
  }
}

function segmentNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter(name => name.endsWith('.ndjson')).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/** A file's bytes from an offset; undefined if there are none, or the file has gone. */
function readFrom(path: string, offset: number): Buffer | undefined {
  if (fileSize(path) <= offset) return undefined;
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.allocUnsafe(Math.max(0, fstatSync(file).size - offset));
    let done = 0;
    while (done < bytes.length) {
      const read = readSync(file, bytes, done, bytes.length - done, offset + done);
      if (read === 0) break;
      done += read;
    }
    return bytes.subarray(0, done);
  } finally {
    closeSync(file);
  }
}

/** Appends to this process's segment, which the first append makes. */
export class LogWriter {
  readonly #folder: string;
  readonly file: string;
  #handle: FileHandle | undefined;
  #announced = false;
  #dirty = false;

  constructor(folder: string, run: string) {
    this.#folder = folder;
    this.file = `${run}.ndjson`;
  }

  /** Whether anything has been appended. */
  get started(): boolean {
    return this.#announced;
  }

  /** Appends lines and syncs them. Answers where the segment ends now. Errors are the file system's. */
  async append(lines: readonly Uint8Array[]): Promise<number> {
    if (this.#handle === undefined) await ensureFolder(this.#folder);
    this.#handle ??= await open(`${this.#folder}/${this.file}`, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
    // After a failed append the tail may be half a line; a newline makes it a damaged line, and the next one a good one.
    const bytes = Buffer.concat(this.#dirty ? [NEWLINE, ...lines] : lines);
    this.#dirty = true;
    await writeAll(this.#handle, [bytes]);
    await this.#handle.datasync();
    if (!this.#announced) await syncFolder(this.#folder);
    const { size, nlink } = await this.#handle.stat();
    if (nlink === 0) {
      await this.close();
      throw new StoreUnwritable('ENOENT', 'its folder was removed while this run was using it', 'run again: what was in it has to be computed again', undefined);
    }
    this.#announced = true;
    this.#dirty = false;
    return size;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
    this.#announced = this.#dirty = false;
  }
}
