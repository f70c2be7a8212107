/** What data/rerun.js says of cells against their records and the tables: pages compute by it, and what they find is about what is published. */
import { count } from '../../stages/dag/index.ts';
import { RECORDS_FILE } from '../records-file.ts';
import { rowsByCell } from '../rows-by-cell.ts';
import { csvName } from '../tables.ts';
import { compareRows, shown } from './compare.ts';
import { PLAN_FILE } from './plan.ts';
import type { Row } from '../num.ts';
import type { PublishedCell } from '../records-file.ts';
import type { Finding } from './checks.ts';
import type { PlannedCell } from './plan.ts';

type Records = ReadonlyMap<string, PublishedCell>;

/** What both say of a cell, in the same order. */
const saidOf = ({ stage, params, inputs, key, outputs }: PlannedCell): readonly (readonly [what: string, value: unknown])[] =>
  [['its key', key], ['its stage', stage], ['its parameters', params], ['its inputs', inputs], ['its outputs', outputs]];

/** Undefined where its record says the same. */
export function recordFinding(cell: PlannedCell, records: Records): Finding | undefined {
  const published = records.get(cell.cell), record = published?.record;
  if (published === undefined || record === undefined || record.status === 'failed') return { verdict: 'differs', what: `${cell.cell} is in ${PLAN_FILE}, and ${RECORDS_FILE} has no result of it` };
  const recorded = saidOf({
    ...cell, stage: published.stage, params: published.params, key: record.key, inputs: Object.fromEntries(Object.entries(published.inputs).map(([name, from]) => [name, from[0]?.sha256 ?? ''])),
    outputs: Object.fromEntries(Object.entries(record.outputs).map(([name, { sha256, bytes }]) => [name, { sha256, bytes }])),
  });
  const other = saidOf(cell).flatMap(([what, value], i) => JSON.stringify(value) === JSON.stringify(recorded[i]![1]) ? [] : [`${what}: ${shown(value)} in ${PLAN_FILE}, ${shown(recorded[i]![1])} in ${RECORDS_FILE}`]);
  return other.length === 0 ? undefined : { verdict: 'differs', what: `${cell.cell} is not in ${PLAN_FILE} as its record has it`, detail: other.join('; ') };
}

/** Differences, one for each cell and table; or what all of it comes to. Nothing for no cells. */
export function plannedFindings(cells: readonly PlannedCell[], records: Records, tables: ReadonlyMap<string, readonly Row[]>): readonly Finding[] {
  const differing: Finding[] = [];
  const byCell = new Map(Array.from(new Set(cells.flatMap(({ rows }) => Object.keys(rows))), (table) => [table, rowsByCell(tables.get(table) ?? [])]));
  let all = 0;
  for (const cell of cells) {
    const found = recordFinding(cell, records);
    if (found !== undefined) differing.push(found);
    for (const [table, rows] of Object.entries(cell.rows)) {
      const path = `data/${csvName(table)}`;
      const { equal, rows: compared, first } = compareRows(byCell.get(table)!.get(cell.cell) ?? [], rows, { published: `is in ${path}`, computed: `is in ${PLAN_FILE}` });
      all += compared;
      if (equal !== compared) differing.push({ verdict: 'differs', what: `${cell.cell}: ${compared - equal} of ${count(compared, 'row')} of ${path} ${compared - equal === 1 ? 'is' : 'are'} not what ${PLAN_FILE} has`, detail: first! });
    }
  }
  if (differing.length > 0 || cells.length === 0) return differing;
  return [{ verdict: 'equal', what: `${PLAN_FILE}: ${count(cells.length, 'cell')} as ${RECORDS_FILE} has ${cells.length === 1 ? 'it' : 'them'}${all === 0 ? '' : `, and ${count(all, 'row')} as the tables have them`}` }];
}
