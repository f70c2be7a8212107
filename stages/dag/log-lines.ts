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
const KIND_AT = PREFIX.length + '"is":"'.length;

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
}

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
  let start = 0;
  for (;;) {
    const newline = bytes.indexOf(NEWLINE, start);
    if (newline < 0) return { lines, damaged, end: start };
    if (newline > start) {
      const kind = checkedKind(bytes, start, newline);
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
}

/** The line's kind if its checksum holds. */
function checkedKind(bytes: Buffer, start: number, end: number): string | undefined {
  if (end - start < KIND_AT) return undefined;
  const head = bytes.toString('latin1', start, start + KIND_AT);
  const crc = head.slice(CRC_AT, CRC_AT + 8);
  // The head is compared with what encodeLine would have written: the bytes before the checksum's comma are not covered by it.
  if (head !== `{"crc":"${crc}","is":"`) return undefined;
  if (crc32(bytes.subarray(start + PREFIX.length, end)).toString(16).padStart(8, '0') !== crc) return undefined;
  const quote = bytes.indexOf(QUOTE, start + KIND_AT);
  return bytes.toString('latin1', start + KIND_AT, quote);
}
