/** data/drawn-with.json: what each page was drawn from beside the tables and the records. */
import type { Cited } from './artifact.ts';
import type { Omitted } from './cell-facts.ts';
import type { Verdicts } from './verdicts.ts';

/** What is drawn beside the pages. */
export const TEX_FILE = 'data/numbers.tex', ARTIFACT_FILE = 'ARTIFACT.md', CITATION_FILE = 'CITATION.cff';

/** From the site's root. */
export const DRAWN_WITH_FILE = 'data/drawn-with.json';
export const DRAWN_WITH_FORMAT = 2;

export interface DrawnWith {
  readonly format: number;
  /** Names of what the report has a page for, as page-points.ts counts them. */
  readonly formats: readonly string[];
  readonly models: readonly string[];
  readonly peers: readonly string[];
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
  if (typeof value?.format === 'number' && value.format !== DRAWN_WITH_FORMAT) throw new SyntaxError(`it has the format ${value.format}; this version reads ${DRAWN_WITH_FORMAT}`);
  if (value === null || typeof value.format !== 'number' || ![value.tables, value.omitted].every((part) => typeof part === 'object' && part !== null) || ![value.formats, value.models, value.peers, value.errata].every((names) => Array.isArray(names) && names.every((name) => typeof name === 'string'))) throw new SyntaxError('it does not say what pages were drawn with');
  return value as DrawnWith;
}
