/**
 * Decides one cell whose inputs are known: already computed, known to fail, or to be run, and then why. Reads only; the same
 * code answers for a run, a plan, a status and a why.
 */
import { canonicalJson } from './canonical.ts';
import { keyOf, missingText, partsHash } from './key.ts';
import { nearest, reasonsFor } from './reasons.ts';
import { revocationText } from './revoked.ts';
import type { Ground } from './ground.ts';
import type { Store } from './store.ts';
import type { Waiver } from './waivers.ts';
import type { Cell, CellRecord, Failure, FailureCode, InputRef, KeyFields, Reason, Sha256, Stage } from './types.ts';

/** How a cell ended, as its readers see it. */
export type Outcome =
  /** One record; of a `measured` cell the newest of each machine, ordered by machine label. */
  | { readonly kind: 'done'; readonly records: readonly CellRecord[]; /** By which they count although something changed. */ readonly waiver?: Waiver }
  /** `origin`: the cell whose own failure this is. */
  | { readonly kind: 'failed'; readonly failure: Failure; readonly origin: string; readonly record?: CellRecord };

export type Verdict =
  | Outcome
  /** `conflict`: records of this key that differ, of which none is believed. */
  | { readonly kind: 'run'; readonly key: Sha256; readonly fields: KeyFields; readonly reasons: readonly Reason[]; readonly conflict?: Conflict };

/** Records of one key that differ, by whose word; of this store's own without a name. */
export interface Conflict { readonly signed: readonly { readonly record: CellRecord; readonly by?: string }[] }

export interface DecideOptions {
  /** Cells to run although they are up to date (--force). */
  readonly force: (cell: Cell) => boolean;
  /** Measured cells to run here once more (--measure). */
  readonly measure: (cell: Cell) => boolean;
  /** Run again what failed and would fail again (--retry-failed). */
  readonly retryFailed: boolean;
  /** Cells for which what failed for a passing reason counts as failed, although a run would try it again. */
  readonly failureStays?: (cell: Cell, failure: Failure) => boolean;
  /** True for a cell whose outputs this run has changed: names the cause of a change. */
  readonly changedHere: (cell: string) => boolean;
}

/** The same key fails the same way: not tried again until the key changes. The others had passing reasons. */
const DETERMINISTIC_FAILURES: ReadonlySet<FailureCode> = new Set(['bad-input', 'not-finite', 'stage-threw']);

/** Whether nothing that passes was the reason. */
export const failsAgain = ({ code }: Failure): boolean => DETERMINISTIC_FAILURES.has(code);

/** `outcomeOf` answers for every cell that this one reads. */
export function decide(cell: Cell, ground: Ground, outcomeOf: (cell: string) => Outcome, options: DecideOptions): Verdict {
  const blocked = blockedBy(cell, ground, outcomeOf);
  if (blocked !== undefined) return blocked;
  const code = ground.codeOf(cell);
  const fields: KeyFields = { stage: cell.stage.name, params: cell.params, inputs: inputHashes(cell, ground, outcomeOf), code: code.hash, facts: cell.facts ?? {} };
  const key = keyOf(fields);
  const run = (reasons: readonly Reason[]): Verdict => ({ kind: 'run', key, fields, reasons });

  if (options.force(cell)) return run([{ field: 'asked for with --force' }]);
  if (options.measure(cell)) return run([{ field: 'asked for with --measure' }]);
  const conflict = conflictOf(cell, key, ground);
  if (conflict !== undefined) return { kind: 'run', key, fields, conflict, reasons: [{ field: `results of the same key that differ: ${conflict.signed.map(({ by }) => by === undefined ? 'one is in this store' : `one is signed by ${by}`).join(', ')}` }] };
  const records = recordsOf(cell, key, ground);
  if (records.length > 0) return { kind: 'done', records };

  const waived = ground.waived(key);
  if (waived !== undefined) {
    const earlier = recordsOf(cell, waived.counts, ground);
    if (earlier.length > 0) return { kind: 'done', records: earlier, waiver: waived.waiver };
  }

  const failed = ground.store.failed(key);
  if (failed?.failure !== undefined) {
    const stays = failsAgain(failed.failure) || options.failureStays?.(cell, failed.failure) === true;
    if (stays && !options.retryFailed) {
      return { kind: 'failed', failure: failed.failure, origin: cell.id, record: failed };
    }
    return run([{ field: `failed last time: ${failed.failure.code}` }]);
  }
  const revoked = ground.store.revocation(key);
  if (revoked !== undefined) return run([{ field: revocationText(revoked) }]);
  const own = ground.store.recordsOfCell(cell.id);
  const same = own.find((record) => record.key === key && record.status === 'done');
  if (same !== undefined) return run([{ field: `output missing or damaged: ${ground.store.missingOutputs(same).join(', ')}` }]);
  const earlier = own.filter((record) => record.key !== key);
  if (earlier.length === 0) return run([{ field: 'never computed' }]);
  const changedCells = Object.fromEntries(Object.entries(cell.inputs).map(([name, input]) => [name, changedAmong(input, options)]));
  return run(nearest(earlier.map((record) => reasonsFor({ fields, closure: code.files, changedCells }, record, ground.store.closure(record.fields.code)))));
}

/**
 * The records that count for a key: all machines' of a measured cell, else the newest. Of a shared cache only where the store has none: another
 * machine's timing, say, that would join those of this store changes what is made of them, and is not to come by itself.
 */
export function recordsOf(cell: Cell, key: Sha256, { store }: Ground): readonly CellRecord[] {
  const own = ownRecordsOf(cell.stage, key, store);
  if (own.length > 0 || store.catalogue === undefined) return own;
  const found = store.catalogue.resultOf(cell, key, (record) => store.missingOutputs(record).length === 0);
  return found?.kind === 'found' ? found.signed.map(({ record }) => record) : [];
}

function ownRecordsOf(stage: Stage, key: Sha256, store: Store): readonly CellRecord[] {
  if (stage.determinism === 'measured') return store.donePerMachine(key);
  const record = store.done(key);
  return record === undefined ? [] : [record];
}

/** Looked for by runs only: they can compute the cell once more. */
function conflictOf(cell: Cell, key: Sha256, { store }: Ground): Conflict | undefined {
  const { catalogue } = store;
  if (catalogue?.upToDate !== true || cell.stage.determinism !== 'exact' || store.isRuled(key)) return undefined;
  const own = store.done(key);
  const found = catalogue.resultOf(cell, key, () => true, own);
  if (found?.kind !== 'conflict') return undefined;
  const isOneOfThem = own === undefined || found.signed.some(({ record }) => record.run === own.run && record.finishedAt === own.finishedAt);
  return { signed: [...found.signed, ...isOneOfThem ? [] : [{ record: own }]] };
}

/**
 * Of several machines' records the one that stands for the cell where a single one is read: this machine's, else the newest. Which machine this is takes
 * longer to find out than all else here, so it is asked only where it matters.
 */
export function representative(records: readonly CellRecord[], store: Pick<Store, 'machine'>): CellRecord {
  if (records.length === 1) return records[0]!;
  return records.find((record) => record.machine === store.machine)
    ?? records.reduce((newest, record) => record.finishedAt > newest.finishedAt ? record : newest);
}

/** A cell that must have an input which does not exist: a file that is missing, or the output of a cell that failed. */
function blockedBy(cell: Cell, ground: Ground, outcomeOf: (cell: string) => Outcome): Outcome | undefined {
  for (const [name, input] of Object.entries(cell.inputs)) {
    if (input.kind === 'file' && ground.fileOf(input.path) === undefined) {
      const failure: Failure = { code: 'bad-input', sentence: `the file ${input.path} (input ${name}) is missing or cannot be read`, hint: 'put it there, or change the pipeline' };
      return { kind: 'failed', failure, origin: cell.id };
    }
    if (input.kind !== 'output') continue;
    const outcome = outcomeOf(input.cell);
    if (outcome.kind === 'failed') return { kind: 'failed', failure: upstreamFailure(outcome), origin: outcome.origin };
  }
  return undefined;
}

function upstreamFailure({ failure, origin }: { readonly failure: Failure; readonly origin: string }): Failure {
  return failure.code === 'upstream-failed' ? failure : { code: 'upstream-failed', sentence: `needs ${origin}, which failed: ${failure.sentence}` };
}

function inputHashes(cell: Cell, ground: Ground, outcomeOf: (cell: string) => Outcome): { readonly [name: string]: string } {
  const hashes: { [name: string]: string } = {};
  for (const [name, input] of Object.entries(cell.inputs)) hashes[name] = inputHash(input, ground, outcomeOf);
  return hashes;
}

/** What an input adds to the key. Throws where it is the output of a cell that failed. */
export function inputHash(input: InputRef, ground: Ground, outcomeOf: (cell: string) => Outcome): string {
  switch (input.kind) {
    case 'file': return ground.fileOf(input.path)!.sha256;
    case 'output': {
      const outcome = outcomeOf(input.cell);
      if (outcome.kind === 'failed') throw new Error(`${input.cell} failed and has no ${input.output}`);
      return representative(outcome.records, ground.store).outputs[input.output]!.sha256;
    }
    case 'gather': return partsHash(input.of.flatMap(({ cell, output }) => {
      const outcome = outcomeOf(cell);
      if (outcome.kind === 'failed') return [{ name: `${cell}#${output}`, content: missingText(outcome.failure) }];
      const measured = ground.cell(cell).stage.determinism === 'measured';
      return outcome.records.map((record) => ({ name: `${cell}#${output}${measured ? `@${record.machine}` : ''}`, content: record.outputs[output]!.sha256 }));
    }));
    case 'records': return partsHash(input.of.map((id) => {
      const outcome = outcomeOf(id);
      if (outcome.kind === 'failed') return { name: id, content: missingText(outcome.failure) };
      const unstable = ground.cell(id).stage.unstableOutputs ?? [];
      return { name: id, content: canonicalJson(outcome.records.map(({ key, outputs }) =>
        [key, ...Object.keys(outputs).filter((output) => !unstable.includes(output)).sort().map((output) => `${output} ${outputs[output]!.sha256}`), ...(outcome.waiver === undefined ? [] : [`waiver ${outcome.waiver.id}`])])) };
    }));
  }
}

/** The producers behind an input that changed: those that this run has changed, or, of a single output, its cell or file. */
function changedAmong(input: InputRef, { changedHere }: DecideOptions): readonly string[] {
  switch (input.kind) {
    case 'file': return [input.path];
    case 'output': return [input.cell];
    case 'gather': return [...new Set(input.of.map((ref) => ref.cell))].filter(changedHere);
    case 'records': return input.of.filter(changedHere);
  }
}
