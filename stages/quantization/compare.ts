/**
 * Two formats of one model, paired: the same positions of the same texts, the same blocks of timings. Every difference is the other's less the
 * first's, in the study's order of formats.
 *
 *   compare:<model>/<format>/<other>   what they predict
 *   compare:<model>/speed              how fast they are, all pairs: all formats are timed in one cell
 */
import { exp64, log64 } from '../../kernels/float64.ts';
import { cell, gather, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell, TaskIo } from '../dag/index.ts';
import { CONTEXT_TOKENS, readFidelity } from './score-output.ts';
import type { FidelityScores } from './score-output.ts';
import { logRatio, mean } from './statistics/estimate.ts';
import { median, medianInterval } from './statistics/median.ts';
import { INTERVAL_LEVEL, MetricList } from './summarize-rows.ts';
import { pairedLogRatios, rates } from './summarize-speed.ts';
import type { TimedSamples } from './summarize-speed.ts';
import type { Row } from './table-rows.ts';
import { timingsOf } from './task-timings.ts';
import { guarded, textParam } from './task-values.ts';

export const compareStage = stage({
  name: 'compare',
  title: 'Compare formats in pairs',
  determinism: 'exact',
  module: 'stages/quantization/compare.ts',
  outputs: ['pairs'],
});

export interface ComparedModel {
  readonly model: { readonly name: string; readonly baseFormat: string };
  /** Formats without aliases, the base first. */
  readonly computed: readonly string[];
  readonly scored: readonly Cell[];
  readonly timed: Cell;
  readonly timedOthers: readonly Cell[];
}

/** `listed`: the study's order of formats. */
export function compareCells({ model, computed, scored, timed, timedOthers }: ComparedModel, listed: readonly string[]): Cell[] {
  const ordered = [...computed].sort((a, b) => listed.indexOf(a) - listed.indexOf(b));
  const fidelity = (format: string): Cell[] => scored.filter(({ params }) => params['quantity'] === 'fidelity' && params['format'] === format);
  const scoresOf = (format: string, name: string) => fidelity(format).map((from) => [`${name}.${String(from.params['text'])}`, output(from)] as const);
  const others = timedOthers.length === 0 ? {} : { others: gather(timedOthers.map((from) => output(from))) };
  return [
    ...ordered.flatMap((format, i) => ordered.slice(i + 1).map((other) => cell(compareStage, `${model.name}/${format}/${other}`, {
      params: { of: 'quality', model: model.name, format, other }, inputs: Object.fromEntries([...scoresOf(format, 'format'), ...scoresOf(other, 'other')]), batch: model.name, work: 0.1,
    }))),
    // Timings come last of all: nothing else waits for them.
    cell(compareStage, `${model.name}/speed`, { params: { of: 'speed', model: model.name, formats: ordered }, inputs: { samples: output(timed), ...others }, batch: 'speed', work: 0.1 }),
  ];
}

export const run: Run = async (cells, io) => {
  // A format's scores are those of all its pairs.
  const read = new Map<string, FidelityScores>();
  for (const [index, task] of cells.entries()) {
    io.signal.throwIfAborted();
    await guarded(io, task, async () => {
      const model = textParam(task, 'model');
      const pairs = textParam(task, 'of') === 'speed'
        ? (await timingsOf(task, io)).flatMap((timed) => speedPairs(timed, task.params['formats'] as readonly string[], { model, cell: task.id }))
        : qualityPairs(await scoresOf(task, io, 'format', read), await scoresOf(task, io, 'other', read), { model, format: textParam(task, 'format'), other: textParam(task, 'other'), cell: task.id });
      await io.commit(task.id, { pairs: JSON.stringify(pairs) });
    });
    io.progress(index + 1, cells.length, 'pairs');
  }
};

async function scoresOf(task: TaskCell, io: TaskIo, side: string, read: Map<string, FidelityScores>): Promise<FidelityScores[]> {
  const scores: FidelityScores[] = [];
  for (const [name, input] of Object.entries(task.inputs)) {
    if (!name.startsWith(`${side}.`) || input.kind !== 'object') continue;
    const { sha256 } = input.handle;
    if (!read.has(sha256)) read.set(sha256, readFidelity(await io.input(task, name)));
    scores.push(read.get(sha256)!);
  }
  return scores;
}

/** Rows of table pairs, in the schema's order of columns. */
const rowsOf = (list: MetricList, other: string): Row[] => list.rows.map(({ quantity, model, format, engine, value, low, high, unit, n, clusters, exact, cell: from }) =>
  ({ quantity, model, format, other, engine, value, low, high, unit, n, clusters, exact, cell: from }));

/** Over the positions with enough context. `texts` and `others` are of the same texts, in the same order. */
export function qualityPairs(texts: readonly FidelityScores[], others: readonly FidelityScores[], { other, ...place }: { readonly model: string; readonly format: string; readonly other: string; readonly cell: string }): Row[] {
  const clusters = texts.reduce((sum, { windows }) => sum + windows, 0);
  const sums = (): Float64Array => new Float64Array(clusters);
  const [size, kl, klOther, klMore, nllMore, agreesMore, rightMore, same] = [sums(), sums(), sums(), sums(), sums(), sums(), sums(), sums()];
  let cluster = 0, tokens = 0;
  for (const [t, one] of texts.entries()) {
    const two = others[t]!;
    for (let window = 0; window < one.windows; window++, cluster++) {
      const add = (to: Float64Array, value: number): void => { to[cluster] = to[cluster]! + value; };
      for (let i = window * one.positions + CONTEXT_TOKENS - 1; i < (window + 1) * one.positions; i++) {
        const [top, topOther, base, token] = [one.top1[i]!, two.top1[i]!, one.top1Base[i]!, one.token[i]!];
        add(size, 1);
        add(kl, one.kl[i]!);
        add(klOther, two.kl[i]!);
        add(klMore, two.kl[i]! - one.kl[i]!);
        add(nllMore, two.nll[i]! - one.nll[i]!);
        add(agreesMore, Number(topOther === base) - Number(top === base));
        add(rightMore, Number(topOther === token) - Number(top === token));
        add(same, Number(top === topOther));
        tokens++;
      }
    }
  }
  const list = new MetricList();
  list.estimate(place, 'kl_difference', 'nats', tokens, mean(klMore, size));
  // The base is no distance from itself: there is no ratio to that.
  if (kl.some((x) => x > 0) && klOther.some((x) => x > 0)) list.estimate(place, 'kl_ratio', 'ratio', tokens, logRatio(klOther, kl, log64), exp64);
  list.estimate(place, 'nll_difference', 'nats', tokens, mean(nllMore, size));
  list.estimate(place, 'top1_agreement_difference', 'share', tokens, mean(agreesMore, size));
  list.estimate(place, 'accuracy_difference', 'share', tokens, mean(rightMore, size));
  list.estimate(place, 'same_top1', 'share', tokens, mean(same, size));
  return rowsOf(list, other);
}

/** Ratios of rates on one engine, the other's over the first's, within blocks. */
export function speedPairs(timed: TimedSamples, formats: readonly string[], { model, cell: from }: { readonly model: string; readonly cell: string }): Row[] {
  return formats.flatMap((format, i) => formats.slice(i + 1).flatMap((other) => {
    const list = new MetricList();
    for (const phase of ['decode', 'prefill']) {
      const values = pairedLogRatios(rates(timed, other, phase), rates(timed, format, phase));
      if (values.length === 0) continue;
      const bounds = medianInterval(values, INTERVAL_LEVEL);
      list.add({ model, format, cell: from, engine: timed.engine.name, exact: false }, `${phase}_ratio`, 'ratio', exp64(median(values)), { n: values.length, clusters: values.length }, bounds && { low: exp64(bounds.low), high: exp64(bounds.high) });
    }
    return rowsOf(list, other);
  }));
}
