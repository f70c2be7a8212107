/** What a page is: the tables it reads and how it is written from them. */
import type { CellProvenance, Failure } from '../stages/dag/index.ts';
import type { Html } from './html.ts';
import { html, link } from './html.ts';
import type { PageContent } from './layout.ts';
import type { Row } from './num.ts';
import type { Column, TableWords } from './tables.ts';

/** A cell without a result, as the page that lists failures has it. */
export interface FailedCell { readonly cell: string; readonly params: { readonly [name: string]: unknown }; readonly failure: Failure }

/** How many cells a stage has, and how many of them a result (tally.ts). */
export interface StageCount { readonly stage: string; readonly cells: number; readonly done: number }

export interface PageInput {
  readonly params: { readonly [name: string]: unknown };
  /** Rows of a table that the page declares, in the order in which they were written; at most so many. A column that a row has nothing in is null. */
  rows<T extends Row = Row>(table: string, most?: number): Promise<readonly T[]>;
  /** How many there are. */
  count(table: string): Promise<number>;
  /** For pages of a project's own: rows of one SELECT over the tables that the page declares. What asks this is drawn where DuckDB is, and not again by a reader's browser. */
  query<T extends Row = Row>(sql: string, parameters?: { readonly [name: string]: string | number | null }): Promise<T[]>;
  /** The columns of each table, as data/schema.sql declares them. */
  readonly columns: ReadonlyMap<string, readonly Column[]>;
  /** What data/schema.sql says of each table in words. */
  readonly words: ReadonlyMap<string, TableWords>;
  /** Where the counts of a table lead: the cell that wrote it. */
  readonly tableCells: ReadonlyMap<string, string>;
  /** Cells without a result. */
  readonly failed: readonly FailedCell[];
  /** Only for pages with `counts: true`. */
  readonly counts: readonly StageCount[];
  /** Only for pages with `sizes: true`: file of the export -> bytes; empty where the export failed. */
  readonly sizes: { readonly [file: string]: number };
  /** Only for pages with `records: true`. */
  readonly records: readonly CellProvenance[];
}

export interface Page {
  /** File's name without its ending, and the page's in the pipeline: 'quality'. */
  readonly name: string;
  /** Path in the site; for pages that exist once per format or model it depends on the parameters. */
  path(params: { readonly [name: string]: unknown }): string;
  readonly tables: readonly string[];
  /** Reads how many cells there are: redrawn whenever one is added. */
  readonly counts?: boolean;
  /** Reads the sizes of the exported files. */
  readonly sizes?: boolean;
  /** Reads the records of all cells. */
  readonly records?: boolean;
  /** Once for each format, model or peer of the study, for each number that was wrong, or for each table, which it then reads beside those that it declares. */
  readonly per?: 'format' | 'model' | 'table' | 'erratum' | 'peer';
  write(input: PageInput): Promise<PageContent>;
}

/** What stands in the place of a number that is not there: why, as far as it is known. */
export function missing(failed: readonly FailedCell[], about: { readonly [param: string]: unknown }): Html {
  const fits = ({ params }: FailedCell): boolean => Object.entries(about).every(([name, value]) => !(name in params) || params[name] === value);
  const candidates = failed.filter((f) => 'model' in f.params && fits(f));
  const origin = candidates.find((f) => f.failure.code !== 'upstream-failed') ?? candidates[0];
  if (!origin) return html`<span class="missing">not computed</span>`;
  return html`<span class="missing">${link(`failures.html#${failureAnchor(origin.cell)}`, `missing: ${origin.failure.code}`)}</span>`;
}

export const failureAnchor = (cell: string): string => `cell-${cell.replace(/[^\w.-]/g, '-')}`;

/** The tables that a page reads at one of its points. */
export const tablesAt = ({ tables, per }: Pick<Page, 'tables' | 'per'>, params: { readonly [name: string]: unknown }): readonly string[] =>
  per === 'table' ? [...new Set([...tables, String(params['table'])])] : tables;
