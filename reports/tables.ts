/** What the report knows of data/schema.sql: its columns (read from the file) and what identifies a row (below). */

/** From the site's root. */
export const SCHEMA_FILE = 'data/schema.sql';

/** One column as declared: name, DuckDB type. */
export interface Column { readonly name: string; readonly type: string }

/** What data/schema.sql says of a table in words: what a row is, what each column holds. */
export interface TableWords { readonly row: string; readonly columns: ReadonlyMap<string, string> }

const SWEEP_KEYS = ['quantity', 'model', 'format', 'text', 'temperature', 'top_k', 'max_new_tokens'];

/** Columns that identify a row: the id of a number on the site is made of these, so they never include a run. */
export const KEYS: { readonly [table: string]: readonly string[] } = {
  models: ['model'],
  formats: ['format'],
  layouts: ['format', 'part'],
  artifacts: ['model', 'format'],
  tensor_errors: ['model', 'format', 'tensor'],
  texts: ['text'],
  windows: ['model', 'format', 'text', 'window'],
  token_scores: ['model', 'format', 'text', 'window', 'position'],
  sampling_windows: ['model', 'format', 'text', 'window', 'temperature', 'top_k'],
  null_windows: ['model', 'format', 'text', 'window', 'temperature'],
  floor_windows: ['model', 'format', 'engine', 'window'],
  metrics: [...SWEEP_KEYS, 'engine'],
  sweep_metrics: SWEEP_KEYS,
  profiles: ['profile', 'model', 'format', 'slice'],
  pairs: ['quantity', 'model', 'format', 'other', 'engine'],
  generations: ['model', 'format', 'prompt', 'seed', 'temperature', 'top_k'],
  judgements: ['model', 'format', 'prompt', 'seed', 'temperature', 'top_k'],
  choice_sets: ['set'],
  choices: ['model', 'format', 'set', 'item', 'option'],
  survival: ['model', 'format', 'temperature', 'top_k', 'step'],
  worst_tokens: ['model', 'format', 'rank'],
  speed_samples: ['model', 'format', 'engine', 'machine', 'phase', 'pair', 'block'],
  speed_runs: ['model', 'engine', 'machine'],
  speed_blocks: ['model', 'engine', 'machine', 'block'],
  speed_memory: ['model', 'format', 'engine', 'machine', 'part'],
  kernel_rates: ['suite', 'who', 'format', 'shape', 'phase', 'batch', 'threads'],
  peers: ['model', 'peer', 'format', 'machine'],
  peer_metrics: ['quantity', 'model', 'peer', 'format', 'text'],
  peer_sweep_metrics: ['quantity', 'model', 'peer', 'format', 'temperature', 'top_k', 'max_new_tokens'],
  peer_texts: ['model', 'peer', 'format', 'prompt', 'seed', 'temperature', 'top_k'],
  peer_ratios: ['quantity', 'model', 'peer', 'format', 'ours'],
  claimed: ['file', 'metric', 'model', 'format', 'program', 'version', 'conditions', 'machine'],
  machines: ['machine'],
  machine_caches: ['machine', 'level'],
  claims: ['claim', 'version'],
  claim_effects: ['claim', 'part', 'model', 'format'],
  sources: ['path'],
  errata: ['number', 'date'],
};

/** Tables with a row per token or per window: their cells' pages say how many rows there are, and do not list them. */
export const BULK: ReadonlySet<string> = new Set(['token_scores', 'windows', 'sampling_windows', 'null_windows', 'speed_samples', 'speed_blocks', 'speed_memory', 'kernel_rates', 'generations', 'judgements', 'peer_texts', 'choices', 'survival', 'worst_tokens', 'tensor_errors']);

/** The table of figures that other programs gave. Whatever is printed of it is marked, and nothing is derived from it. */
export const CLAIMED = 'claimed';

/** Tables whose CSV is compressed: a row for each scored token is tens of megabytes. */
export const PACKED: ReadonlySet<string> = new Set(['token_scores']);

/** Where a number that was wrong has its page. An id is letters, digits and . _ + = - only. */
export const erratumPath = (number: string): string => `errata/${number}.html`;

/** A page with more rows is slow to open; then the first few are shown. */
export const MOST_ROWS_SHOWN = 1500;

export const csvName = (table: string): string => `${table}.csv${PACKED.has(table) ? '.gz' : ''}`;

/**
 * Reads table names and columns, in order, from the text of data/schema.sql.
 * Throws when a table has no entry in KEYS: a new table says what identifies its rows.
 */
export function schemaTables(sql: string): ReadonlyMap<string, readonly Column[]> {
  const tables = new Map<string, Column[]>();
  const plain = sql.replace(/--.*$/gm, '');
  for (const [, name, body] of plain.matchAll(/CREATE TABLE (\w+)\s*\(([^;]*)\);/g)) {
    const columns: Column[] = [];
    for (const declaration of body!.split(',')) {
      const column = /^\s*"?(\w+)"?\s+([A-Z]+(?:\[\])?)/.exec(declaration);
      if (!column) throw new Error(`data/schema.sql: table ${name}: cannot read the column "${declaration.trim()}"; write: name TYPE [NOT NULL]`);
      columns.push({ name: column[1]!, type: column[2]! });
    }
    if (!KEYS[name!]) throw new Error(`reports/tables.ts: table ${name} of data/schema.sql has no entry in KEYS; name the columns that identify a row`);
    tables.set(name!, columns);
  }
  return tables;
}

/** The words of data/schema.sql, which stand after a table's name and after each column. A table or column without words has none here. */
export function schemaWords(sql: string): ReadonlyMap<string, TableWords> {
  return new Map([...sql.matchAll(/^CREATE TABLE (\w+) \([ \t]*(?:-- (.*))?\n([\s\S]*?)^\);/gm)].map(([, name, row, body]) =>
    [name!, { row: row ?? '', columns: new Map([...body!.matchAll(/^\s*"?(\w+)"? .*?-- (.*)$/gm)].map(([, column, words]) => [column!, words!])) }]));
}
