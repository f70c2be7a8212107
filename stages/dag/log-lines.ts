/**
 * The log's lines: NDJSON whose every line carries the CRC-32 of what follows it, so that a torn tail or a flipped bit is seen.
 *
 *   {"crc":"1c291ca3","is":"record","cell":"score:a/b", ...}\n
 *
 * The checksum covers the bytes after its comma up to the newline. CRC-32 notices every burst of up to 32 bits; it guards
 * against accidents. What a record cites is guarded by sha256.
 */
import { crc32 } from './crc32.ts';

const NEWLINE = 0x0a;
const COMMA = 0x2c;
const OPENING_BRACE = 0x7b;
const QUOTE = 0x22;
const PREFIX = '{"crc":"00000000",';
const CRC_AT = PREFIX.indexOf('0');
const CRC_DIGITS = 8;
const HEAD = Buffer.from(`${PREFIX}"is":"`);
const KIND_AT = HEAD.length;
const MAX_KIND = 64;
const CELL = '"cell":"';
const KEY = '","key":"';
const KEY_CHARACTERS = 64;
/** Where the name of a cell may end: at the quote, or where it is written in another way than it reads. */
const BACKSLASH = 0x5c;
const ASCII = 0x7f;

/** One line for a thing of a kind ('record', 'pack'); the newline is included. */
export function encodeLine(kind: string, body: object): Uint8Array {
  const members = JSON.stringify(body).slice(1);
  const covered = `"is":"${kind}"${members === '}' ? '' : ','}${members}`;
  const crc = crc32(covered).toString(16).padStart(8, '0');
  return Buffer.from(`{"crc":"${crc}",${covered}\n`);
}

export interface LogLine {
  readonly kind: string;
  readonly offset: number;
  readonly bytes: number;
  /** Whether its checksum holds: reckoned when somebody wants to know, since most commands look at few lines. */
  isSound(): boolean;
  /** The line's members without `crc` and `is`; undefined if it is not sound, or no JSON (then nobody wrote it with encodeLine). */
  parse(): unknown;
  /** The cell and the key that a line begins with, if it does, without parsing or checking it. */
  names(): LineNames | undefined;
  /** Whether an ASCII text stands in it as it is. */
  mentions(text: string): boolean;
}

export interface LineNames { readonly cell: string; readonly key: string }

export interface LinesRead {
  readonly lines: readonly LogLine[];
  /** Lines whose checksum does not hold; readers go on as if they were not there. */
  readonly damaged: readonly { readonly offset: number; readonly bytes: number }[];
  /** Offset behind the last newline. What lies beyond is unfinished: torn by a crash, or being written right now. */
  readonly end: number;
}

/** Splits bytes, which are its to keep, into lines and checks each. Blank lines are skipped. Nothing is parsed until asked for. */
export function readLines(bytes: Buffer): LinesRead {
  const { lines, damaged, end } = splitLines(bytes);
  const [sound, unsound] = [lines.filter(line => line.isSound()), lines.filter(line => !line.isSound())];
  return { lines: sound, damaged: unsound.length === 0 ? damaged : [...damaged, ...unsound].sort((a, b) => a.offset - b.offset), end };
}

/** readLines, but for the checksums: `damaged` are the lines that have no kind. */
export function splitLines(bytes: Buffer): LinesRead {
  const lines: LogLine[] = [];
  const damaged: { offset: number; bytes: number }[] = [];
  const known: string[] = [];
  let start = 0;
  for (;;) {
    const newline = bytes.indexOf(NEWLINE, start);
    if (newline < 0) return { lines, damaged, end: start };
    if (newline > start) {
      const kind = kindOf(bytes, start, newline, known);
      if (kind === undefined) damaged.push({ offset: start, bytes: newline - start });
      else lines.push(new CheckedLine(bytes, kind, start, newline - start));
    }
    start = newline + 1;
  }
}

class CheckedLine implements LogLine {
  readonly kind: string;
  readonly offset: number;
  readonly bytes: number;
  readonly #all: Buffer;
  #sound: boolean | undefined;

  constructor(all: Buffer, kind: string, offset: number, bytes: number) {
    this.#all = all;
    this.kind = kind;
    this.offset = offset;
    this.bytes = bytes;
  }

  isSound(): boolean {
    if (this.#sound === undefined) {
      // The head is compared with what encodeLine would have written: the bytes before the checksum's comma are not covered by it.
      const covered = this.#all.subarray(this.offset + PREFIX.length, this.offset + this.bytes);
      this.#sound = hasHead(this.#all, this.offset) && crc32(covered) === crcAt(this.#all, this.offset + CRC_AT);
    }
    return this.#sound;
  }

  parse(): unknown {
    if (!this.isSound()) return undefined;
    // The comma behind `is` becomes the brace of what follows: ten thousand records are parsed without a copy of each.
    const brace = this.offset + KIND_AT + this.kind.length + 1;
    if (this.#all[brace] === COMMA) this.#all[brace] = OPENING_BRACE;
    try {
      return this.#all[brace] === OPENING_BRACE ? JSON.parse(this.#all.toString('utf8', brace, this.offset + this.bytes)) : {};
    } catch {
      return undefined;
    }
  }

  names(): LineNames | undefined {
    const cellEnd = this.#cellEnd();
    if (cellEnd === undefined) return undefined;
    const keyAt = cellEnd + KEY.length;
    return { cell: this.#all.toString('latin1', this.#cellAt(), cellEnd), key: this.#all.toString('latin1', keyAt, keyAt + KEY_CHARACTERS) };
  }

  mentions(text: string): boolean {
    return this.#all.subarray(this.offset, this.offset + this.bytes).includes(text, 0, 'latin1');
  }

  #cellAt(): number {
    return this.offset + KIND_AT + this.kind.length + 2 + CELL.length;
  }

  /** Where the cell's name ends, if the line begins with a cell and a key that are written as they read. */
  #cellEnd(): number | undefined {
    const at = this.#cellAt();
    if (!this.#isAt(at - CELL.length, CELL)) return undefined;
    let end = at;
    for (let byte = this.#all[end]!; byte !== QUOTE; byte = this.#all[++end]!) if (byte > ASCII || byte === BACKSLASH || byte === NEWLINE) return undefined;
    const keyEnd = end + KEY.length + KEY_CHARACTERS;
    return keyEnd < this.offset + this.bytes && this.#all[keyEnd] === QUOTE && this.#isAt(end, KEY) ? end : undefined;
  }

  #isAt(at: number, text: string): boolean {
    // From its end: names of the cells of a stage begin alike.
    for (let i = text.length - 1; i >= 0; i--) if (this.#all[at + i] !== text.charCodeAt(i)) return false;
    return true;
  }
}

/** Those of some lines of these bytes, which are in their order, in which an ASCII text stands as it is. */
export function linesWith<T extends Pick<LogLine, 'offset' | 'bytes'>>(bytes: Buffer, lines: readonly T[], text: string): readonly T[] {
  const found: T[] = [];
  let from = 0;
  for (let at = bytes.indexOf(text, 0, 'latin1'); at >= 0; at = bytes.indexOf(text, at + 1, 'latin1')) {
    // The last one that begins before it.
    let [low, high] = [from, lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lines[middle]!.offset <= at) low = middle + 1;
      else high = middle;
    }
    const line = lines[low - 1];
    if (low > from && line !== undefined && at < line.offset + line.bytes) found.push(line);
    from = low;
  }
  return found;
}

function hasHead(bytes: Buffer, start: number): boolean {
  for (let i = 0; i < KIND_AT; i++) if ((i < CRC_AT || i >= CRC_AT + CRC_DIGITS) && bytes[start + i] !== HEAD[i]) return false;
  return true;
}

/** The checksum that a line names; -1 where it is none. */
function crcAt(bytes: Buffer, at: number): number {
  let crc = 0;
  for (let i = at; i < at + CRC_DIGITS; i++) {
    const byte = bytes[i]!;
    const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
    if (digit < 0) return -1;
    crc = crc * 16 + digit;
  }
  return crc;
}

/** The line's kind, if it is sound. Of twenty thousand lines few differ in kind: `known` are those met before, one string each. */
function kindOf(bytes: Buffer, start: number, end: number, known: string[]): string | undefined {
  const at = start + KIND_AT;
  for (const kind of known) {
    let i = 0;
    while (i < kind.length && bytes[at + i] === kind.charCodeAt(i)) i++;
    if (i === kind.length && bytes[at + i] === QUOTE) return kind;
  }
  const quote = bytes.subarray(at, Math.min(end, at + MAX_KIND)).indexOf(QUOTE);
  if (quote <= 0) return undefined;
  const kind = bytes.toString('latin1', at, at + quote);
  known.push(kind);
  return kind;
}
