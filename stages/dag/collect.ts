/** What `gc` keeps: everything that the present pipeline, kept runs, and records that cannot be computed again cite. */
import { resolve } from './cited.ts';
import { ConfigurationError } from './declare.ts';
import { keptAs, keptRuns } from './kept.ts';
import { findLeftovers } from './leftovers.ts';
import { preview } from './preview.ts';
import { readGround } from './ground.ts';
import { select } from './selection.ts';
import type { Leftovers } from './leftovers.ts';
import type { Garbage, Store } from './store.ts';
import type { CellRecord, Pipeline, Sha256 } from './types.ts';

/** Results of one stage that would go. */
export interface StageGarbage { readonly stage: string; results: number; bytes: number; /** As they were computed the last time. */ durationMs: number }

export interface CollectPlan {
  readonly keep: ReadonlySet<Sha256>;
  readonly garbage: Garbage;
  readonly leftovers: Leftovers;
  readonly stages: readonly StageGarbage[];
  /** Objects that no record cites. */
  readonly uncited: { readonly objects: number; readonly bytes: number };
  /** Results that stay because they were measured or fetched, or belong to stages that the pipeline does not have. */
  readonly irreplaceable: number;
  readonly keptNames: readonly string[];
}

/** Throws ConfigurationError when what is kept under a name cannot be read: then nothing is known to be unneeded. */
export async function collectPlan(pipeline: Pipeline, store: Store, forget: boolean): Promise<CollectPlan> {
  const wanted = new Set<CellRecord>();
  const selection = select(pipeline, []);
  for (const [id, forecast] of preview(selection, await readGround(pipeline, store, selection.cells))) {
    // What is out of date may come out as before, and what reads it is then needed as it is.
    const records = forecast.kind === 'done' ? forecast.records : store.recordsOfCell(id).filter(({ status }) => status === 'done').slice(0, 1);
    for (const record of records) wanted.add(record);
  }
  const keptNames: string[] = [];
  /** What these wrote may still be looked at: the last one, and those of which something counts. */
  const runs = new Set([store.runs().at(-1)?.run, ...pipeline.cells.map(({ id }) => store.newestOfCell(id)?.run)]);
  for (const { name } of keptRuns(store.folder)) {
    const citations = keptAs(store.folder, name);
    if (citations === undefined) throw new ConfigurationError(`gc: what is kept as ${name} cannot be read`);
    keptNames.push(name);
    runs.add(citations.run);
    for (const records of resolve(citations, store).records.values()) for (const record of records) wanted.add(record);
  }
  const exact = new Set(pipeline.cells.filter(({ stage }) => stage.determinism === 'exact').map(({ stage }) => stage.name));
  let irreplaceable = 0;
  if (!forget) {
    for (const record of store.records()) {
      if (record.status !== 'done' || wanted.has(record) || exact.has(record.fields.stage)) continue;
      wanted.add(record);
      irreplaceable++;
    }
  }
  const keep = new Set<Sha256>();
  for (const record of wanted) for (const { sha256 } of store.citedBy(record)) keep.add(sha256);
  const garbage = await store.garbage(keep);
  let whole = true;
  for (const record of wanted) {
    runs.add(record.run);
    whole &&= store.missingOutputs(record).length === 0;
  }
  const leftovers = findLeftovers(store.folder, (run) => runs.has(run), whole);
  return { keep, garbage, leftovers, ...costs(store, garbage), irreplaceable, keptNames };
}

/** The garbage by stage; an object that several results share is the first one's. */
function costs(store: Store, { objects }: Garbage): Pick<CollectPlan, 'stages' | 'uncited'> {
  const stages = new Map<string, StageGarbage>();
  const left = new Map(objects);
  const counted = new Set<Sha256>();
  for (const record of store.records().toReversed()) {
    if (record.status !== 'done' || counted.has(record.key)) continue;
    let [touched, bytes] = [false, 0];
    for (const { sha256 } of store.citedBy(record)) {
      touched ||= objects.has(sha256);
      bytes += left.get(sha256) ?? 0;
      left.delete(sha256);
    }
    if (!touched) continue;
    counted.add(record.key);
    const { stage } = record.fields;
    let of = stages.get(stage);
    if (of === undefined) stages.set(stage, of = { stage, results: 0, bytes: 0, durationMs: 0 });
    of.results++;
    of.bytes += bytes;
    of.durationMs += record.durationMs;
  }
  return { stages: [...stages.values()].sort((a, b) => b.bytes - a.bytes), uncited: { objects: left.size, bytes: [...left.values()].reduce((sum, n) => sum + n, 0) } };
}
