/**
 * The line protocol between the study and a peer that is a program: one JSON value a line, UTF-8, on its standard input and output.
 *
 *   it begins     {"bitwidth-peer": 1, "packages": {...}, "device": "...", "settings": {...}}
 *   it is asked   {"id": 7, "ask": "logits", ...}
 *   it answers    {"id": 7, "part": {...}}   as often as the answer has parts, then once
 *                 {"id": 7, "done": {...}}   or
 *                 {"id": 7, "failed": {"code": "not-available" | "bad-input" | "out-of-memory", "sentence": "..."}}
 *
 * One question at a time. Numbers in bulk are base64 of little-endian fp32. What it writes is believed in nothing: a line has a longest length, every
 * value a type and a range, and texts that may be published lose whatever looks like a path.
 */
import { plainText } from '../../dag/index.ts';
import type { FailureCode } from '../../dag/index.ts';
import type { PeerComputes, PeerIdentity, PeerTime, PeerTimed, PeerWeights } from '../peers.ts';

export const PROTOCOL = 1;
/** A part of logits stays below a third of it. */
export const LONGEST_LINE_BYTES = 32 << 20;
/** Of what is sent in one part, before base64. */
export const PART_BYTES = 8 << 20;

/** What a peer wrote is not what this protocol says. `message` is the end of a sentence: 'wrote a line that is no JSON'. */
export class Unprotocoled extends Error {
  override readonly name = 'Unprotocoled';
}

export type PeerMessage =
  | { readonly id: number; readonly kind: 'part' | 'done'; readonly value: Fields }
  | { readonly id: number; readonly kind: 'failed'; readonly code: FailureCode; readonly sentence: string };

/** An object of JSON, whose values are looked at one by one. */
export type Fields = { readonly [name: string]: unknown };

const FAILURES: { readonly [code: string]: FailureCode } = { 'not-available': 'not-available', 'bad-input': 'bad-input', 'out-of-memory': 'not-available' };

/** The first line. `allowed`: packages that may be named; others are passed over. */
export function readHello(line: string, allowed: ReadonlySet<string>): PeerIdentity {
  const value = fieldsOf(line);
  const version = value['bitwidth-peer'];
  if (version !== PROTOCOL) throw new Unprotocoled(typeof version === 'number' ? `speaks version ${version} of the protocol, and this version of bitwidth ${PROTOCOL}` : 'did not begin as a peer does');
  const packages = object(value, 'packages');
  return {
    packages: Object.fromEntries(Object.entries(packages).filter(([name]) => allowed.has(name)).map(([name]) => [name, versionIn(packages, name)])),
    device: wordsIn(value, 'device'),
    settings: Object.fromEntries(Object.keys(object(value, 'settings')).slice(0, MOST_SETTINGS).map((name) => [name, wordsIn(object(value, 'settings'), name)])),
  };
}

export function readMessage(line: string): PeerMessage {
  const value = fieldsOf(line);
  const id = wholeIn(value, 'id', 0);
  if (Object.hasOwn(value, 'part')) return { id, kind: 'part', value: object(value, 'part') };
  if (Object.hasOwn(value, 'done')) return { id, kind: 'done', value: object(value, 'done') };
  const failed = object(value, 'failed');
  const said = failed['code'];
  const code = typeof said === 'string' && Object.hasOwn(FAILURES, said) ? FAILURES[said] : undefined;
  if (code === undefined) throw new Unprotocoled(`failed with a code that the protocol does not have: ${shown(String(said))}`);
  return { id, kind: 'failed', code, sentence: sentenceFrom(textIn(failed, 'sentence')) };
}

/** `rows` x `columns` of fp32. */
export function floatsIn(value: Fields, name: string, rows: number, columns: number): Float32Array {
  const text = textIn(value, name, LONGEST_LINE_BYTES);
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 4 * rows * columns) throw new Unprotocoled(`gave ${bytes.length} bytes as ${name}; ${rows} rows of ${columns} are ${4 * rows * columns}`);
  // A copy: what is decoded lies at any offset of a pool.
  const floats = new Float32Array(rows * columns);
  new Uint8Array(floats.buffer).set(bytes);
  for (const x of floats) if (!Number.isFinite(x)) throw new Unprotocoled(`gave ${name} that are not finite`);
  return floats;
}

export function wholeIn(value: Fields, name: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const found = value[name];
  if (typeof found !== 'number' || !Number.isSafeInteger(found) || found < least || found > most) throw new Unprotocoled(`gave ${valueShown(found)} as ${name}, which must be a whole number from ${least} to ${most}`);
  return found;
}

/** Whole numbers below `below`, at most `most` of them. */
export function idsIn(value: Fields, name: string, below: number, most: number): Int32Array {
  const list = value[name];
  if (!Array.isArray(list) || list.length > most) throw new Unprotocoled(`gave ${name} that are no list of at most ${most}`);
  return Int32Array.from(list, (_, index) => wholeIn(list as unknown as Fields, String(index), 0, below - 1));
}

export function computesIn(value: Fields): PeerComputes {
  const own = object(value, 'computes');
  return { weights: wordsIn(own, 'weights'), activations: wordsIn(own, 'activations'), head: wordsIn(own, 'head'), ...(Object.hasOwn(own, 'note') ? { note: wordsIn(own, 'note', 400) } : {}) };
}

export function weightsIn(value: Fields): PeerWeights {
  const own = object(value, 'weights');
  return { linearWeights: wholeIn(own, 'linearWeights', 0), linearBytes: wholeIn(own, 'linearBytes', 0), otherWeights: wholeIn(own, 'otherWeights', 0), otherBytes: wholeIn(own, 'otherBytes', 0) };
}

const MOST_TENSORS = 100_000, MOST_SETTINGS = 32;

export function storedIn(value: Fields): { readonly [tensor: string]: string } {
  const own = object(value, 'stored');
  const entries = Object.entries(own);
  if (entries.length > MOST_TENSORS) throw new Unprotocoled(`named ${entries.length} tensors; at most ${MOST_TENSORS} are read`);
  return Object.fromEntries(entries.map(([tensor, sha256]) => {
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) throw new Unprotocoled(`gave ${shown(String(sha256))} as the sha256 of ${shown(tensor)}`);
    return [tensor, sha256];
  }));
}

export function timedIn(value: Fields): PeerTimed {
  return { prefill: timeIn(value, 'prefill'), decode: timeIn(value, 'decode') };
}

/** As speed.ts: at most so many steps are kept of a timing. */
const MOST_STEPS = 2000;

function timeIn(value: Fields, name: string): PeerTime {
  const own = object(value, name);
  const steps = own['stepsMs'];
  if (!Array.isArray(steps)) throw new Unprotocoled(`gave a ${name} without stepsMs`);
  const duration = (from: Fields, key: string): number => {
    const found = from[key];
    if (typeof found !== 'number' || !Number.isFinite(found) || found < 0) throw new Unprotocoled(`gave ${valueShown(found)} as a duration of ${name}`);
    return found;
  };
  const durationMs = duration(own, 'durationMs');
  if (durationMs === 0) throw new Unprotocoled(`gave a ${name} that took no time`);
  return {
    tokens: wholeIn(own, 'tokens', 1), durationMs, ...(Object.hasOwn(own, 'gpuMs') ? { gpuMs: duration(own, 'gpuMs') } : {}),
    stepsMs: steps.slice(0, MOST_STEPS).map((_, index) => duration(steps as unknown as Fields, String(index))),
  };
}

function fieldsOf(line: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Unprotocoled(`wrote a line that is no JSON: ${shown(line)}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Unprotocoled(`wrote a line that is no JSON object: ${shown(line)}`);
  return value as Fields;
}

export function object(value: Fields, name: string): Fields {
  const found = Object.hasOwn(value, name) ? value[name] : undefined;
  if (found === null || typeof found !== 'object' || Array.isArray(found)) throw new Unprotocoled(`gave no ${name}`);
  return found as Fields;
}

function textIn(value: Fields, name: string, longest = 10_000): string {
  const found = value[name];
  if (typeof found !== 'string' || found.length > longest) throw new Unprotocoled(`gave a ${name} that is no text of at most ${longest} characters`);
  return found;
}

/** Words that may be published. */
function wordsIn(value: Fields, name: string, longest = 200): string {
  return withoutPaths(textIn(value, name, longest));
}

function versionIn(value: Fields, name: string): string {
  const found = value[name];
  if (typeof found !== 'string' || !/^[\w.+!-]{1,64}$/.test(found)) throw new Unprotocoled(`gave ${shown(String(found))} as the version of ${name}`);
  return found;
}

/** A sentence of a stranger for records and pages: a line, not too long, without control characters and paths. */
export function sentenceFrom(text: string): string {
  const line = withoutPaths(text.trim().split('\n')[0] ?? '').trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line === '' ? 'it does not say why' : line;
}

/** Paths tell of their owner. */
function withoutPaths(text: string): string {
  return plainText(text).replaceAll(/(?:[A-Za-z]:\\|~?\/)[^\s'"`,;:()]*[/\\][^\s'"`,;:()]*/g, '(a path)');
}

const shown = (text: string): string => JSON.stringify(withoutPaths(text).slice(0, 60));
/** A value of JSON. */
const valueShown = (value: unknown): string => typeof value === 'number' ? String(value) : shown(JSON.stringify(value) ?? 'nothing');
