/** What the button's checks find in a site, read as a page reads it, with some files of it replaced. Test use only. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runInThisContext } from 'node:vm';
import { DifferentBytes, MissingFile, decoded, demandBytes } from '../../reports/rerun/objects.ts';
import { PLAN_FILE } from '../../reports/rerun/plan.ts';
import { STUDY_NAME } from '../../reports/rerun/compute.ts';
import { PAGES_NAME, PAGES_PROGRAM } from '../../reports/pages-parts.ts';
import { MANIFEST_FILE, SIZES_FILE, manifestText, sizesScript } from '../../reports/manifest.ts';
import { STATEMENT_FILE } from '../../reports/statement.ts';
import { aggregates } from '../../stages/quantization/in-page/aggregates.ts';
import type { Check, CheckContext, Finding } from '../../reports/rerun/checks.ts';
import type { Manifest } from '../../reports/manifest.ts';
import type { Plan } from '../../reports/rerun/plan.ts';

export type Bytes = Uint8Array<ArrayBuffer>;
/** Path -> what a reader finds there instead; undefined: nothing. */
export type Instead = { readonly [path: string]: string | Uint8Array | undefined };

export const scriptValue = <T>(text: string): T => JSON.parse(text.slice(text.indexOf('=') + 1, text.lastIndexOf(';'))) as T;

/** Undefined where there is none. */
function bytesAt(folder: string, path: string, instead: Instead): Bytes | undefined {
  const found = path in instead ? instead[path] : existsSync(join(folder, path)) ? readFileSync(join(folder, path)) : undefined;
  return found === undefined ? undefined : new Uint8Array(typeof found === 'string' ? new TextEncoder().encode(found) : found);
}

export function planIn(folder: string, instead: Instead = {}): Plan {
  const read = (path: string): string => new TextDecoder().decode(bytesAt(folder, path, instead));
  return { ...scriptValue<Plan>(read(PLAN_FILE)), files: scriptValue(read(SIZES_FILE)) };
}

/** As somebody leaves a site who makes its lists anew of what was changed, and takes away the signature that does not hold any more. */
export function listedAnew(folder: string, changes: Instead): Instead {
  const { files } = JSON.parse(readFileSync(join(folder, MANIFEST_FILE), 'utf8')) as Manifest;
  const paths = [...new Set([...Object.keys(files), ...Object.keys(changes)])].filter((path) => path !== SIZES_FILE && path !== MANIFEST_FILE);
  const bytes = new Map(paths.flatMap((path): [string, Bytes][] => { const found = bytesAt(folder, path, changes); return found === undefined ? [] : [[path, found]]; }));
  const sizes = sizesScript(new Map([...bytes].map(([path, { length }]) => [path, length])));
  const listed = new Map([...bytes, [SIZES_FILE, new TextEncoder().encode(sizes)] as const].map(([path, one]) => [path, { bytes: one.length, sha256: createHash('sha256').update(one).digest('hex') }]));
  return { [SIZES_FILE]: sizes, [MANIFEST_FILE]: manifestText(listed), [STATEMENT_FILE]: undefined, ...changes };
}

export interface Read { readonly findings: readonly Finding[]; /** Paths that were asked for. */ readonly asked: ReadonlySet<string>; readonly told: readonly string[] }
export interface ReadOptions {
  readonly instead?: Instead;
  readonly cell?: string;
  /** As from a folder that the reader chose. */
  readonly chosen?: boolean;
  /** Where the connection breaks. */
  readonly broken?: string;
  /** As from a file, with no folder chosen. */
  readonly alone?: boolean;
  readonly choice?: string;
  /** Packed files that the server unpacks on the way: `instead` has what arrives. */
  readonly unpacked?: readonly string[];
  /** Asks it to stop at this call of its progress. */
  readonly stopAt?: number;
}

export async function read(check: Check, folder: string, { instead = {}, cell, chosen = false, alone = false, choice, unpacked = [], stopAt = Infinity, broken }: ReadOptions = {}): Promise<Read> {
  const findings: Finding[] = [], asked = new Set<string>(), told: string[] = [];
  const stop = new AbortController(), plan = planIn(folder, instead);
  const file = async (path: string): Promise<Bytes> => {
    asked.add(path);
    if (path === broken) throw new Error(`${path} cannot be loaded`);
    const bytes = alone ? undefined : bytesAt(folder, path, instead);
    if (bytes === undefined) throw new MissingFile(`there is no ${path}`);
    return bytes;
  };
  const context: CheckContext = {
    place: { cell }, plan, choice, signal: stop.signal, reads: !alone, file, sentUnpacked: (path) => unpacked.includes(path),
    progress: (done, total, unit) => { told.push(`${done} of ${total} ${unit}`); if (told.length >= stopAt) stop.abort(); },
    say: (finding) => { findings.push(finding); },
    object: async (sha256) => {
      const { path, cell: of, output } = plan.objects[sha256]!;
      asked.add(path);
      const base64 = /\]="([^"]*)"/.exec(new TextDecoder().decode(bytesAt(folder, path, instead)))?.[1];
      if (base64 === undefined) throw new DifferentBytes(`${path} does not hold ${output} of ${of}`);
      const bytes = decoded(base64, path);
      await demandBytes(bytes, sha256, path, `${output} of ${of}`);
      return bytes;
    },
    program: async (path) => path === PAGES_PROGRAM ? publishedProgram(folder, path, PAGES_NAME) : check.name === 'compute' ? publishedProgram(folder, path, STUDY_NAME) : { aggregates },
    chosen: chosen ? [...filesIn(folder), ...Object.keys(instead)] : undefined,
  };
  await check.run(context);
  return { findings, asked, told };
}

/** The very program that the site publishes. */
function publishedProgram(folder: string, path: string, name: string): unknown {
  const left = globalThis as { [name: string]: unknown };
  if (left[name] === undefined) runInThisContext(readFileSync(join(folder, path), 'utf8'), { filename: path });
  return left[name];
}

export function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).flatMap((entry) => entry.isFile() ? [join(entry.parentPath, entry.name).slice(folder.length + 1)] : []);
}
