/** `logs`: what the task that computed a cell wrote to its output. */
import { EXIT } from '../command.ts';
import { openStoreOf } from '../ground.ts';
import { isOfCells, runNamed } from '../kept.ts';
import { cellsNamed } from '../selection.ts';
import { taskLogs } from '../task-log.ts';
import { count, plainText, timeText } from '../words.ts';
import type { Command } from '../command.ts';
import type { RunSummary } from '../store.ts';
import type { TaskLog } from '../task-log.ts';

const logs: Command = {
  usage: 'bitwidth logs <cell|stage>',
  details: 'Shows what the processes that computed a cell wrote to their output and error output: the newest run in which they wrote anything, or\nthe run that is asked for. The last 64 kB of each task are kept, until "gc" finds that nothing needs that run any more. Stages that run in the\nprocess of the command itself write to the terminal, and nothing of that is kept.',
  options: {
    run: { type: 'string', value: 'id', summary: 'Of this past run: its id, a part of one, or "last"' },
    all: { type: 'boolean', summary: 'Of all runs, the newest first' },
    json: { type: 'boolean', summary: 'Print one JSON object a task' },
  },
  positionals: { min: 1, max: 1 },
  async run({ pipeline, values, positionals, print }) {
    const wanted = new Set(cellsNamed(pipeline, positionals[0]!).map(({ id }) => id));
    const store = openStoreOf(pipeline);
    try {
      const runs = typeof values['run'] === 'string' ? [runNamed(store, values['run'])] : store.runs().filter(isOfCells).toReversed();
      let told = 0;
      for (const run of runs) {
        const own = taskLogs(store.folder, run.run).filter(({ cells }) => cells.some((cell) => wanted.has(cell)));
        for (const log of own) for (const line of values['json'] === true ? [JSON.stringify({ run: run.run, ...log })] : linesOf(run, log)) print(line);
        told += own.length;
        if (told > 0 && values['all'] !== true) break;
      }
      if (told === 0 && values['json'] !== true) print(`Nothing is kept of what ${wanted.size === 1 ? [...wanted][0] : `these ${count(wanted.size, 'cell')}`} wrote${typeof values['run'] === 'string' ? ` in the run ${runs[0]!.run}` : ''}: it wrote nothing, or "gc" removed it.`);
      return EXIT.done;
    } finally {
      await store.close();
    }
  },
};
export default logs;

function linesOf({ run, startedAt }: RunSummary, { task, cells, text }: TaskLog): readonly string[] {
  return [`run ${run}, begun ${timeText(startedAt)}, task ${task}: ${cells.length === 1 ? cells[0] : `${count(cells.length, 'cell')}, ${cells[0]} the first`}`, ...plainText(text).trimEnd().split('\n').map((line) => `  ${line}`)];
}
