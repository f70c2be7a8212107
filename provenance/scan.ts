/**
 * Looks through every byte that is about to leave for what is private, also inside what is packed: gzip, zip, Parquet, DuckDB. Packed bytes are
 * looked at unpacked; a chance hit in compressed noise says nothing, so shapes are looked for in text only.
 */
import { gunzipSync } from 'node:zlib';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dumpedTables } from '../reports/warehouse.ts';
import { BadZip, openZip } from './zip-reader.ts';
import { EMAIL, SECRET_SHAPES, isExampleAddress } from './private-words.ts';
import type { PrivateWord } from './private-words.ts';

export interface Finding {
  /** The file, and what inside of it: 'data/t.csv.gz (unpacked)'. */
  readonly where: string;
  /** Of its first byte, there. */
  readonly offset: number;
  readonly kind: string;
  /** Enough to find it, never the whole: 'hf_…(37 characters)'. */
  readonly shown: string;
}

/** Of one file so many are told. */
const MOST_FINDINGS = 20;
/** Packed bytes unpack to at most so many. */
const MOST_UNPACKED = 2 ** 31 - 1;
/** Archives in archives. */
const MOST_DEPTH = 4;

/** Findings in one file, in order; at most MOST_FINDINGS. `path` says how it is told. A packed file that cannot be unpacked is a finding: nobody can tell what is in it. */
export async function scan(path: string, bytes: Uint8Array, words: readonly PrivateWord[], depth = 0): Promise<readonly Finding[]> {
  const kind = kindOf(bytes);
  const found = scanBytes(path, bytes, words, kind === 'plain');
  if (kind !== 'plain') {
    if (depth === MOST_DEPTH) found.push(opaque(path, 'packed too often to look into'));
    else {
      try {
        for (const { name, content } of await unpacked(kind, bytes)) found.push(...await scan(`${path} (${name})`, content, words, depth + 1));
      } catch (error) {
        if (!(error instanceof Opaque) && !(error instanceof BadZip)) throw error;
        found.push(opaque(path, error.message));
      }
    }
  }
  return found.slice(0, MOST_FINDINGS);
}

const opaque = (where: string, why: string): Finding => ({ where, offset: 0, kind: 'something that cannot be looked into', shown: why });

class Opaque extends Error {}

type Kind = 'plain' | 'gzip' | 'zip' | 'parquet' | 'duckdb';

/** By what a file begins with, not by its name. */
function kindOf(bytes: Uint8Array): Kind {
  const begins = (text: string, at = 0): boolean => Buffer.from(bytes.subarray(at, at + text.length)).toString('latin1') === text;
  if (begins('\x1f\x8b')) return 'gzip';
  if (begins('PK\x03\x04') || begins('PK\x05\x06')) return 'zip';
  if (begins('PAR1')) return 'parquet';
  return begins('DUCK', 8) ? 'duckdb' : 'plain';
}

async function unpacked(kind: Exclude<Kind, 'plain'>, bytes: Uint8Array): Promise<readonly { readonly name: string; readonly content: Uint8Array }[]> {
  if (kind === 'gzip') {
    try {
      return [{ name: 'unpacked', content: gunzipSync(bytes, { maxOutputLength: MOST_UNPACKED }) }];
    } catch (error) {
      throw new Opaque(`it cannot be unpacked: ${(error as Error).message}`);
    }
  }
  const folder = await mkdtemp(join(tmpdir(), 'bitwidth-scan-'));
  try {
    const file = join(folder, `file.${kind}`);
    await writeFile(file, bytes);
    if (kind === 'zip') {
      const zip = await openZip(file, { entries: 200_000, bytes: MOST_UNPACKED });
      try {
        const contents: { name: string; content: Uint8Array }[] = [];
        for (const [name] of zip.files) contents.push({ name, content: await zip.read(name) });
        return contents;
      } finally {
        zip.close();
      }
    }
    try {
      return (await dumpedTables(file, kind, folder)).map(({ table, csv }) => ({ name: `table ${table}`, content: csv }));
    } catch (error) {
      throw new Opaque(`its tables cannot be read: ${(error as Error).message.replaceAll(folder, '').split('\n')[0]}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** In the bytes as they are. `shapes`: they are text. */
function scanBytes(where: string, bytes: Uint8Array, words: readonly PrivateWord[], shapes: boolean): Finding[] {
  const found: Finding[] = [];
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const { kind, needle, alone } of words) {
    for (const spelling of spellings(needle)) {
      const sought = Buffer.from(spelling);
      for (let at = buffer.indexOf(sought); at >= 0 && found.length < MOST_FINDINGS; at = buffer.indexOf(sought, at + sought.length)) {
        if (!alone || (!isWord(buffer[at - 1]) && !isWord(buffer[at + sought.length]))) found.push({ where, offset: at, kind, shown: masked(needle) });
      }
    }
  }
  if (!shapes) return found;
  // A character for a byte, so that places are those of the file.
  const text = buffer.toString('latin1');
  for (const { kind, shape } of SECRET_SHAPES) for (const match of text.matchAll(shape)) found.push({ where, offset: match.index, kind, shown: masked(match[0]) });
  for (const match of text.matchAll(EMAIL)) if (!isExampleAddress(match[0])) found.push({ where, offset: match.index, kind: 'an e-mail address', shown: masked(match[0]) });
  return found.sort((a, b) => a.offset - b.offset);
}

/** As it is, and as JSON, HTML and addresses write it. */
function spellings(needle: string): readonly string[] {
  const json = JSON.stringify(needle).slice(1, -1);
  const markup = needle.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
  return [...new Set([needle, json, markup, encodeURIComponent(needle), encodeURI(needle)])];
}

/** Of a name: a letter, a digit, or what joins words into another. */
const isWord = (byte: number | undefined): boolean => byte !== undefined && /[A-Za-z0-9_\-\x80-\xff]/.test(String.fromCharCode(byte));

const masked = (secret: string): string => `${secret.slice(0, Math.min(4, Math.floor(secret.length / 4)))}… (${secret.length} characters)`;
