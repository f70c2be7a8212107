/** `check`: every byte of the store, hashed again. */
import { EXIT } from '../command.ts';
import { listedIn, readCitations } from '../cited.ts';
import { announceUse, openStoreOf } from '../ground.ts';
import { setCitationsAside } from '../kept.ts';
import { byteSize, count, grouped } from '../words.ts';
import type { Command } from '../command.ts';
import type { DamagedLine, DamageFinding } from '../store.ts';

/** So many cells of one finding are named. */
const SHOWN = 5;
const SIGN_OF_LIFE_MS = 30_000;

const check: Command = {
  usage: 'bitwidth check [--repair]',
  details: 'Hashes every object and every line of the log again. Exit code 1 when something is damaged or gone.\n'
    + 'With --repair what is damaged is moved to the folder aside/ of the store, so that the next run computes it again; nothing is deleted.',
  options: {
    repair: { type: 'boolean', summary: 'Set aside what is damaged' },
    json: { type: 'boolean', summary: 'Print the result as one JSON object' },
  },
  positionals: { min: 0, max: 0 },
  async run({ pipeline, values, print }) {
    const json = values['json'] === true;
    const store = openStoreOf(pipeline);
    try {
      await announceUse(store);
      let [hashed, lastMs] = [0, performance.now()];
      const report = await store.check((bytes) => {
        hashed += bytes;
        if (json || performance.now() - lastMs < SIGN_OF_LIFE_MS) return;
        lastMs = performance.now();
        print(`${byteSize(hashed)} hashed`);
      });
      const lists = (['kept', 'cited'] as const).flatMap((kind) => listedIn(store.folder, kind).flatMap((name) => {
        const list = readCitations(store.folder, kind, name);
        return list !== undefined && 'damage' in list ? [{ kind, name, what: list.damage }] : [];
      }));
      const damaged = report.damagedObjects.length + report.damagedLines.length + lists.length;
      const repaired = values['repair'] === true && damaged > 0;
      if (repaired) {
        store.describeRun({ command: 'check --repair' });
        await store.repair(report);
        for (const { kind, name } of lists) await setCitationsAside(store.folder, kind, name);
      }
      if (json) print(JSON.stringify({ ...report, damagedLists: lists, repaired }));
      else {
        for (const finding of report.damagedObjects) print(objectLine(finding));
        for (const line of report.damagedLines) print(lineLine(line));
        for (const { kind, name, what } of lists) print(`damaged: the list of ${kind === 'kept' ? `the kept run ${name}` : `run ${name}`} (${kind}/${name}.json.gz): ${what}`);
        print(`${count(report.objects, 'object')} (${byteSize(report.bytes)}) and ${count(report.records, 'record')} looked at: ${damaged === 0 ? 'all are sound.' : `${grouped(damaged)} damaged.`}`);
        if (repaired) print(`Set aside, in ${pipeline.store ?? '.bitwidth'}/aside: the command run computes again what is needed of it.`);
        else if (damaged > 0) print('"check --repair" sets it aside, and the command run then computes again what is needed of it.');
      }
      return damaged > 0 && !repaired ? EXIT.failed : EXIT.done;
    } finally {
      await store.close();
    }
  },
};
export default check;

function objectLine({ sha256, what, where, pack, cells }: DamageFinding): string {
  const place = where === undefined ? '' : ` in ${where}${pack === undefined ? '' : ` at byte ${pack.offset}`}`;
  const whose = cells.length === 0 ? 'no cell needs it' : `${cells.slice(0, SHOWN).join(', ')}${cells.length > SHOWN ? ` and ${grouped(cells.length - SHOWN)} more` : ''}`;
  return `${where === undefined ? 'gone' : 'damaged'}: object ${sha256.slice(0, 12)}${place}: ${what} (${whose})`;
}

function lineLine({ file, offset, bytes, what, cell }: DamagedLine): string {
  const fault = what === 'checksum' ? 'its checksum does not hold' : 'it is not understood';
  return `damaged: a line of records/${file} at byte ${offset} (${count(bytes, 'byte')}): ${fault}${cell === undefined ? '' : `; it seems to be about ${cell}`}: what stood there counts as never computed`;
}
