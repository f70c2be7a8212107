/** Which pages a report has: each once, or once for each format, model, table, peer, or number that was wrong. */
import type { Page } from './page.ts';

/** What a report is about: names, in its order. */
export interface ReportPoints {
  readonly formats: readonly string[];
  readonly models: readonly string[];
  readonly peers: readonly string[];
  readonly tables: readonly string[];
  /** Ids of published numbers that were wrong. */
  readonly errata: readonly string[];
  /** Whether it describes itself as a research object. */
  readonly crate: boolean;
}

export type PageParams = { readonly [name: string]: string | boolean | readonly string[] };

/** Names that tell a page's points apart, and its parameters at each. */
export function pointsOf({ name: page, per, sizes }: Pick<Page, 'name' | 'per' | 'sizes'>, points: ReportPoints): readonly { readonly names: { readonly [name: string]: string }; readonly params: PageParams }[] {
  const { errata, crate } = points;
  return namesOf(per, points).map((names) => ({ names, params: { page, ...names, ...(errata.length > 0 ? { errata: [...errata] } : {}), ...(sizes && crate ? { crate } : {}) } }));
}

function namesOf(per: Page['per'], { formats, models, tables, peers, errata }: ReportPoints): readonly { readonly [name: string]: string }[] {
  switch (per) {
    case 'format': return formats.map((format) => ({ format }));
    case 'model': return models.map((model) => ({ model }));
    case 'table': return tables.map((table) => ({ table }));
    case 'peer': return peers.map((peer) => ({ peer }));
    case 'erratum': return [...new Set(errata)].map((number) => ({ number }));
    case undefined: return [{}];
  }
}
