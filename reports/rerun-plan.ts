/** The stage `rerun-plan`: what pages can compute again, with what the records and tables say of it (reports/rerun/plan.ts). */
import type { CellProvenance, Run, TaskCell } from '../stages/dag/index.ts';
import { PLAN_FILE, PLAN_FORMAT, plannedRow } from './rerun/plan.ts';
import type { Plan, PlannedCell, PlannedObject, PlannedRow } from './rerun/plan.ts';
import { readTables, text } from './task-tables.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const records = cell.inputs['records'];
    const items = records?.kind === 'records' ? records.items : [];
    const rows = new Map([...await readTables([cell], io)].map(([table, bytes]) => [table, rowsByCell(text(bytes), new Set(items.map((item) => item.cell)))]));
    const scripts = filesOf(cell, 'objects');
    const objects: { [sha256: string]: PlannedObject } = {};
    for (const [path, { sha256, bytes, ...from }] of Object.entries(JSON.parse(text(await io.input(cell, 'sizes'))) as { readonly [path: string]: { readonly cell: string; readonly output: string; readonly sha256: string; readonly bytes: number } })) {
      objects[sha256] = { path, bytes: scripts.get(path)!, ...from, objectBytes: bytes };
    }
    const plan: Plan = {
      format: PLAN_FORMAT, pipeline: String(cell.params['pipeline']), programs: Object.fromEntries(filesOf(cell, 'programs')), objects,
      cells: Object.fromEntries(items.flatMap((item) => { const planned = plannedCell(item, rows, objects); return planned === undefined ? [] : [[item.cell, planned]]; })),
    };
    await io.commit(cell.id, { plan: { tree: new Map([[PLAN_FILE, planScript(plan)]]) } });
  }
};

/** A classic script: from file:// nothing else can be read. */
export const planScript = (plan: Plan): string => `window.bitwidthPlan=${JSON.stringify(plan)};\n`;

/** Path -> bytes, of the files of what was gathered. */
function filesOf({ inputs }: TaskCell, name: string): ReadonlyMap<string, number> {
  const input = inputs[name];
  return new Map((input?.kind === 'gather' ? input.items : []).flatMap((item) => 'handle' in item ? Object.entries(item.tree ?? {}).map(([path, { bytes }]) => [path, bytes] as const) : []));
}

function rowsByCell(ndjson: string, wanted: ReadonlySet<string>): ReadonlyMap<string, readonly PlannedRow[]> {
  const byCell = new Map<string, PlannedRow[]>();
  for (const line of ndjson.split('\n')) {
    // Of the rows of all cells few are wanted: the others are not parsed.
    const cell = /"cell":"([^"]*)"/.exec(line)?.[1];
    if (cell === undefined || !wanted.has(cell)) continue;
    const row = plannedRow(JSON.parse(line) as PlannedRow);
    const rows = byCell.get(cell);
    if (rows === undefined) byCell.set(cell, [row]);
    else rows.push(row);
  }
  return byCell;
}

/** Undefined where it has no result, or reads what is not published. */
function plannedCell({ cell, stage, params, record, inputs }: CellProvenance, rows: ReadonlyMap<string, ReadonlyMap<string, readonly PlannedRow[]>>, objects: Plan['objects']): PlannedCell | undefined {
  if (record?.status !== 'done') return undefined;
  const read = Object.fromEntries(Object.entries(inputs).map(([name, from]) => [name, from[0]?.sha256 ?? '']));
  if (!Object.values(read).every((sha256) => Object.hasOwn(objects, sha256))) return undefined;
  return {
    cell, stage, params, inputs: read, key: record.key, outputs: Object.fromEntries(Object.entries(record.outputs).map(([name, { sha256, bytes }]) => [name, { sha256, bytes }])),
    rows: Object.fromEntries([...rows].flatMap(([table, byCell]) => byCell.has(cell) ? [[table, byCell.get(cell)!]] : [])),
  };
}
