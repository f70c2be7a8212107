/** `gc`: removes from the store what nothing needs, after it has shown what that is. */
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { EXIT } from '../command.ts';
import { listedIn, readCitations, removeCitations, resolve } from '../cited.ts';
import { collectPlan } from '../collect.ts';
import { StoreUnwritable } from '../errors.ts';
import { openStoreOf } from '../ground.ts';
import { keptRuns } from '../kept.ts';
import { bytesOf, removeLeftovers } from '../leftovers.ts';
import { clusterAtWork } from '../slurm/places.ts';
import { byteSize, count, duration, grouped } from '../words.ts';
import type { CollectPlan } from '../collect.ts';
import type { Command } from '../command.ts';
import type { LeaseHolder, Store } from '../store.ts';

const gc: Command = {
  usage: 'bitwidth gc [--yes]',
  details: 'Shows what of the store neither the present pipeline nor a kept run needs (results, logs, damaged files that were set aside, old downloads), its size,\n'
    + 'and how long computing it again would take;\n'
    + 'then asks whether to remove it. Where nobody can be asked, nothing is removed without --yes. Records stay: what was computed, from what\n'
    + 'and when is still known afterwards. What was measured or fetched stays without --forget. Removes nothing while a run is going on.',
  options: {
    yes: { type: 'boolean', summary: 'Remove without asking' },
    forget: { type: 'boolean', summary: 'Also what was measured or fetched, and results of stages that the pipeline does not have' },
    json: { type: 'boolean', summary: 'Print the plan, or what was removed, as one JSON object' },
  },
  positionals: { min: 0, max: 0 },
  async run({ pipeline, values, print, terminal }) {
    const [json, forget] = [values['json'] === true, values['forget'] === true];
    const store = openStoreOf(pipeline);
    let removed = false;
    try {
      const plan = await collectPlan(pipeline, store, forget);
      const { garbage, leftovers } = plan;
      const empty = garbage.objects.size === 0 && garbage.packs.length === 0 && garbage.strayPacks.length === 0 && leftovers.logs.length === 0 && leftovers.aside.length === 0 && leftovers.unfinished.length === 0;
      if (!json) for (const line of planLines(plan, empty)) print(line);
      const yes = !empty && (values['yes'] === true || (!json && terminal && process.stdin.isTTY && await agreed()));
      if (yes && await clusterAtWork(store.folder)) {
        if (json) print(JSON.stringify({ ...planned(plan), removed }));
        else print('Nothing was removed: jobs of a cluster may still work for this store; let "run --executor slurm" take their results in first, or cancel them.');
        return EXIT.failed;
      }
      if (yes) {
        const others = await aloneIn(store);
        if (others.length > 0) {
          if (json) print(JSON.stringify({ ...planned(plan), removed }));
          else print(`Nothing was removed: ${others.map(({ machine, pid }) => `process ${pid} on ${machine}`).join(', ')} ${others.length === 1 ? 'uses' : 'use'} the store; wait until it has ended.`);
          return EXIT.failed;
        }
        store.describeRun({ command: 'gc', forget });
        await removeNow(await againAlone(plan, () => collectPlan(pipeline, store, forget), store), store, print, json);
        removed = true;
      } else if (!empty && !json) print('Nothing was removed: "gc --yes" removes it.');
      if (json) print(JSON.stringify({ ...planned(plan), removed }));
      return EXIT.done;
    } finally {
      await store.close(removed ? { ran: 0, cached: 0, failed: 0, skipped: 0 } : undefined);
    }
  },
};
export default gc;

function planned({ garbage, leftovers: { logs, aside, unfinished }, stages, uncited, irreplaceable, keptNames }: CollectPlan): object {
  return {
    objects: garbage.objects.size, bytes: garbage.bytes, durationMs: Math.round(stages.reduce((sum, { durationMs }) => sum + durationMs, 0)),
    stages: stages.map((one) => ({ ...one, durationMs: Math.round(one.durationMs) })), uncited,
    logs: { runs: logs.length, bytes: bytesOf(logs) }, aside: { files: aside.length, bytes: bytesOf(aside) }, unfinished: { files: unfinished.length, bytes: bytesOf(unfinished) }, kept: { objects: garbage.kept, bytes: garbage.keptBytes, names: keptNames, irreplaceable },
  };
}

function planLines({ garbage, leftovers: { logs, aside, unfinished }, stages, uncited, irreplaceable, keptNames }: CollectPlan, empty: boolean): readonly string[] {
  const kept = `Kept: ${count(garbage.kept, 'object')} (${byteSize(garbage.keptBytes)}) of the present pipeline${keptNames.length === 0 ? '' : ` and of ${keptNames.join(', ')}`}${irreplaceable === 0 ? '' : `, ${count(irreplaceable, 'earlier result')} that cannot be computed again among them (--forget removes those)`}.`;
  if (empty) return [kept, 'Nothing to remove.'];
  const ms = stages.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const width = Math.max(0, ...stages.map(({ stage }) => stage.length));
  return [
    `To be removed: ${count(garbage.objects.size, 'object')} (${byteSize(garbage.bytes)})${ms === 0 ? '' : `; computing them again would take about ${duration(ms)} of one job`}:`,
    ...stages.map(({ stage, results, bytes, durationMs }) => `  ${stage.padEnd(width)}  ${count(results, 'earlier result').padStart(20)}  ${byteSize(bytes).padStart(8)}  ${duration(durationMs).padStart(12)}`),
    ...(uncited.objects === 0 ? [] : [`  ${count(uncited.objects, 'object')} (${byteSize(uncited.bytes)}) of no result, left by runs that were killed`]),
    ...(logs.length === 0 ? [] : [`  what tasks of ${count(logs.length, 'earlier run')} wrote (${byteSize(bytesOf(logs))})`]),
    ...(aside.length === 0 ? [] : [`  ${count(aside.length, 'file')} that ${aside.length === 1 ? 'was' : 'were'} set aside as damaged (${byteSize(bytesOf(aside))}), which nothing needs any more`]),
    ...(unfinished.length === 0 ? [] : [`  ${count(unfinished.length, 'file')} (${byteSize(bytesOf(unfinished))}) of downloads that nobody went on with for a month`]),
    kept,
  ];
}

async function agreed(): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await asking.question('Remove it? [y/N] ')).trim());
  } catch {
    return false; // Ctrl-C, or the end of the input
  } finally {
    asking.close();
  }
}

/** On a full disk there is no room even to say that we are here: what only saves time makes some. */
async function aloneIn(store: Store): Promise<readonly LeaseHolder[]> {
  try {
    return await store.leases.alone();
  } catch (error) {
    if (!(error instanceof StoreUnwritable) || !['ENOSPC', 'EDQUOT'].includes(error.code)) throw error;
    await rm(`${store.folder}/cache`, { recursive: true, force: true });
    return store.leases.alone();
  }
}

/** Looked at once more, now that nobody else writes: only what was shown goes, and only if it still may. */
async function againAlone(shown: CollectPlan, look: () => Promise<CollectPlan>, store: Store): Promise<CollectPlan> {
  store.refresh();
  const now = await look();
  const seen = (kind: 'logs' | 'aside' | 'unfinished') => now.leftovers[kind].filter(({ name }) => shown.leftovers[kind].some((one) => one.name === name));
  const leftovers = { logs: seen('logs'), aside: seen('aside'), unfinished: seen('unfinished') };
  const unseen = [...now.garbage.objects.keys()].filter((sha) => !shown.garbage.objects.has(sha));
  if (unseen.length === 0) return { ...now, leftovers };
  const keep = new Set([...now.keep, ...unseen]);
  return { ...now, keep, leftovers, garbage: await store.garbage(keep) };
}

async function removeNow({ garbage, keep, leftovers }: CollectPlan, store: Store, print: (line: string) => void, json: boolean): Promise<void> {
  const left = await store.remove(garbage, keep);
  await removeLeftovers(store.folder, leftovers);
  // Of runs that cannot be kept whole any more the lists are of no use.
  const kept = new Set(keptRuns(store.folder).map(({ run }) => run));
  for (const run of listedIn(store.folder, 'cited')) {
    const list = readCitations(store.folder, 'cited', run);
    if (list === undefined || 'damage' in list || kept.has(run)) continue;
    const { records, lost } = resolve(list.citations, store);
    if (lost > 0 || [...records.values()].flat().some((record) => store.missingOutputs(record).length > 0)) await removeCitations(store.folder, 'cited', run);
  }
  if (json) return;
  const others = [...leftovers.logs, ...leftovers.aside, ...leftovers.unfinished];
  print(`Removed: ${count(garbage.objects.size, 'object')} (${byteSize(garbage.bytes)})${others.length === 0 ? '' : `, and logs, damaged files and old downloads (${byteSize(bytesOf(others))})`}.`);
  if (left.length > 0) print(`${grouped(left.length)} of the files that hold small objects could not be cleared, because something in them is damaged: "check --repair" first.`);
}
