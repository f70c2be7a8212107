/** The stage `ledger`: what others found, held against the records of today, for the marks on the report's numbers. */
import { parseReproduction, standingOf } from './ledger.ts';
import type { Run } from '../stages/dag/index.ts';
import type { Verdict, Verdicts } from '../reports/verdicts.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const input = cell.inputs['records'];
    const today = new Map((input?.kind === 'records' ? input.items : []).map((item) => [item.cell, item]));
    const entries: Verdicts['entries'][number][] = [];
    const found = new Map<string, (readonly [number, Verdict])[]>();
    const say = (of: string, verdict: Verdict): void => {
      if (!today.has(of)) return;
      const list = found.get(of);
      if (list === undefined) found.set(of, [[entries.length, verdict]]);
      else list.push([entries.length, verdict]);
    };
    for (const name of Object.keys(cell.inputs)) {
      if (name === 'records') continue;
      const reproduction = parseReproduction(await io.input(cell, name), String(cell.params[name]));
      for (const [of, { key, result }] of Object.entries(reproduction.cells)) say(of, today.get(of)?.record?.key === key ? result : 'outdated');
      // Of what rests on timings no key is compared; it speaks of today where nothing else in it is of another day.
      if (standingOf(reproduction, new Map([...today].map(([id, { record }]) => [id, { records: record === undefined ? [] : [record] }]))).outdated === 0) {
        for (const { cell: of, result } of reproduction.claims) if (!Object.hasOwn(reproduction.cells, of) && (result === 'within' || result === 'differs')) say(of, result);
      }
      const { by, cpu, when } = reproduction;
      entries.push({ by, cpu, when });
    }
    const verdicts: Verdicts = { entries, cells: Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1))) };
    await io.commit(cell.id, { verdicts: JSON.stringify(verdicts) });
  }
};
