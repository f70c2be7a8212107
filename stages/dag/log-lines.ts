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
const HEAD = Buffer.from(`${PREFIX}"is":"`);
const KIND_AT = HEAD.length;
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
  /** The line's members without `crc` and `is`; undefined if it is no JSON (then nobody wrote it with encodeLine). */
  parse(): unknown;
  /** The cell and the key that a line begins with, if it does, without parsing it. */
  names(): LineNames | undefined;
  /** Whether a line that begins with a cell and a key has this one; undefined for a line that does not. */
  has(what: keyof LineNames, name: string): boolean | undefined;
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
  const lines: LogLine[] = [];
  const damaged: { offset: number; bytes: number }[] = [];
  const known: string[] = [];
  let start = 0;
  for (;;) {
    const newline = bytes.indexOf(NEWLINE, start);
    if (newline < 0) return { lines, damaged, end: start };
    if (newline > start) {
      const kind = checkedKind(bytes, start, newline, known);
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

  constructor(all: Buffer, kind: string, offset: number, bytes: number) {
    this.#all = all;
    this.kind = kind;
    this.offset = offset;
    this.bytes = bytes;
  }

  parse(): unknown {
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

  has(what: keyof LineNames, name: string): boolean | undefined {
    const cellEnd = this.#cellEnd();
    if (cellEnd === undefined) return undefined;
    const at = what === 'cell' ? this.#cellAt() : cellEnd + KEY.length;
    return name.length === (what === 'cell' ? cellEnd - at : KEY_CHARACTERS) && this.#isAt(at, name);
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

/** The line's kind if its checksum holds. */
function checkedKind(bytes: Buffer, start: number, end: number, known: string[]): string | undefined {
  if (end - start < KIND_AT) return undefined;
  // The head is compared with what encodeLine would have written: the bytes before the checksum's comma are not covered by it.
  let crc = 0;
  for (let i = 0; i < KIND_AT; i++) {
    const byte = bytes[start + i]!;
    if (i < CRC_AT || i >= CRC_AT + 8) {
      if (byte !== HEAD[i]) return undefined;
      continue;
    }
    const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
    if (digit < 0) return undefined;
    crc = crc * 16 + digit;
  }
  if (crc32(bytes.subarray(start + PREFIX.length, end)) !== crc) return undefined;
  return kindAt(bytes, start + KIND_AT, known);
}

/** Of twenty thousand lines few differ in kind: `known` are those met before, one string each. */
function kindAt(bytes: Buffer, at: number, known: string[]): string {
  for (const kind of known) {
    let i = 0;
    while (i < kind.length && bytes[at + i] === kind.charCodeAt(i)) i++;
    if (i === kind.length && bytes[at + i] === QUOTE) return kind;
  }
  const kind = bytes.toString('latin1', at, bytes.indexOf(QUOTE, at));
  known.push(kind);
  return kind;
}
