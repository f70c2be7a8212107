/**
 * The register of claims, and the stage that decides them. Adding a claim is one file in claims/ and one line here; its rule is written
 * before its result.
 */
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import { idPath } from './cell-ids.ts';
import { aMemory } from './claims/a-memory.ts';
import { aQuality } from './claims/a-quality.ts';
import { aSpeed } from './claims/a-speed.ts';
import { b } from './claims/b.ts';
import { b2 } from './claims/b2.ts';
import { c1, c2 } from './claims/c.ts';
import { d } from './claims/d.ts';
import { e, e2 } from './claims/e.ts';
import { Evidence } from './claims/evidence.ts';
import type { ClaimModel, ModelTimings, Timings } from './claims/evidence.ts';
import { f } from './claims/f.ts';
import { fewerBits } from './claims/fewer-bits.ts';
import { SOURCE } from './claims/types.ts';
import type { Claim, Effect, Judgement } from './claims/types.ts';
import { readFidelity, readJson } from './score-output.ts';
import type { NullScores, SamplingScores } from './score-output.ts';
import type { WeightsReport } from './summarize-weights.ts';
import type { Found } from './table-rows.ts';
import { guarded, listParam, textParam } from './task-values.ts';

/** In the order of the source's claims, then our own. */
export const claims: readonly Claim[] = [aQuality, aMemory, aSpeed, b, b2, c1, c2, d, e, e2, f, fewerBits];

export const run: Run = async (cells, io) => {
  for (const [index, task] of cells.entries()) {
    await guarded(io, task, async () => {
      const position = claims.findIndex(({ id }) => id === textParam(task, 'claim'));
      const claim = claims[position];
      if (claim === undefined) throw new Error(`${task.id}: there is no such claim`);
      const judgement = claim.decide(await evidenceOf(task, io));
      await io.commit(task.id, { claim: JSON.stringify({ claim: claimRow(claim, position, judgement, task.id), effects: judgement.effects.map((effect) => effectRow(effect, claim, position, task.id)) }) });
    });
    io.progress(index + 1, cells.length, 'claims');
  }
};

async function evidenceOf(task: TaskCell, io: TaskIo): Promise<Evidence> {
  const missing: string[] = [];
  /** `optional`: what is missing there takes no model out. */
  const gathered = async <T>(name: string, read: (bytes: Uint8Array, from: Found) => T, optional = false): Promise<T[]> => {
    const input = task.inputs[name];
    if (input === undefined) return [];
    if (input.kind !== 'gather') throw new Error(`${task.id}: input ${name} must be a gather`);
    const found: T[] = [];
    for (const item of input.items) {
      if ('handle' in item) found.push(read(await io.read(item.handle), item));
      else if (!optional) missing.push(item.cell);
    }
    return found;
  };
  const timed = (bytes: Uint8Array, { cell, machine }: Found): ModelTimings => ({ model: idPath(cell)[0]!, machine, value: readJson<Timings>(bytes) });
  const from = {
    fidelity: await gathered('fidelity', readFidelity),
    sampling: await gathered('sampling', readJson<SamplingScores>),
    nulls: await gathered('nulls', readJson<NullScores>),
    timings: await gathered('timings', timed),
    otherTimings: await gathered('otherTimings', timed, true),
    sizes: await gathered('sizes', (bytes, { cell }) => ({ model: idPath(cell)[0]!, format: idPath(cell)[1]!, value: readJson<WeightsReport>(bytes) })),
    missing,
  };
  return new Evidence(listParam(task, 'models') as unknown as readonly ClaimModel[], listParam(task, 'formats') as readonly string[], from);
}

/** A row of table claims. */
function claimRow(claim: Claim, position: number, { verdict, scope, sentence, wouldChange }: Judgement, cell: string): object {
  return {
    claim: claim.id, position, version: claim.version, title: claim.title, statement: claim.statement, source: claim.source ?? SOURCE, operationalised: claim.operationalised,
    test: claim.test, margin: claim.margin, margin_reason: claim.marginReason, sql: claim.sql, verdict, scope, sentence, would_change: wouldChange, cell,
  };
}

/** A row of table claim_effects. */
function effectRow(effect: Effect, claim: Claim, position: number, cell: string): object {
  return {
    claim: claim.id, position, part: effect.part, model: effect.model, format: effect.format, value: effect.value, low: effect.low ?? null, high: effect.high ?? null,
    level: effect.low === undefined ? null : effect.level ?? null, margin_low: effect.marginLow ?? null, margin_high: effect.marginHigh ?? null, unit: effect.unit,
    n: effect.n, clusters: effect.clusters, verdict: effect.verdict, needed_clusters: effect.neededClusters ?? null, cell,
  };
}
