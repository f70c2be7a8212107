/** What a reader's browser can compute again, as a site says it (data/rerun.js): the cells with what their records say, the objects that they read, the programs. */

import { SIZES_FILE, UNLISTED } from '../manifest.ts';

/** From the site's root. */
export const PLAN_FILE = 'data/rerun.js';
export const PLAN_FORMAT = 1;
/** Where objects lie: `<cell>.<output>.js`. */
export const OBJECTS_FOLDER = 'data/rerun/';

/** A file of the site. */
export interface PlannedFile { readonly path: string; readonly bytes: number }

/** The bytes of a cell's output, in a script that holds them in base64 under their sha256: from file:// nothing but scripts can be loaded. */
export interface PlannedObject extends PlannedFile { readonly cell: string; readonly output: string; /** Without their packing. */ readonly objectBytes: number }

export type PlannedRow = { readonly [column: string]: unknown };

/** A row as a plan has it: a list says the same as a text beside it; what an opening was, the cell's parameters say. */
export const plannedRow = (row: PlannedRow): PlannedRow => Object.fromEntries(Object.entries(row).filter(([column, value]) => !Array.isArray(value) && column !== 'prompt_text'));

/** What its record says of a cell. */
export interface PlannedCell {
  readonly cell: string;
  readonly stage: string;
  readonly params: { readonly [name: string]: unknown };
  /** Input -> sha256. */
  readonly inputs: { readonly [name: string]: string };
  readonly key: string;
  readonly outputs: { readonly [output: string]: { readonly sha256: string; readonly bytes: number } };
  /** Table -> the rows that the study made of it. */
  readonly rows: { readonly [table: string]: readonly PlannedRow[] };
}

export interface Plan {
  readonly format: number;
  readonly pipeline: string;
  /** Path -> bytes. */
  readonly programs: { readonly [path: string]: number };
  /** By sha256. */
  readonly objects: { readonly [sha256: string]: PlannedObject };
  readonly cells: { readonly [cell: string]: PlannedCell };
  /** Path -> bytes, of every file of the site (SIZES_FILE of ../manifest.ts); absent where a copy has no such list. */
  readonly files?: { readonly [path: string]: number };
}

/** Whether a site has a file, as its lists say. */
export const siteHas = ({ files = {} }: Pick<Plan, 'files'>, path: string): boolean => Object.hasOwn(files, path) || path === SIZES_FILE || UNLISTED.has(path);

/** Programs and objects that a computation of these cells needs, each once; objects that are there already are left out. */
export function downloadsOf(plan: Plan, cells: readonly PlannedCell[], program: string, has: (sha256: string) => boolean = () => false): readonly PlannedFile[] {
  const wanted = new Set(cells.flatMap(({ inputs }) => Object.values(inputs)).filter((sha256) => !has(sha256)));
  return [{ path: program, bytes: plan.programs[program] ?? 0 }, ...[...wanted].flatMap((sha256) => plan.objects[sha256] ?? [])];
}
