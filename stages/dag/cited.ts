/**
 * What the results of a run were: which record stood for each cell, and what it published. Written when a run that computed
 * something ends (cited/<run>.json.gz); a copy under kept/ is what pins it: gc leaves whole what such a list names, and its report
 * can be written again. Lists lie beside the log, not in it, because only these commands read them. Gzip carries a checksum.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ensureFolder, syncFolder, wrapErrors, writeDurably } from './disk.ts';
import { StoreUnwritable } from './errors.ts';
import { timestamp } from './timestamp.ts';
import type { Outcome } from './decide.ts';
import type { Store } from './store.ts';
import type { CellRecord, FolderExport, Pipeline, Sha256 } from './types.ts';

/** Names a record: its key, and the run that wrote it. */
export type RecordName = readonly [key: Sha256, run: string];

export interface RunCitations {
  readonly run: string;
  readonly startedAt: string;
  readonly endedAt: string;
  /** The pipeline's name. */
  readonly pipeline: string;
  /** Cell -> the records that were its result: several where several machines measured. */
  readonly cells: { readonly [cell: string]: readonly RecordName[] };
  /** Folders that were written in full, and the outputs that they hold. */
  readonly exports: readonly FolderExport[];
}

/** A list, or why it cannot be read. */
export type Listed = { readonly name: string; readonly citations: RunCitations } | { readonly name: string; readonly damage: string };

const SUFFIX = '.json.gz';
/** What a kept run may be called: it is a file's name. */
export const KEPT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The list of these outcomes. `exported`: the folders that were written. */
export function citationsOf(run: Pick<RunCitations, 'run' | 'startedAt' | 'endedAt' | 'pipeline'>, outcomes: Iterable<readonly [string, Outcome]>, exported: readonly FolderExport[]): RunCitations {
  const cells = new Map<string, readonly RecordName[]>();
  for (const [id, outcome] of outcomes) if (outcome.kind === 'done') cells.set(id, outcome.records.map(({ key, run: by }) => [key, by]));
  const exports = exported.map(({ to, from }) => ({ to, from: from.filter(({ cell }) => cells.has(cell)) }));
  return { ...run, cells: Object.fromEntries(cells), exports };
}

/** Keeps the list of a run that is about to end, if it committed anything. Without it the run cannot be kept whole, no more. */
export async function noteCitations({ name }: Pick<Pipeline, 'name'>, store: Store, startedAt: string, outcomes: ReadonlyMap<string, Outcome>, exported: readonly FolderExport[]): Promise<void> {
  if (!store.wrote || outcomes.size === 0) return;
  try {
    await writeCitations(store.folder, 'cited', store.run, citationsOf({ run: store.run, startedAt, endedAt: timestamp(), pipeline: name }, outcomes, exported));
  } catch (error) {
    if (!(error instanceof StoreUnwritable)) throw error;
  }
}

/** Throws StoreUnwritable. */
export async function writeCitations(folder: string, kind: 'cited' | 'kept', name: string, citations: RunCitations): Promise<void> {
  await wrapErrors(() => ensureFolder(`${folder}/${kind}`));
  await writeDurably(`${folder}/${kind}`, name + SUFFIX, [gzipSync(JSON.stringify(citations), { level: 4 })]);
}

/** The list of one run or of one name; undefined where there is none. */
export function readCitations(folder: string, kind: 'cited' | 'kept', name: string): Listed | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(`${folder}/${kind}/${name}${SUFFIX}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : { name, damage: `it cannot be read (${code ?? 'unknown'})` };
  }
  try {
    const value: unknown = JSON.parse(gunzipSync(bytes).toString('utf8'));
    return isCitations(value) ? { name, citations: value } : { name, damage: 'it does not say what it must' };
  } catch {
    return { name, damage: 'its bytes are not what was written' };
  }
}

/** Names of the lists there are, sorted. */
export function listedIn(folder: string, kind: 'cited' | 'kept'): readonly string[] {
  try {
    return readdirSync(`${folder}/${kind}`).filter((file) => file.endsWith(SUFFIX) && !file.startsWith('.')).map((file) => file.slice(0, -SUFFIX.length)).sort();
  } catch {
    return [];
  }
}

/** Throws StoreUnwritable. */
export async function removeCitations(folder: string, kind: 'cited' | 'kept', name: string): Promise<void> {
  await wrapErrors(async () => {
    await rm(`${folder}/${kind}/${name}${SUFFIX}`, { force: true });
    await syncFolder(`${folder}/${kind}`);
  });
}

/** The records of a list by cell, and how many of them the log does not have. */
export function resolve({ cells }: RunCitations, store: Store): { readonly records: ReadonlyMap<string, readonly CellRecord[]>; readonly lost: number } {
  const byName = new Map<string, CellRecord>();
  for (const record of store.records()) if (record.status === 'done') byName.set(`${record.key} ${record.run}`, record);
  const records = new Map<string, readonly CellRecord[]>();
  let lost = 0;
  for (const [cell, names] of Object.entries(cells)) {
    const found = names.flatMap(([key, run]) => byName.get(`${key} ${run}`) ?? []);
    lost += names.length - found.length;
    if (found.length > 0) records.set(cell, found);
  }
  return { records, lost };
}

function isCitations(value: unknown): value is RunCitations {
  if (typeof value !== 'object' || value === null) return false;
  const { run, startedAt, endedAt, pipeline, cells, exports } = value as { readonly [name: string]: unknown };
  return [run, startedAt, endedAt, pipeline].every((text) => typeof text === 'string') && typeof cells === 'object' && cells !== null && Array.isArray(exports)
    && Object.values(cells).every((names) => Array.isArray(names) && names.every((name) => Array.isArray(name) && name.length === 2 && name.every((part) => typeof part === 'string')))
    && exports.every((one: Partial<FolderExport> | null) => typeof one?.to === 'string' && Array.isArray(one.from) && one.from.every((ref) => typeof ref?.cell === 'string' && typeof ref.output === 'string'));
}
