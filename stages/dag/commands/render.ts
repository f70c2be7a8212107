/** `render`: writes what a past run published once more, from its own records. Nothing is computed. */
import { existsSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join, relative, resolve as absolute } from 'node:path';
import { EXIT } from '../command.ts';
import { resolve } from '../cited.ts';
import { ConfigurationError } from '../declare.ts';
import { DamagedObject } from '../errors.ts';
import { copyFolder } from '../export-folder.ts';
import { announceUse, openStoreOf, storeFolder } from '../ground.ts';
import { citationsNamed } from '../kept.ts';
import { unsafePath } from '../paths.ts';
import { count } from '../words.ts';
import type { RunCitations } from '../cited.ts';
import type { Command } from '../command.ts';
import type { Store } from '../store.ts';

const render: Command = {
  usage: 'bitwidth render <name|run> --to <folder>',
  details: 'Writes the report of a kept run (or of a past run all of which is still there) to a new folder, as it was then. Nothing is computed.',
  options: { to: { type: 'string', value: 'folder', summary: 'The folder: new, or empty' } },
  positionals: { min: 1, max: 1 },
  async run({ pipeline, values, positionals, print }) {
    const { to } = values;
    if (typeof to !== 'string' || to === '') throw new ConfigurationError(`render: say where to, with --to <folder>\nusage: ${render.usage}`);
    const folder = absolute(to);
    const inStore = relative(storeFolder(pipeline), folder);
    if (inStore === '' || !inStore.startsWith('..')) throw new ConfigurationError(`render: ${to} lies in the store; choose a folder outside it`);
    const store = openStoreOf(pipeline);
    try {
      await announceUse(store);
      const citations = citationsNamed(store, positionals[0]!);
      if (citations.exports.length === 0) throw new ConfigurationError(`render: ${withoutReport(citations, store)}`);
      refuseOccupied(folder, to);
      const { records } = resolve(citations, store);
      // Whole or not at all: written beside it, and renamed.
      const unfinished = `${folder}.unfinished-${process.pid}`;
      const lines: string[] = [];
      try {
        for (const one of citations.exports) {
          const gone = one.from.find(({ cell }) => (records.get(cell)?.length ?? 0) === 0);
          if (gone !== undefined) throw new ConfigurationError(`render: the record of ${gone.cell} is not in the store any more`);
          if (unsafePath(one.to) !== undefined) throw new ConfigurationError(`render: the list of run ${citations.run} names the folder "${one.to}"`);
          // A single folder needs no name of its own.
          const { files } = await copyFolder(citations.exports.length === 1 ? unfinished : join(unfinished, one.to), one, store, (cell) => ({ kind: 'done', records: records.get(cell)! }));
          lines.push(`${count(files, 'file')} written to ${to}${citations.exports.length === 1 ? '' : `/${one.to}`}, as of ${citations.endedAt.slice(0, 16).replace('T', ' ')} UTC (run ${citations.run})`);
        }
        if (existsSync(folder)) rmdirSync(folder);
        renameSync(unfinished, folder);
      } finally {
        rmSync(unfinished, { recursive: true, force: true });
      }
      for (const line of lines) print(line);
      return EXIT.done;
    } catch (error) {
      if (error instanceof DamagedObject) {
        print(`Nothing was written: a file of the report is damaged or was removed (${error.what}). "bitwidth check" tells more.`);
        return EXIT.failed;
      }
      if (typeof (error as NodeJS.ErrnoException).syscall === 'string') throw new ConfigurationError(`render: ${to} cannot be written (${(error as NodeJS.ErrnoException).code})`);
      throw error;
    } finally {
      await store.close();
    }
  },
};
export default render;

/** Why a list names no report. */
function withoutReport({ run, pipeline }: RunCitations, store: Store): string {
  // A list that was put together from the log names no pipeline.
  if (pipeline !== '') return `run ${run} wrote no report: it computed only a part, was interrupted, or could not write it`;
  const summary = store.runs().find((one) => one.run === run);
  if (summary?.counts !== undefined) return `which results run ${run} used is not on record (it is of an earlier version, or gc or a repair removed its list), so its report cannot be put together again; "bitwidth runs" lists others`;
  return `run ${run} wrote no report: it did not end`;
}

/** What lies there already is nobody's to mix with. */
function refuseOccupied(folder: string, to: string): void {
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) throw new ConfigurationError(`render: ${to} is a file; give a new or empty folder`);
  if (readdirSync(folder).length > 0) throw new ConfigurationError(`render: ${to} is not empty; give a new or empty folder`);
}
