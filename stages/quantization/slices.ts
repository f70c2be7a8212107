/**
 * What a format does along two scales: how many tokens of context there are, and how sure the base is. Means over slices of the scored
 * positions, with intervals over windows. All positions count here, also those with little context: they are a slice of their own.
 *
 *   slices:<model>/<format>   rows of table profiles (also of the base: its calibration)
 */
import { cell, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell, TaskIo } from '../dag/index.ts';
import { readFidelity } from './score-output.ts';
import type { FidelityScores } from './score-output.ts';
import { bootstrap, interval } from './statistics/bootstrap.ts';
import { mean, once } from './statistics/estimate.ts';
import { INTERVAL_LEVEL, LEAST_CLUSTERS_FOR_INTERVAL } from './summarize-rows.ts';
import type { Row } from './table-rows.ts';
import { guarded, textParam } from './task-values.ts';

export const slicesStage = stage({
  name: 'slices',
  title: 'Slice the scores by context and by certainty',
  determinism: 'exact',
  module: 'stages/quantization/slices.ts',
  outputs: ['profiles'],
});

/** One cell for each format of a model that was scored. */
export function slicesCells({ model, scored }: { readonly model: { readonly name: string; readonly baseFormat: string }; readonly scored: readonly Cell[] }): Cell[] {
  const fidelity = scored.filter(({ params }) => params['quantity'] === 'fidelity');
  return [...new Set(fidelity.map(({ params }) => String(params['format'])))].map((format) => cell(slicesStage, `${model.name}/${format}`, {
    params: { model: model.name, format, base: model.baseFormat },
    inputs: Object.fromEntries(fidelity.filter(({ params }) => params['format'] === format).map((from) => [`scores.${String(from.params['text'])}`, output(from)])),
    batch: model.name, work: 0.1,
  }));
}

export const run: Run = async (cells, io) => {
  for (const [index, task] of cells.entries()) {
    io.signal.throwIfAborted();
    await guarded(io, task, async () => {
      await io.commit(task.id, { profiles: JSON.stringify(profiles(await scoresOf(task, io), { model: textParam(task, 'model'), format: textParam(task, 'format'), base: textParam(task, 'base'), cell: task.id })) });
    });
    io.progress(index + 1, cells.length, 'formats');
  }
};

async function scoresOf(task: TaskCell, io: TaskIo): Promise<FidelityScores[]> {
  const scores: FidelityScores[] = [];
  for (const name of Object.keys(task.inputs)) if (name.startsWith('scores.')) scores.push(readFidelity(await io.input(task, name)));
  return scores;
}

interface Place { readonly model: string; readonly format: string; readonly base: string; readonly cell: string }

/** Lower ends of slices: tokens before the scored one, and entropy of the base's distribution, nats. The last is open. */
const CONTEXTS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192] as const;
const ENTROPIES = [0, 0.5, 1, 2, 3, 4, 5] as const;
/** A mean over fewer positions says little of its slice. */
const LEAST_POSITIONS = 30;

/** Rows of table profiles, in the schema's order of columns. */
export function profiles(texts: readonly FidelityScores[], place: Place): Row[] {
  const context = (_: FidelityScores, index: number): number => index + 1;
  const entropy = (scores: FidelityScores, _: number, i: number): number => scores.entropyBase[i]!;
  const gapOfBase = (scores: FidelityScores, i: number): number => scores.nllBase[i]! - scores.entropyBase[i]!;
  // Of the base what it is, of a format what it changes: the texts' own spread, much larger, is the same in both.
  return place.format === place.base ? sliced(texts, 'calibration_by_entropy', place, ENTROPIES, entropy, gapOfBase) : [
    ...sliced(texts, 'kl_by_context', place, CONTEXTS, context, (scores, i) => scores.kl[i]!),
    ...sliced(texts, 'calibration_shift_by_entropy', place, ENTROPIES, entropy, (scores, i) => scores.nll[i]! - scores.entropy[i]! - gapOfBase(scores, i)),
  ];
}

function sliced(
  texts: readonly FidelityScores[], profile: string, { model, format, cell: from }: Place, edges: readonly number[],
  at: (scores: FidelityScores, index: number, i: number) => number, value: (scores: FidelityScores, i: number) => number,
): Row[] {
  const clusters = texts.reduce((sum, { windows }) => sum + windows, 0);
  const slices = edges.map(() => ({ sums: new Float64Array(clusters), sizes: new Float64Array(clusters) }));
  let cluster = 0;
  for (const scores of texts) {
    for (let window = 0; window < scores.windows; window++, cluster++) {
      for (let index = 0; index < scores.positions; index++) {
        const i = window * scores.positions + index;
        const where = at(scores, index, i);
        // An entropy of 0 may come out as a rounding below it.
        const slice = slices[Math.max(0, edges.findLastIndex((edge) => edge <= where))]!;
        slice.sums[cluster] = slice.sums[cluster]! + value(scores, i);
        slice.sizes[cluster] = slice.sizes[cluster]! + 1;
      }
    }
  }
  return slices.flatMap(({ sums, sizes }, k): Row[] => {
    const n = sizes.reduce((sum, size) => sum + size, 0);
    if (n < LEAST_POSITIONS) return [];
    const estimator = mean(sums, sizes);
    const bounds = clusters < LEAST_CLUSTERS_FOR_INTERVAL ? undefined : interval(bootstrap(estimator), INTERVAL_LEVEL);
    return [{
      profile, model, format, slice: k + 1, slice_from: edges[k]!, slice_until: edges[k + 1] ?? null,
      value: estimator.estimate(once(clusters)).value, low: bounds?.low ?? null, high: bounds?.high ?? null, unit: 'nats', n, clusters, cell: from,
    }];
  });
}
