/**
 * What was computed and how, for a project's own commands: the cells with their records, inputs and code, and the bytes they
 * cite. Either what counts now, or what counted at the end of a past run.
 */
import { Audit } from './audit.ts';
import { resolve } from './cited.ts';
import { representative } from './decide.ts';
import { announceUse, openStoreOf, readGround } from './ground.ts';
import { citationsNamed } from './kept.ts';
import { helpersOf } from './pipeline.ts';
import { AS_IS, preview } from './preview.ts';
import { comparedOutputs } from './reproduce.ts';
import { provenance } from './task-inputs.ts';
import type { CellAudit } from './audit.ts';
import type { RunCitations } from './cited.ts';
import type { Outcome } from './decide.ts';
import type { Ground } from './ground.ts';
import type { MachineDescription, RunSummary, Store } from './store.ts';
import type { InputHandle, TreeHandle } from './task-types.ts';
import type { Cell, CellProvenance, CellRecord, Determinism, FolderExport, OutputRecord, Pipeline, Reason, Stage } from './types.ts';

/** A cell and what stands for it. */
export interface ResultCell extends CellProvenance {
  /** All that count: of a measured cell one of each machine. Empty where there is no result. */
  readonly records: readonly CellRecord[];
  /** Outputs of which equal work gives equal bytes; none where nothing may be expected of them. */
  readonly compared: readonly string[];
  /** The files and packages behind its code as they are today; undefined where the pipeline declares it no more. */
  readonly codeToday?: { readonly [file: string]: string };
  /** Why a run would compute it once more, where it would: the result shown is the last one. Not of past runs. */
  readonly stale?: readonly Reason[];
}

export interface Results {
  /** The past run that was asked for; undefined: what counts now. */
  readonly run: RunSummary | undefined;
  /** By id, in the pipeline's order; of a past run in the order of its list. */
  readonly cells: ReadonlyMap<string, ResultCell>;
  /** Folders that were written, and the outputs that they hold. */
  readonly exports: readonly FolderExport[];
  /** Every run, oldest first: the label of its machine, its description, its command. */
  readonly runs: readonly RunSummary[];
  /** Machines by their label in records. */
  readonly machines: ReadonlyMap<string, MachineDescription>;
  /** Cells of a past run whose result the log does not have as the run's list names it. */
  readonly lost: readonly string[];
  /** Checks every link of a cell's result, bytes included, but not what it was computed from: that is another cell's. */
  audit(cell: string): Promise<CellAudit>;
  /** What `audit` has hashed so far. */
  hashed(): { readonly objects: number; readonly bytes: number };
  /** Where an output lies. Throws DamagedObject when it is not there. */
  handle(output: OutputRecord): InputHandle;
  /** A tree's files. Throws DamagedObject. */
  tree(output: OutputRecord): TreeHandle;
  /** Reads and hashes. Throws DamagedObject. */
  read(handle: InputHandle): Promise<Uint8Array<ArrayBuffer>>;
  /** Gives the store back. */
  close(): Promise<void>;
}

/**
 * `which`: a past run (its id, a part of it, 'last') or the name under which one is kept; without it what counts now. Throws
 * ConfigurationError where that names none. Writes nothing but that the store is in use.
 */
export async function openResults(pipeline: Pipeline, which?: string): Promise<Results> {
  const store = openStoreOf(pipeline);
  try {
    await announceUse(store);
    const ground = await readGround(pipeline, store, pipeline.cells);
    const { run, cells, exports, lost, outcomeOf, then } = which === undefined ? current(pipeline, ground) : past(citationsNamed(store, which), ground);
    // Records that came from a shared cache are of runs of other stores.
    const runs = [...store.origins(), ...store.runs()].sort((a, b) => a.startedAt < b.startedAt ? -1 : 1);
    let audit: Audit | undefined;
    const auditor = (): Audit => audit ??= new Audit({ ground, outcomeOf, past: then });
    return {
      run, cells, exports, runs, lost, machines: new Map(runs.map(({ machine, description }) => [machine, description])),
      audit: async (id) => { const cell = cells.get(id); return cell === undefined ? { findings: [], notes: [] } : auditor().cell(cell); },
      hashed: () => { const { objects, bytes } = auditor().hashed; return { objects, bytes }; },
      handle: (output) => store.handle(output),
      tree: (output) => store.treeHandle(output),
      read: (handle) => store.read(handle),
      close: () => store.close(),
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

const comparedOf = (stage: Stage): readonly string[] => stage.determinism === 'exact' ? comparedOutputs(stage) : [];

type Found = Pick<Results, 'run' | 'cells' | 'exports' | 'lost'> & { readonly outcomeOf: (cell: string) => Outcome; readonly then: ReadonlyMap<string, readonly CellRecord[]> | undefined };

/** What counts now; where something is out of date, the last result with the reasons. */
function current(pipeline: Pipeline, ground: Ground): Found {
  // A machine without a compiler, say, has all that it can have: each run tries the compiler again, and then everything is up to date.
  const forecasts = preview({ cells: pipeline.cells, onDemand: helpersOf(pipeline) }, ground, { ...AS_IS, failureStays: (_, { code }) => code === 'not-available' });
  const outcomes = new Map<string, { readonly outcome: Outcome; readonly stale?: readonly Reason[] }>();
  for (const { id } of pipeline.cells) {
    const forecast = forecasts.get(id)!;
    if (forecast.kind === 'done' || forecast.kind === 'failed') outcomes.set(id, { outcome: forecast });
    // Out of date, and only helps what is up to date: a run leaves it as it is.
    else if (forecast.kind === 'idle') outcomes.set(id, { outcome: lastOf(id, ground.store) });
    else outcomes.set(id, { outcome: lastOf(id, ground.store), stale: forecast.kind === 'run' ? forecast.reasons : forecast.producers.map((producer) => ({ field: `it reads ${producer}` })) });
  }
  const outcomeOf = (id: string): Outcome => outcomes.get(id)!.outcome;
  return {
    run: undefined, exports: pipeline.exports, lost: [], outcomeOf, then: undefined,
    cells: new Map(pipeline.cells.map((cell) => {
      const { outcome, stale } = outcomes.get(cell.id)!;
      return [cell.id, { ...provenance(cell, ground, outcomeOf), records: outcome.kind === 'done' ? outcome.records : [], compared: comparedOf(cell.stage), codeToday: ground.codeOf(cell).files, ...(stale === undefined ? {} : { stale }) }];
    })),
  };
}

/** What became of it last: what reads it was computed with that, be it that it failed. */
function lastOf(cell: string, store: Store): Outcome {
  const record = store.newestOfCell(cell);
  if (record?.status === 'done') return { kind: 'done', records: [record] };
  return { kind: 'failed', failure: record?.failure ?? { code: 'no-output', sentence: 'It was never computed.' }, origin: cell };
}

/** Where inputs came from is known as far as the pipeline still declares them: a record names them by content only. */
function past(citations: RunCitations, ground: Ground): Found {
  const { store, pipeline } = ground;
  const { records } = resolve(citations, store);
  const declared = new Map(pipeline.cells.map((cell) => [cell.id, cell]));
  const determinisms = new Map(pipeline.cells.map(({ stage }) => [stage.name, stage.determinism]));
  const outcomeOf = (id: string): Outcome => {
    const own = records.get(id);
    return own === undefined ? { kind: 'failed', failure: { code: 'no-output', sentence: 'It had no result then.' }, origin: id } : { kind: 'done', records: own };
  };
  const cells = new Map<string, ResultCell>();
  for (const [id, own] of records) {
    const cell = declared.get(id);
    const record = representative(own, store);
    const known = cell && provenance(cell, ground, outcomeOf);
    cells.set(id, {
      ...(cell && known ? { ...known, inputs: inputsThen(cell, known.inputs, record), compared: comparedOf(cell.stage), codeToday: ground.codeOf(cell).files } : undeclared(id, record, determinisms)),
      params: record.fields.params, record, records: own,
      code: store.closure(record.fields.code) ?? {},
      reasons: store.decisions(id).findLast(({ run }) => run === record.run)?.reasons ?? [],
    });
  }
  return { run: store.runs().find(({ run }) => run === citations.run), cells, exports: citations.exports, outcomeOf, then: records, lost: Object.keys(citations.cells).filter((id) => (records.get(id)?.length ?? 0) < citations.cells[id]!.length) };
}

/** A stage that is not declared any more counts as measured: of such results nobody expects equal bytes. */
function undeclared(cell: string, { fields: { stage, inputs } }: CellRecord, determinisms: ReadonlyMap<string, Determinism>): Pick<ResultCell, 'cell' | 'stage' | 'determinism' | 'inputs' | 'compared'> {
  return { cell, stage, compared: [], determinism: determinisms.get(stage) ?? 'measured', inputs: Object.fromEntries(Object.entries(inputs).map(([name, sha256]) => [name, [{ sha256 }]])) };
}

/** A single input is what the record says it was; of one with parts the record knows a hash over all. */
function inputsThen(cell: Cell, inputs: CellProvenance['inputs'], { fields }: CellRecord): CellProvenance['inputs'] {
  return Object.fromEntries(Object.entries(inputs).map(([name, from]) => {
    const { kind } = cell.inputs[name]!;
    const sha256 = fields.inputs[name];
    return [name, (kind === 'file' || kind === 'output') && sha256 !== undefined ? from.map((one) => ({ ...one, sha256 })) : from];
  }));
}
