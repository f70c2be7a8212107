/** data/drawn-with.json: what each page was drawn from beside the tables and the records. */
import type { CellProvenance } from '../stages/dag/index.ts';
import type { Cited } from './artifact.ts';
import type { Omitted } from './cell-facts.ts';
import type { Verdicts } from './verdicts.ts';

/** What is drawn beside the pages. */
export const TEX_FILE = 'data/numbers.tex', ARTIFACT_FILE = 'ARTIFACT.md', CITATION_FILE = 'CITATION.cff';

/** From the site's root. */
export const DRAWN_WITH_FILE = 'data/drawn-with.json';
export const DRAWN_WITH_FORMAT = 1;

type Params = CellProvenance['params'];

export interface DrawnWith {
  readonly format: number;
  /** Path of a page -> its name in the register, and its parameters. Pages of a project's own, and those of cells, are not among them. */
  readonly pages: { readonly [path: string]: { readonly page: string; readonly params: Params } };
  /** Table -> the cell that wrote it, in the tables' order. */
  readonly tables: { readonly [table: string]: string };
  /** Ids of published numbers that were wrong. */
  readonly errata: readonly string[];
  /** Cell -> what it says that it left out. */
  readonly omitted: { readonly [cell: string]: readonly Omitted[] };
  readonly verdicts?: Verdicts;
  /** What the report says of itself as a work. */
  readonly about?: Omit<Cited, 'date'>;
}

/** Throws SyntaxError, a sentence, where it is none. */
export function readDrawnWith(file: string): DrawnWith {
  const value = JSON.parse(file) as Partial<DrawnWith> | null;
  if (value === null || typeof value.format !== 'number' || ![value.pages, value.tables, value.omitted].every((part) => typeof part === 'object' && part !== null) || !Array.isArray(value.errata)) throw new SyntaxError('it does not say what pages were drawn with');
  if (value.format > DRAWN_WITH_FORMAT) throw new SyntaxError(`it has the format ${value.format}; this version reads up to ${DRAWN_WITH_FORMAT}`);
  return value as DrawnWith;
}
