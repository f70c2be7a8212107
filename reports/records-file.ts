/**
 * The stage `records`: the records of all cells as data, so that whoever has the site alone can follow and check them. A line for each
 * machine, closure of code and cell; compressed, because ten thousand records say much that is alike.
 */
import { gzipSync } from 'node:zlib';
import type { CellProvenance, Run } from '../stages/dag/index.ts';

/** From the site's root. */
export const RECORDS_FILE = 'data/records.ndjson.gz';

/** A line of it. Together they say of every cell what its page shows. */
export type RecordLine =
  | { readonly is: 'closure'; readonly hash: string; readonly files: CellProvenance['code'] }
  | ({ readonly is: 'cell' } & Pick<CellProvenance, 'cell' | 'stage' | 'determinism' | 'params' | 'inputs' | 'failure' | 'waiver'> & { /** Why it was computed; left out where nothing says so. */ readonly reasons?: CellProvenance['reasons']; /** Where there is no record, whose closure is a line of its own. */ readonly code?: CellProvenance['code']; readonly record?: PublishedRecord; readonly others?: readonly PublishedRecord[] });

/** A line about a cell. */
export type PublishedCell = Extract<RecordLine, { readonly is: 'cell' }>;

type CellRecord = NonNullable<CellProvenance['record']>;
/** A record, without what its line says. */
export type PublishedRecord = Pick<CellRecord, 'key' | 'fields' | 'outputs' | 'computedBy' | 'durationMs' | 'place' | 'memory' | 'finishedAt' | 'machine' | 'run'> & { /** Left out where there is a result. */ readonly status?: CellRecord['status'] };

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
    ...items.map(({ cell, stage, determinism, params, inputs, record, others, failure = record?.failure, waiver, reasons, code }): RecordLine => ({
      is: 'cell', cell, stage, determinism, params, inputs,
      ...(record === undefined ? { code } : { record: published(record) }),
      ...(others === undefined ? {} : { others: others.map(published) }),
      ...(failure === undefined ? {} : { failure }),
      ...(waiver === undefined ? {} : { waiver }),
      ...(reasons.length === 0 ? {} : { reasons }),
    })),
  ];
}

function published({ status, key, fields, outputs, computedBy, durationMs, place, memory, finishedAt, machine, run }: CellRecord): PublishedRecord {
  return { key, fields, outputs, ...(computedBy === undefined ? {} : { computedBy }), durationMs, ...(place === undefined ? {} : { place }), ...(memory === undefined ? {} : { memory }), finishedAt, machine, run, ...(status === 'failed' ? { status } : {}) };
}

/** What the lines were written of. */
export function provenanceIn(lines: readonly RecordLine[]): readonly CellProvenance[] {
  const closures = new Map(lines.flatMap((line) => line.is === 'closure' ? [[line.hash, line.files] as const] : []));
  return lines.flatMap((line): CellProvenance[] => {
    if (line.is !== 'cell') return [];
    const { is, record, others, reasons = [], code = closures.get(record?.fields.code ?? '') ?? {}, ...rest } = line;
    const recorded = ({ status = 'done', ...one }: PublishedRecord): CellRecord => ({ ...one, cell: line.cell, status, ...(status === 'failed' && line.failure !== undefined ? { failure: line.failure } : {}) });
    return [{ ...rest, reasons, code, ...(record === undefined ? {} : { record: recorded(record) }), ...(others === undefined ? {} : { others: others.map(recorded) }) }];
  });
}
