/** `status`: what is up to date and what is not, by stage. */
import { EXIT } from '../command.ts';
import { openStoreOf, readGround } from '../ground.ts';
import { failureLines } from '../failure-lines.ts';
import { preview } from '../preview.ts';
import { select } from '../selection.ts';
import { count, grouped } from '../words.ts';
import type { Command } from '../command.ts';
import type { Forecast } from '../preview.ts';
import type { Store } from '../store.ts';
import type { Failure } from '../types.ts';

const COLUMNS = ['up to date', 'out of date', 'never computed', 'waiting', 'failed', 'running'] as const;
type Column = typeof COLUMNS[number];
const COLUMN_WIDTH = Math.max(...COLUMNS.map((column) => column.length)) + 2;

const status: Command = {
  usage: 'bitwidth status [target ...]',
  details: 'Counts cells by stage. "waiting": reads something that is to be computed first. "running": being computed by a run at this moment.',
  options: { json: { type: 'boolean', summary: 'Print the counts as one JSON object' } },
  positionals: { min: 0, max: Infinity },
  async run({ pipeline, values, positionals, print }) {
    const store = openStoreOf(pipeline);
    try {
      const { cells } = select(pipeline, positionals);
      const forecasts = preview(cells, await readGround(pipeline, store, cells));
      const held = new Set((await store.leases.held()).map(({ key }) => key as string));
      const stages = new Map<string, { [column in Column]: number }>();
      const failures: { cell: string; failure: Failure }[] = [];
      for (const cell of cells) {
        const row = stages.get(cell.stage.name) ?? { 'up to date': 0, 'out of date': 0, 'never computed': 0, waiting: 0, failed: 0, running: 0 };
        const forecast = forecasts.get(cell.id)!;
        row[columnOf(forecast, held)]++;
        stages.set(cell.stage.name, row);
        if (forecast.kind === 'failed' && forecast.origin === cell.id) failures.push({ cell: cell.id, failure: forecast.failure });
      }
      if (values['json'] === true) print(JSON.stringify(Object.fromEntries(stages)));
      else for (const line of [...table(stages), ...failureLines(failures), ...damage(store)]) print(line);
      return EXIT.done;
    } finally {
      await store.close();
    }
  },
};
export default status;

function columnOf(forecast: Forecast, held: ReadonlySet<string>): Column {
  switch (forecast.kind) {
    case 'done': return 'up to date';
    case 'failed': return 'failed';
    case 'follows': return 'waiting';
    case 'run': return held.has(forecast.key) ? 'running' : forecast.reasons.every(({ field }) => field === 'never computed') ? 'never computed' : 'out of date';
  }
}

/** A run that goes on right now may have an unfinished line, which is no damage. */
function damage(store: Store): readonly string[] {
  const lines = store.damagedLines().filter(({ what }) => what !== 'torn').length;
  return lines === 0 ? [] : [`${count(lines, 'line')} of the log cannot be trusted and ${lines === 1 ? 'is' : 'are'} ignored: what stood there counts as never computed.`];
}

function table(stages: ReadonlyMap<string, { readonly [column in Column]: number }>): readonly string[] {
  const shown = COLUMNS.filter((column) => column === 'up to date' || [...stages.values()].some((row) => row[column] > 0));
  const width = Math.max(5, ...[...stages.keys()].map((name) => name.length));
  const lines = [`${'stage'.padEnd(width)}  ${shown.map((column) => column.padStart(COLUMN_WIDTH)).join('')}`];
  for (const [name, row] of stages) lines.push(`${name.padEnd(width)}  ${shown.map((column) => (row[column] === 0 ? '-' : grouped(row[column])).padStart(COLUMN_WIDTH)).join('')}`);
  return lines;
}
