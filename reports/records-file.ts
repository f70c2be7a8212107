/**
 * The stage `records`: the records of all cells as data, so that whoever has the site alone can follow and check them. A line for each
 * machine, closure of code and cell; compressed, because ten thousand records say much that is alike.
 */
import { gzipSync } from 'node:zlib';
import type { CellProvenance, Run } from '../stages/dag/index.ts';

/** From the site's root. */
export const RECORDS_FILE = 'data/records.ndjson.gz';

/** A line of it. */
export type RecordLine =
  | { readonly is: 'closure'; readonly hash: string; readonly files: CellProvenance['code'] }
  | ({ readonly is: 'cell' } & Pick<CellProvenance, 'cell' | 'stage' | 'determinism' | 'params' | 'inputs' | 'failure'> & { readonly waiver?: string; readonly record?: PublishedRecord; readonly others?: readonly PublishedRecord[] });

/** A line about a cell. */
export type PublishedCell = Extract<RecordLine, { readonly is: 'cell' }>;

/** A record without what is of use only beside its store. */
export type PublishedRecord = Pick<NonNullable<CellProvenance['record']>, 'key' | 'fields' | 'outputs' | 'computedBy' | 'durationMs' | 'finishedAt' | 'machine' | 'run'>;

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const input = cell.inputs['records'];
    const items = input?.kind === 'records' ? input.items : [];
    const text = recordLines(items).map((line) => `${JSON.stringify(line)}\n`).join('');
    await io.commit(cell.id, { records: { tree: new Map([[RECORDS_FILE, gzipSync(text, { level: 9 })]]) } });
  }
};

export function recordLines(items: readonly CellProvenance[]): readonly RecordLine[] {
  const closures = new Map(items.flatMap(({ record, code }) => record === undefined ? [] : [[record.fields.code, code] as const]));
  return [
    ...[...closures].sort(([a], [b]) => (a < b ? -1 : 1)).map(([hash, files]): RecordLine => ({ is: 'closure', hash, files })),
    ...items.map(({ cell, stage, determinism, params, inputs, record, others, failure, waiver }): RecordLine => ({
      is: 'cell', cell, stage, determinism, params, inputs,
      ...(record?.status === 'done' ? { record: published(record) } : {}),
      ...(others === undefined ? {} : { others: others.map(published) }),
      ...(failure === undefined ? {} : { failure }),
      ...(waiver === undefined ? {} : { waiver: `${waiver.because} (${waiver.id})` }),
    })),
  ];
}

function published({ key, fields, outputs, computedBy, durationMs, finishedAt, machine, run }: NonNullable<CellProvenance['record']>): PublishedRecord {
  return { key, fields, outputs, ...(computedBy === undefined ? {} : { computedBy }), durationMs, finishedAt, machine, run };
}
