/** `pack`: one zip with everything of a study that cannot be made again from elsewhere. */
import { existsSync, statSync } from 'node:fs';
import { ConfigurationError, DamagedObject, EXIT, byteSize, count, openResults } from '../../stages/dag/index.ts';
import { packFor } from '../pack.ts';
import { refuseNames, wordsToKeep } from '../publishing.ts';
import type { Command, Results } from '../../stages/dag/index.ts';
import type { LoadAuthors } from '../authors.ts';

const OWN_OPTIONS: ReadonlySet<string> = new Set(['to', 'stale', 'anonymous', 'no-site']);
/** Left out so many are named. */
const TOLD = 5;

const USAGE = 'bitwidth pack [<run>] --to <file.zip>';

/** `load`: who made the study. */
export const packWith = (load: LoadAuthors): Command => ({
  usage: USAGE,
  details: 'Writes one zip: the study and what it reads, the sources of the code that computed it, the records of all cells, the timings, and the\nreport. A run by its id, a part of it, "last", or the name under which it is kept; without one what counts now. "open" shows such\na zip, "reproduce" computes it again.',
  options: {
    to: { type: 'string', value: 'file', summary: 'The zip; it must not exist' },
    stale: { type: 'boolean', summary: 'Also where results would be computed anew: the last ones, with the sources that are still as they were' },
    anonymous: { type: 'boolean', summary: 'For a double-blind review: whatever names you or your repository refuses' },
    'no-site': { type: 'boolean', summary: 'Without the report' },
  },
  positionals: { min: 0, max: 1 },
  async run({ pipeline, values, positionals, print }) {
    const { to } = values;
    if (typeof to !== 'string' || to === '') throw new ConfigurationError(`pack: say where to, with --to <file.zip>\nusage: ${USAGE}`);
    if (existsSync(to)) throw new ConfigurationError(`pack: ${to} exists; nothing is written over it`);
    const results = await openResults(pipeline, positionals[0]);
    try {
      refuseStale(results, values['stale'] === true);
      const anonymous = values['anonymous'] === true;
      if (anonymous) refuseNames(results, 'pack');
      const flags = Object.keys(values).filter((name) => !OWN_OPTIONS.has(name) && values[name] === true);
      const { files, left } = await packFor(to, results, pipeline, { words: await wordsToKeep(pipeline.root, { anonymous, authors: anonymous ? await load(values) : [] }), flags, site: values['no-site'] !== true });
      print(`${to}: ${byteSize(statSync(to).size)}, ${count(files.length, 'file')} (${byteSize(files.reduce((sum, { bytes }) => sum + bytes, 0))} unpacked), ${count(results.cells.size, 'cell')}`);
      for (const { what, why } of left.slice(0, TOLD)) print(`  left out: ${what}: ${why}`);
      if (left.length > TOLD) print(`  and ${left.length - TOLD} more, which its pack.json names`);
      return EXIT.done;
    } catch (error) {
      if (error instanceof DamagedObject) {
        print(`Nothing was written: ${error.what} is damaged or was removed. "bitwidth check" tells more.`);
        return EXIT.failed;
      }
      const { code, syscall } = error as NodeJS.ErrnoException;
      if (typeof syscall === 'string') throw new ConfigurationError(`pack: ${to} cannot be written (${code})`);
      throw error;
    } finally {
      await results.close();
    }
  },
});

/** The sources in a pack are those of its results. */
function refuseStale({ cells }: Results, allowed: boolean): void {
  const stale = [...cells.values()].filter((cell) => cell.stale !== undefined && cell.record !== undefined);
  const never = [...cells.values()].filter(({ record }) => record === undefined).length;
  if (never === cells.size && !allowed) throw new ConfigurationError('pack: nothing is computed yet; "bitwidth run" does that');
  if (stale.length > 0 && !allowed) throw new ConfigurationError(`pack: ${count(stale.length, 'result')} would be computed anew, such as ${stale[0]!.cell}; "bitwidth run" brings them up to date, "bitwidth pack last" packs the last run as it was`);
}
