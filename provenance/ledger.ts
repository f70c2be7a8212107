/** The ledger of reproductions: what others found when they computed this study again, one file each in data/reproductions. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError } from '../stages/dag/index.ts';
import { REPRODUCTION_FORMAT } from './reproduction.ts';
import { LEDGER, ledgerFiles } from './ledger-files.ts';
import { hashOf } from './pack-format.ts';
import type { Reproduction } from './reproduction.ts';
import type { ResultCell } from '../stages/dag/index.ts';


/** A file larger than this is none. */
const MOST_BYTES = 16 * 2 ** 20;

export interface Entry { readonly file: string; readonly reproduction: Reproduction }

/** What they say about results of today. */
export interface Standing {
  /** Cells of today whose record is the one that was compared: how many came out equal, and of how many. */
  readonly equal: number;
  readonly compared: number;
  /** Cells that they compared with another record: the study has changed since. */
  readonly outdated: number;
}

/** In the order of their names. Throws ConfigurationError for a file that is none, named. */
export function readLedger(root: string): readonly Entry[] {
  return ledgerFiles(root).map((file) => ({ file, reproduction: parseReproduction(readFileSync(join(root, file)), file) }));
}

/** Throws ConfigurationError, which names `file`. */
export function parseReproduction(bytes: Uint8Array, file: string): Reproduction {
  const wrong = (reason: string): never => { throw new ConfigurationError(`${file}: ${reason}; "bitwidth reproduce <file.zip>" writes such files`); };
  if (bytes.length > MOST_BYTES) wrong('it is too large for a reproduction');
  let value: Partial<Reproduction> | null;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Reproduction> | null;
  } catch {
    return wrong('it is no JSON');
  }
  if (typeof value?.format !== 'number') return wrong('it is no reproduction');
  if (value.format > REPRODUCTION_FORMAT) wrong(`it has the format ${value.format}; this version reads up to ${REPRODUCTION_FORMAT}`);
  const { of, by, machine, cpu, when, otherCode, claims, cells } = value;
  const short = (text: unknown): text is string => typeof text === 'string' && text.length <= 500;
  const sound = typeof of?.pipeline === 'string' && short(by) && short(machine) && short(cpu) && short(when) && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(when)
    && Array.isArray(otherCode) && otherCode.every(short) && Array.isArray(claims) && claims.every((claim) => short(claim?.claim) && short(claim.version) && short(claim.why) && ['equal', 'within', 'differs', 'not run'].includes(claim.result))
    && typeof cells === 'object' && cells !== null && Object.values(cells).every((cell) => /^[0-9a-f]{64}$/.test(cell?.key ?? '') && ['equal', 'differs'].includes(cell.result));
  return sound ? value as Reproduction : wrong('it does not say what a reproduction must');
}

/** Adds one; answers its file. The same one again is the same file. */
export function addToLedger(root: string, bytes: Uint8Array, from: string): Entry {
  const reproduction = parseReproduction(bytes, from);
  const file = `${LEDGER}/${reproduction.when.slice(0, 10)}-${hashOf(bytes).slice(0, 12)}.json`;
  mkdirSync(join(root, LEDGER), { recursive: true });
  writeFileSync(join(root, file), bytes);
  return { file, reproduction };
}

/** Held against today's records, by their keys: equal work has equal keys. */
export function standingOf({ cells }: Reproduction, today: ReadonlyMap<string, Pick<ResultCell, 'records'>>): Standing {
  let equal = 0, compared = 0, outdated = 0;
  for (const [cell, { key, result }] of Object.entries(cells)) {
    if (today.get(cell)?.records.some((record) => record.key === key) !== true) outdated++;
    else {
      compared++;
      if (result === 'equal') equal++;
    }
  }
  return { equal, compared, outdated };
}

/** What one reproduction says of a cell. `outdated`: it compared another record than those of today. */
export interface Verdict { readonly by: string; readonly cpu: string; readonly when: string; readonly result: 'equal' | 'differs' | 'outdated' }

/** All that the ledger says of a cell whose records have these keys, in its order. */
export function verdictsOf(cell: string, keys: readonly string[], ledger: readonly Entry[]): readonly Verdict[] {
  return ledger.flatMap(({ reproduction: { by, cpu, when, cells } }) => {
    const said = Object.hasOwn(cells, cell) ? cells[cell] : undefined;
    return said === undefined ? [] : [{ by, cpu, when, result: keys.includes(said.key) ? said.result : 'outdated' as const }];
  });
}
