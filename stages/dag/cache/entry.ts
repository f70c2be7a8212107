/**
 * One entry of a shared cache's list: what one writer added in one go, signed. A list of signed entries instead of an object for each record: ten
 * thousand cells are some dozens of entries, so a run knows all of a cache after a few requests, and asks later only for what is new.
 *
 *   {"bitwidth":"cache entry 1","signer":"ed25519:...","signature":"<base64>"}\n<gzip of the body>
 *
 * What is signed: the ASCII text `bitwidth cache entry 1\n` and the sha256 of the gzip. The body: a line of JSON (EntryHead), then one line for each
 * record, in the order of the head's keys, so that of thousands only those are parsed that are looked at.
 */
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { isSha256 } from '../sha256.ts';
import type { RunSummary } from '../store.ts';
import type { CellRecord, Sha256 } from '../types.ts';

const FORMAT = 'cache entry 1';
const MAX_HEADER = 4096;
const MAX_BODY = 256 << 20;

/** Where an object lies in the remote: a range of a file. */
export type ObjectPlace = readonly [sha256: Sha256, bytes: number, file: string, offset: number];

/** A run of the machine that computed some of the records: what their provenance needs of it. Nothing of a process or a person. */
export interface Origin extends Pick<RunSummary, 'run' | 'startedAt' | 'machine' | 'description' | 'about'> {
  /** In a store's log: who has signed what was taken of it, under the name by which that was trusted. */
  readonly by?: string;
}

export interface EntryHead {
  readonly keys: readonly Sha256[];
  readonly objects: readonly ObjectPlace[];
  /** Code hash -> the files behind it. */
  readonly closures: { readonly [hash: string]: { readonly [file: string]: string } };
  readonly runs: readonly Origin[];
  /** Of these keys there are records that differ, and the one here is right: its writer computed it once more by the reference. */
  readonly rulings: readonly Sha256[];
}

export interface Entry { readonly head: EntryHead; readonly signer: string; record(place: number): CellRecord | undefined }

/** `signer`: a public key's text; `sign`: by it. */
export function encodeEntry(head: Omit<EntryHead, 'keys'>, records: readonly CellRecord[], signer: string, sign: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const whole: EntryHead = { keys: records.map(({ key }) => key), ...head };
  const body = gzipSync([JSON.stringify(whole), ...records.map((record) => JSON.stringify(record))].join('\n'), { level: 6 });
  const header = { bitwidth: FORMAT, signer, signature: Buffer.from(sign(signedBytes(body))).toString('base64') };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]);
}

/** Who says to have written it, and whether it has its form. The signature is looked at by `open`. */
export interface ClosedEntry { readonly signer: string; open(signed: (bytes: Uint8Array, signature: Uint8Array) => boolean): Entry | 'forged' | 'damaged' }

/** undefined: these bytes are no entry. */
export function readEntry(bytes: Uint8Array): ClosedEntry | undefined {
  const end = bytes.subarray(0, MAX_HEADER).indexOf(0x0a);
  if (end < 0) return undefined;
  let header: { readonly [name: string]: unknown };
  try {
    header = JSON.parse(Buffer.from(bytes.subarray(0, end)).toString('utf8')) as typeof header;
  } catch {
    return undefined;
  }
  const { bitwidth, signer, signature } = header ?? {};
  if (bitwidth !== FORMAT || typeof signer !== 'string' || typeof signature !== 'string') return undefined;
  const body = bytes.subarray(end + 1);
  return {
    signer,
    open(signed) {
      if (!signed(signedBytes(body), Buffer.from(signature, 'base64'))) return 'forged';
      try {
        return openBody(gunzipSync(body, { maxOutputLength: MAX_BODY }), signer);
      } catch {
        return 'damaged';
      }
    },
  };
}

function openBody(body: Buffer, signer: string): Entry | 'damaged' {
  const end = body.indexOf(0x0a);
  const head: unknown = JSON.parse(body.toString('utf8', 0, end < 0 ? body.length : end));
  if (!isHead(head)) return 'damaged';
  let lines: readonly number[] | undefined;
  return {
    head, signer,
    record(place) {
      lines ??= linesOf(body, end + 1);
      const from = lines[place];
      if (from === undefined || end < 0) return undefined;
      try {
        const record: unknown = JSON.parse(body.toString('utf8', from, (lines[place + 1] ?? body.length + 1) - 1));
        return isRecord(record) && record.key === head.keys[place] ? record : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

function linesOf(body: Buffer, first: number): readonly number[] {
  const starts: number[] = [];
  for (let at = first; at > 0 && at < body.length;) {
    starts.push(at);
    const next = body.indexOf(0x0a, at);
    at = next < 0 ? 0 : next + 1;
  }
  return starts;
}

function signedBytes(body: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`bitwidth ${FORMAT}\n`), createHash('sha256').update(body).digest()]);
}

// ---- a trusted writer may still be another version, or mistaken: shapes are looked at ----

function isHead(value: unknown): value is EntryHead {
  const { keys, objects, closures, runs, rulings } = (value ?? {}) as { readonly [name: string]: unknown };
  return isListOf(keys, isHash) && isListOf(rulings, isHash) && isMap(closures) && Object.values(closures).every((files) => isMap(files) && Object.values(files).every((hash) => typeof hash === 'string'))
    && isListOf(objects, (one) => Array.isArray(one) && isHash(one[0]) && isSize(one[1]) && typeof one[2] === 'string' && /^(?:packs|objects)\/[a-z0-9/-]{1,200}$/.test(one[2]) && isSize(one[3]))
    && isListOf(runs, (one) => isMap(one) && ['run', 'startedAt', 'machine'].every((name) => typeof one[name] === 'string') && isMap(one['description']) && isMap(one['about']));
}

function isRecord(record: unknown): record is CellRecord {
  return isMap(record) && record['status'] === 'done' && ['cell', 'key', 'machine', 'run', 'finishedAt'].every((name) => typeof record[name] === 'string') && typeof record['durationMs'] === 'number'
    && isMap(record['fields']) && isMap(record['outputs']) && Object.values(record['outputs']).every((output) => isMap(output) && isHash(output['sha256']) && isSize(output['bytes']));
}

const isMap = (value: unknown): value is { readonly [name: string]: unknown } => typeof value === 'object' && value !== null && !Array.isArray(value);
const isListOf = (value: unknown, isOne: (one: unknown) => boolean): boolean => Array.isArray(value) && value.every(isOne);
const isHash = (value: unknown): value is Sha256 => typeof value === 'string' && isSha256(value);
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
