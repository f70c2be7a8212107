/** Runs that are pinned under a name, and how a person names a run. */
import { rename } from 'node:fs/promises';
import { KEPT_NAME, listedIn, readCitations } from './cited.ts';
import { ConfigurationError } from './declare.ts';
import { ensureFolder, wrapErrors } from './disk.ts';
import { timestamp } from './timestamp.ts';
import { closest } from './words.ts';
import type { RunCitations } from './cited.ts';
import type { RunSummary, Store } from './store.ts';

/** What is kept under a name. */
export interface Kept {
  readonly name: string;
  /** Undefined where the list is damaged. */
  readonly run?: string;
  readonly damage?: string;
}

export function keptRuns(folder: string): readonly Kept[] {
  return listedIn(folder, 'kept').flatMap((name): readonly Kept[] => {
    const list = readCitations(folder, 'kept', name);
    if (list === undefined) return [];
    return ['damage' in list ? { name, damage: list.damage } : { name, run: list.citations.run }];
  });
}

/** The run that a person means: its id, a part of it that only one has, or 'last'. Throws ConfigurationError. */
export function runNamed(store: Store, wanted: string): RunSummary {
  const runs = store.runs().filter(isOfCells);
  if (wanted === 'last' && runs.length > 0) return runs.at(-1)!;
  const found = runs.filter(({ run }) => run === wanted).concat(runs.filter(({ run }) => run !== wanted && run.includes(wanted)));
  if (found.length === 1 || found[0]?.run === wanted) return found[0]!;
  if (found.length > 1) throw new ConfigurationError(`"${wanted}" may be ${found.length} runs: ${found.slice(0, 5).map(({ run }) => run).join(', ')}${found.length > 5 ? ', ...' : ''}`);
  const near = closest(wanted, runs.map(({ run }) => run));
  throw new ConfigurationError(`there is no run "${wanted}"${near === undefined ? '' : `; did you mean "${near}"?`}\n"bitwidth runs" lists them; "last" is the last one`);
}

/** Other commands write segments, too. */
export function isOfCells({ about }: RunSummary): boolean {
  return about['command'] === undefined || about['command'] === 'run';
}

/** The list under a name, or undefined where nothing has it. Throws ConfigurationError for one that is damaged. */
export function keptAs(folder: string, name: string): RunCitations | undefined {
  if (!KEPT_NAME.test(name)) return undefined;
  const list = readCitations(folder, 'kept', name);
  if (list !== undefined && 'damage' in list) throw new ConfigurationError(`the list of what is kept as ${name} is damaged: ${list.damage}; "check --repair" sets it aside`);
  return list?.citations;
}

/**
 * What a past run's results were. Of a run that was killed (it left no list) those are what it committed itself. Throws
 * ConfigurationError for a list that is damaged.
 */
export function citationsOfRun(store: Store, { run, startedAt, endedAt = startedAt }: RunSummary): RunCitations {
  const list = readCitations(store.folder, 'cited', run);
  if (list !== undefined && !('damage' in list)) return list.citations;
  const cells = new Map(store.records().flatMap((record) => record.run === run && record.status === 'done' ? [[record.cell, [[record.key, run] as const]] as const] : []));
  return { run, startedAt, endedAt, pipeline: '', cells: Object.fromEntries(cells), exports: [] };
}

/** The list of what a person names: what is kept under a name, or a past run. Throws ConfigurationError. */
export function citationsNamed(store: Store, name: string): RunCitations {
  const kept = keptAs(store.folder, name);
  if (kept !== undefined) return kept;
  try {
    return citationsOfRun(store, runNamed(store, name));
  } catch (error) {
    const names = listedIn(store.folder, 'kept');
    if (!(error instanceof ConfigurationError) || names.length === 0) throw error;
    throw new ConfigurationError(`${error.message}\nKept are ${names.join(', ')}.`);
  }
}

/** Moves a damaged list to aside/. Throws StoreUnwritable. */
export async function setCitationsAside(folder: string, kind: 'cited' | 'kept', name: string): Promise<void> {
  await wrapErrors(async () => {
    await ensureFolder(`${folder}/aside`);
    await rename(`${folder}/${kind}/${name}.json.gz`, `${folder}/aside/${kind}-${name}.json.gz.${timestamp().replace(/\D/g, '').slice(0, 17)}`);
  });
}
