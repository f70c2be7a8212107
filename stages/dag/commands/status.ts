/** `status`: what is up to date and what is not, by stage. */
import { atWorkLines } from '../at-work.ts';
import { EXIT } from '../command.ts';
import { openStoreOf, readGround } from '../ground.ts';
import { failureLines, lackingLine } from '../failure-lines.ts';
import { exceededLines, stageMemory } from '../memory-lines.ts';
import { recentLines } from '../past-runs.ts';
import { preview } from '../preview.ts';
import { revocationOf, revocationText } from '../revoked.ts';
import { select } from '../selection.ts';
import { waiverText } from '../waivers.ts';
import { count, grouped } from '../words.ts';
import type { Command } from '../command.ts';
import type { Forecast } from '../preview.ts';
import type { Store } from '../store.ts';
import type { Cell, Failure, Revocation, Waiver } from '../types.ts';

const COLUMNS = ['up to date', 'out of date', 'never computed', 'waiting', 'failed', 'running', 'not needed', 'lacking'] as const;
type Column = typeof COLUMNS[number];
/** Of the cells that a revocation touched so many are named. */
const SHOWN = 10;
const COLUMN_WIDTH = Math.max(...COLUMNS.map((column) => column.length)) + 2;

const status: Command = {
  usage: 'bitwidth status [target ...]',
  details: 'Counts cells by stage, says who computes what at this moment, and in at most five lines what happened lately.\n'
    + '"waiting": reads something that is to be computed first. "running": being computed by a run at this moment.\n'
    + '"not needed": out of date, and only helps cells that are up to date. "lacking": failed, and the rest does without it; a run tries it again.',
  options: {
    json: { type: 'boolean', summary: 'Print the counts as one JSON object' },
    revoked: { type: 'boolean', summary: 'List every cell with a result that was revoked' },
  },
  positionals: { min: 0, max: Infinity },
  async run({ pipeline, values, positionals, print }) {
    const store = openStoreOf(pipeline);
    try {
      const selection = select(pipeline, positionals);
      const { cells } = selection;
      const forecasts = preview(selection, await readGround(pipeline, store, cells));
      const leases = await store.leases.held();
      const held = new Set(leases.map(({ key }) => key as string));
      const stages = new Map<string, { [column in Column]: number }>();
      const failures: { cell: string; failure: Failure }[] = [];
      const lacking = new Set<string>();
      for (const cell of cells) {
        const row = stages.get(cell.stage.name) ?? { 'up to date': 0, 'out of date': 0, 'never computed': 0, waiting: 0, failed: 0, running: 0, 'not needed': 0, lacking: 0 };
        const forecast = forecasts.get(cell.id)!;
        row[columnOf(cell, forecast, held)]++;
        stages.set(cell.stage.name, row);
        if (forecast.kind !== 'failed' || forecast.origin !== cell.id) continue;
        if (cell.stage.optional === true) lacking.add(lackingLine(cell, forecast.failure));
        else failures.push({ cell: cell.id, failure: forecast.failure });
      }
      const touched = touchedByRevocations(pipeline.revoked ?? [], cells, forecasts, store);
      if (values['revoked'] === true) for (const { cell, text, open } of touched) print(`${cell}: ${text}${open ? '' : ' (computed again since)'}`);
      else if (values['json'] === true) print(JSON.stringify(Object.fromEntries(stages)));
      else {
        const recent = recentLines(store, leases.map(({ holder }) => holder));
        const sections = [[...table(stages), ...atWorkLines(leases, forecasts, store.machine), ...failureLines(failures), ...lacking, ...revocationLines(touched), ...waiverLines(forecasts), ...memoryLines(cells, forecasts), ...damage(store)], recent];
        for (const [i, lines] of sections.filter((section) => section.length > 0).entries()) for (const line of i > 0 ? ['', ...lines] : lines) print(line);
      }
      return EXIT.done;
    } finally {
      await store.close();
    }
  },
};
export default status;

function columnOf({ stage }: Cell, forecast: Forecast, held: ReadonlySet<string>): Column {
  switch (forecast.kind) {
    case 'done': return 'up to date';
    case 'failed': return stage.optional === true ? 'lacking' : 'failed';
    case 'idle': return 'not needed';
    case 'follows': return 'waiting';
    case 'run': return held.has(forecast.key) ? 'running' : forecast.reasons.every(({ field }) => field === 'never computed') ? 'never computed' : 'out of date';
  }
}

interface Touched {
  readonly cell: string;
  /** The revocation, in words. */
  readonly text: string;
  /** It has no result that counts instead. */
  readonly open: boolean;
}

/** Cells whose results were revoked, whether or not they were computed again since. */
function touchedByRevocations(revoked: readonly Revocation[], cells: readonly Cell[], forecasts: ReadonlyMap<string, Forecast>, store: Store): readonly Touched[] {
  if (revoked.length === 0) return [];
  return cells.flatMap(({ id }) => {
    const forecast = forecasts.get(id)!;
    const reasons = forecast.kind === 'run' ? forecast.reasons.map(({ field }) => field) : [];
    return revoked.map((one) => ({ cell: id, text: revocationText(one), open: reasons.includes(revocationText(one)), one }))
      .filter(({ open, one }) => open || store.recordsOfCell(id).some((record) => record.status === 'done' && revocationOf(record, [one]) !== undefined));
  });
}

function revocationLines(touched: readonly Touched[]): readonly string[] {
  return [...new Set(touched.map(({ text }) => text))].flatMap((text) => {
    const cells = touched.filter((one) => one.text === text);
    const open = cells.filter((one) => one.open).length;
    const names = cells.slice(0, SHOWN).map(({ cell }) => cell).join(', ');
    return [text, `  it had computed ${count(cells.length, 'cell')}, ${open === 0 ? 'all computed again since' : `${grouped(open)} not computed again yet`}: ${names}${cells.length > SHOWN ? ` and ${grouped(cells.length - SHOWN)} more; "status --revoked" lists them` : ''}`];
  });
}

function waiverLines(forecasts: ReadonlyMap<string, Forecast>): readonly string[] {
  const cells = new Map<string, { readonly waiver: Waiver; cells: number }>();
  for (const forecast of forecasts.values()) {
    if (forecast.kind !== 'done' || forecast.waiver === undefined) continue;
    const of = cells.get(forecast.waiver.id);
    if (of === undefined) cells.set(forecast.waiver.id, { waiver: forecast.waiver, cells: 1 });
    else of.cells++;
  }
  return Array.from(cells.values(), ({ waiver, cells: n }) => `${count(n, 'cell')} ${n === 1 ? 'counts' : 'count'} as up to date after ${waiver.causes.join(', ')}: ${waiverText(waiver)}; "accept --withdraw ${waiver.id}" takes that back`);
}

/** Of the results that count: the stages that held more than they had said. */
function memoryLines(cells: readonly Cell[], forecasts: ReadonlyMap<string, Forecast>): readonly string[] {
  return exceededLines(stageMemory(cells.flatMap(({ id, stage }) => {
    const forecast = forecasts.get(id)!;
    return forecast.kind === 'done' ? forecast.records.map((record) => ({ stage: stage.name, record })) : [];
  })));
}

/** A run that goes on right now may have an unfinished line, which is no damage. */
function damage(store: Store): readonly string[] {
  const lines = store.untoldDamage().length;
  return lines === 0 ? [] : [`${count(lines, 'line')} of the log cannot be trusted and ${lines === 1 ? 'is' : 'are'} ignored: what stood there counts as never computed.`];
}

function table(stages: ReadonlyMap<string, { readonly [column in Column]: number }>): readonly string[] {
  const shown = COLUMNS.filter((column) => column === 'up to date' || [...stages.values()].some((row) => row[column] > 0));
  const width = Math.max(5, ...[...stages.keys()].map((name) => name.length));
  const lines = [`${'stage'.padEnd(width)}  ${shown.map((column) => column.padStart(COLUMN_WIDTH)).join('')}`];
  for (const [name, row] of stages) lines.push(`${name.padEnd(width)}  ${shown.map((column) => (row[column] === 0 ? '-' : grouped(row[column])).padStart(COLUMN_WIDTH)).join('')}`);
  return lines;
}
