/** `runs`: past runs that computed something, newest first. */
import { EXIT } from '../command.ts';
import { openStoreOf } from '../ground.ts';
import { isOfCells, keptRuns } from '../kept.ts';
import { endings } from '../run-ending.ts';
import { count, duration, grouped } from '../words.ts';
import type { Command } from '../command.ts';
import type { Kept } from '../kept.ts';
import type { RunSummary } from '../store.ts';

const SHOWN = 20;

const runs: Command = {
  usage: 'bitwidth runs',
  details: 'Lists past runs that computed something, the newest first: when, how long, what they computed, how they ended, and under which\nname they are kept. A run that found everything up to date leaves no trace.',
  options: {
    all: { type: 'boolean', summary: `All of them (default: the newest ${SHOWN}, and those that are kept)` },
    json: { type: 'boolean', summary: 'Print one JSON object a run' },
  },
  positionals: { min: 0, max: 0 },
  async run({ pipeline, values, print }) {
    const store = openStoreOf(pipeline);
    try {
      const computed = new Map<string, { done: number; failed: number; ms: number }>();
      for (const { run, status, durationMs } of store.records()) {
        const of = computed.get(run) ?? { done: 0, failed: 0, ms: 0 };
        if (status === 'done') of.done++;
        else of.failed++;
        of.ms += durationMs;
        computed.set(run, of);
      }
      const kept = keptRuns(store.folder);
      const namesOf = (run: string): readonly string[] => kept.flatMap((one) => one.run === run ? [one.name] : []);
      const all = store.runs().toReversed();
      const endingOf = endings(store.runs(), (await store.leases.held()).map(({ holder }) => holder));
      const shown = all.filter(({ run }, i) => values['all'] === true || i < SHOWN || namesOf(run).length > 0);
      // Of a run whose segment is lost, or of a state that was kept without one, the name is all there is.
      const known = new Set(all.map(({ run }) => run));
      const others = kept.filter(({ run }) => run === undefined || !known.has(run));
      for (const one of shown) {
        const { done = 0, failed = 0, ms = 0 } = computed.get(one.run) ?? {};
        const state = endingOf(one);
        const names = namesOf(one.run);
        if (values['json'] === true) {
          print(JSON.stringify({ run: one.run, startedAt: one.startedAt, ...(one.endedAt === undefined ? {} : { endedAt: one.endedAt, durationMs: Date.parse(one.endedAt) - Date.parse(one.startedAt) }), command: commandOf(one), state, computed: done, failed, computedMs: Math.round(ms), ...(one.counts === undefined ? {} : { counts: one.counts }), machine: one.machine, kept: names }));
        } else {
          const took = one.endedAt === undefined ? '' : ` in ${duration(Date.parse(one.endedAt) - Date.parse(one.startedAt))}`;
          print(`${one.run}  ${one.startedAt.slice(0, 16).replace('T', ' ')} UTC  ${commandOf(one)}${isOfCells(one) ? `: ${grouped(done)} computed${failed > 0 ? `, ${grouped(failed)} failed` : ''}` : ''}${took}${state === 'ended' ? '' : `, ${state}`}${names.length === 0 ? '' : `; kept as ${names.join(', ')}`}`);
        }
      }
      for (const one of others) print(values['json'] === true ? JSON.stringify({ run: one.run ?? null, kept: [one.name] }) : keptLine(one));
      if (values['json'] !== true) {
        if (all.length === 0 && kept.length === 0) print('There was no run yet.');
        if (shown.length < all.length) print(`${count(all.length - shown.length, 'older run')} not shown; "runs --all" lists them.`);
      }
      return EXIT.done;
    } finally {
      await store.close();
    }
  },
};
export default runs;

function keptLine({ name, run, damage }: Kept): string {
  return damage === undefined ? `${run ?? ''}  kept as ${name}` : `kept as ${name}: its list is damaged: ${damage}`;
}

/** What was typed, as far as the run noted it: 'run score:* --force'. */
function commandOf({ about }: RunSummary): string {
  const { command = 'run', targets, ...rest } = about;
  const flags = Object.entries(rest).flatMap(([name, value]) => value === true ? [` --${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`] : []);
  return `${String(command)}${Array.isArray(targets) ? targets.map((target) => ` ${String(target)}`).join('') : ''}${flags.join('')}`;
}
