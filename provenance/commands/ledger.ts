/** `ledger`: what others found when they computed this study again. */
import { readFileSync } from 'node:fs';
import { ConfigurationError, EXIT, count, openResults } from '../../stages/dag/index.ts';
import { addToLedger, readLedger, standingOf } from '../ledger.ts';
import type { Command } from '../../stages/dag/index.ts';
import type { Entry } from '../ledger.ts';

const ledger: Command = {
  usage: 'bitwidth ledger [add <reproduction.json> ...]',
  details: 'Lists the reproductions in data/reproductions, each held against the results that count now; or adds files that "reproduce" wrote.\nThe report shows them from its next run on.',
  options: {},
  positionals: { min: 0, max: Infinity },
  async run({ pipeline, positionals: [verb, ...files], print }) {
    if (verb !== undefined && verb !== 'add') throw new ConfigurationError(`ledger: "${verb}" is not known; it is "ledger" or "ledger add <file>"`);
    if (verb === 'add' && files.length === 0) throw new ConfigurationError(`ledger: say which file\nusage: ${ledger.usage}`);
    // All are looked at before the first is added.
    const read = files.map((file) => ({ file, bytes: bytesOf(file) }));
    const entries = verb === 'add' ? read.map(({ file, bytes }) => addToLedger(pipeline.root, bytes, file)) : readLedger(pipeline.root);
    if (entries.length === 0) {
      print('There are no reproductions. "bitwidth pack" makes the file that others compute again with "bitwidth reproduce <file.zip>"; "ledger add" takes what that writes.');
      return EXIT.done;
    }
    const results = await openResults(pipeline);
    try {
      for (const entry of entries) {
        const { equal, compared, outdated } = standingOf(entry.reproduction, results.cells);
        print(`${entry.file}: ${said(entry)}; ${equal} of ${count(compared, 'result')} that count now came out equal${outdated > 0 ? `, ${outdated} are of earlier results` : ''}`);
      }
      return EXIT.done;
    } finally {
      await results.close();
    }
  },
};
export default ledger;

function bytesOf(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigurationError(`ledger: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

const said = ({ reproduction: { by, cpu, machine, when } }: Entry): string => `${when.slice(0, 10)}, ${by}, ${cpu} (${machine})`.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '?');
