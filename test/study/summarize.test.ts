/** Summaries against values that can be worked out by hand. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONTEXT_TOKENS, readFidelity, writeFidelity } from '../../stages/quantization/score-output.ts';
import { fidelityClusters } from '../../stages/quantization/score-clusters.ts';
import { summarizeFidelity } from '../../stages/quantization/summarize-fidelity.ts';
import { MetricList } from '../../stages/quantization/summarize-rows.ts';
import type { MetricRow } from '../../stages/quantization/summarize-rows.ts';
import { summarizeSampling } from '../../stages/quantization/summarize-sampling.ts';
import { pairedLogRatios, rates, summarizeSpeed } from '../../stages/quantization/summarize-speed.ts';
import { summarizeTexts } from '../../stages/quantization/summarize-texts.ts';
import type { SeedTexts } from '../../stages/quantization/summarize-texts.ts';
import { summarizeWeights } from '../../stages/quantization/summarize-weights.ts';
import { madeFidelity, madeSampling } from './score-made.ts';

const place = { model: 'm', format: 'nf4', cell: 'summarize:m/nf4' };
const near = (actual: number, expected: number, tolerance = 1e-12): void => {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
};
const row = (list: MetricList, quantity: string, text: string | null = null, length: number | null = null): MetricRow => {
  const found = list.rows.filter((each) => each.quantity === quantity && each.text === text && each.max_new_tokens === length);
  assert.is(found.length, 1, `rows of ${quantity}`);
  return found[0]!;
};

test('fidelity survives writing and reading', () => {
  const scores = madeFidelity({ model: 'm', format: 'nf4', windows: 3 }, { rise: 0.1, kl: 0.02 });
  assert.equal(readFidelity(writeFidelity(scores)), scores);
});

test('clusters hold the positions with enough context only', () => {
  const scores = madeFidelity({ model: 'm', format: 'nf4', windows: 2 }, { rise: 0.1, kl: 0.02 }, 40);
  const clusters = fidelityClusters([scores, scores]);
  assert.equal([...clusters.size], [9, 9, 9, 9]); // positions 32 .. 40
  let kl = 0;
  for (let index = CONTEXT_TOKENS - 1; index < 40; index++) kl += scores.kl[40 + index]!;
  assert.is(clusters.kl[1], kl);
  assert.is(fidelityClusters([scores], 0).tokens, 80);
});

test('fidelity: values, units, and what is left out', () => {
  const texts = ['a', 'b'].map((text, seed) => madeFidelity({ model: 'm', format: 'nf4', text, windows: 15, seed }, { rise: 0.1, kl: 0.02 }, 231));
  const list = new MetricList();
  summarizeFidelity(list, place, false, texts);
  const tokens = 30 * 200;
  const all = fidelityClusters(texts);
  const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
  near(row(list, 'nll').value, sum(all.nll) / tokens);
  near(row(list, 'perplexity').value, Math.exp(sum(all.nll) / tokens), 1e-10);
  near(row(list, 'bits_per_byte').value, sum(all.nll) / (3 * tokens) / Math.LN2);
  near(row(list, 'delta_nll').value, sum(all.nll) / tokens - 3);
  near(row(list, 'kl_mean').value, sum(all.kl) / tokens);
  near(row(list, 'entropy_shift').value, 0.02, 1e-9);
  near(row(list, 'calibration_gap').value, sum(all.nll) / tokens - 2.02, 1e-9);
  near(row(list, 'calibration_shift').value, row(list, 'delta_nll').value - 0.02, 1e-9);
  // The format gives each token less: p falls from e^-3.
  assert.ok(row(list, 'delta_p_mean').value < 0 && row(list, 'delta_p_p01').value <= row(list, 'delta_p_median').value && row(list, 'delta_p_median').value <= row(list, 'delta_p_p99').value);
  assert.ok(Math.abs(row(list, 'delta_p_mean').value) <= row(list, 'delta_p_rms').value);
  near(row(list, 'top1_agreement').value, 0.9, 0.001);
  near(row(list, 'right_to_wrong').value, 0.05, 0.001);
  near(row(list, 'wrong_to_right').value, 0.025, 0.001);
  const ascending = [...all.klAscending];
  assert.equal(ascending, [...ascending].sort((a, b) => a - b));
  assert.is(row(list, 'kl_median').value, ascending[tokens / 2 - 1]);
  assert.is(row(list, 'kl_p99').value, ascending[0.99 * tokens - 1]);
  assert.is(row(list, 'kl_max').value, ascending.at(-1));
  assert.is(row(list, 'kl_max').low, null);
  assert.equal(list.omitted, [{ quantity: 'kl_p999', reason: 'it needs 10000 positions, and there are 6000' }]);
  assert.is(row(list, 'kl_mean_all').n, 30 * 231);
  assert.is(row(list, 'kl_mean', 'b').clusters, 15);
  for (const each of list.rows) {
    assert.is(each.exact, true);
    if (each.low !== null) assert.ok(each.low <= each.value && each.value <= each.high!, `${each.quantity}: ${each.low} ${each.value} ${each.high}`);
  }
  assert.ok(row(list, 'kl_p99').low! < row(list, 'kl_p99').high!);
});

test('p99.9 appears with 10,000 positions', () => {
  const list = new MetricList();
  summarizeFidelity(list, place, false, [madeFidelity({ model: 'm', format: 'nf4', windows: 50 }, { rise: 0.1, kl: 0.02 }, 231)]);
  assert.is(row(list, 'kl_p999').n, 10_000);
  assert.equal(list.omitted, []);
});

test('the base is not compared with itself', () => {
  const list = new MetricList();
  summarizeFidelity(list, place, true, [madeFidelity({ model: 'm', format: 'fp16' }, { rise: 0, kl: 0 })]);
  assert.equal([...new Set(list.rows.map(({ quantity }) => quantity))], ['nll', 'perplexity', 'bits_per_byte', 'entropy', 'calibration_gap', 'nll_all', 'perplexity_all', 'bits_per_byte_all']);
});

test('few windows give values without intervals', () => {
  const list = new MetricList();
  summarizeFidelity(list, place, false, [madeFidelity({ model: 'm', format: 'nf4', windows: 7 }, { rise: 0.1, kl: 0.02 })]);
  assert.equal(list.rows.filter(({ low, high }) => low !== null || high !== null), []);
});

test('sampling: means per position; outside mass only where there are candidates', () => {
  const [list, candidates, base] = [new MetricList(), new MetricList(), new MetricList()];
  const scores = madeSampling({ model: 'm', format: 'nf4' }, 0.7, 0.004);
  summarizeSampling(list, { ...place, temperature: 0.7, top_k: 0 }, false, [scores]);
  assert.equal(list.rows.map(({ quantity }) => quantity), ['total_variation', 'quality_shift']);
  near(row(list, 'quality_shift').value, scores.qualityShift!.reduce((a, b) => a + b, 0) / 3000);
  assert.is(row(list, 'quality_shift').n, 3000);
  assert.is(row(list, 'quality_shift').clusters, 30);
  summarizeSampling(candidates, { ...place, temperature: 0.7, top_k: 40 }, false, [madeSampling({ model: 'm', format: 'nf4' }, 0.7, 0, { topK: 40 })]);
  assert.equal(candidates.rows.map(({ quantity, top_k }) => [quantity, top_k]), [['total_variation', 40], ['outside_mass', 40]]);
  summarizeSampling(base, { ...place, format: 'fp16', temperature: 0.7, top_k: 0 }, true, [scores]);
  assert.equal(base.rows.map(({ quantity }) => quantity), ['base_entropy', 'base_quality']);
});

test('weights: bits of the linear layers and of the whole model', () => {
  const list = new MetricList();
  summarizeWeights(list, place, { linearWeights: 1000, linearBytes: 562.5, otherWeights: 500, otherBytes: 1000 });
  assert.equal(list.rows.map(({ quantity, value }) => [quantity, value]), [['bits_per_weight_linear', 4.5], ['bits_per_weight_model', 8 * 1562.5 / 1500], ['weight_bytes', 1562.5]]);
});

test('speed: medians, paired ratios, the A/A pair, bytes held', () => {
  const samples = Array.from({ length: 8 }, (_, block) => [
    { format: 'fp16', phase: 'decode', pair: 'A', block, tokens: 100, durationMs: 100 + block, stepsMs: [1, 2, 3, 4] },
    { format: 'fp16', phase: 'decode', pair: 'A2', block, tokens: 100, durationMs: 100 + block, stepsMs: [9] },
    { format: 'nf4', phase: 'decode', pair: 'A', block, tokens: 100, durationMs: 2 * (100 + block), stepsMs: [1] },
  ]).flat();
  const timed = { engine: { name: 'native' }, machine: { cpu: 'x', cores: 2 }, samples, memory: { fp16: { weights: 1000, kvCache: 24 }, nf4: { weights: 300, kvCache: 24 } } };
  near(pairedLogRatios(rates(timed, 'nf4', 'decode'), rates(timed, 'fp16', 'decode'))[3]!, -Math.LN2);
  const list = new MetricList();
  summarizeSpeed(list, { model: 'm', base: 'fp16', cell: 'summarize:m/speed' }, timed);
  const of = (format: string, quantity: string): MetricRow => list.rows.find((each) => each.format === format && each.quantity === quantity)!;
  near(of('nf4', 'decode_ratio_to_base').value, 0.5);
  near(of('fp16', 'decode_aa_ratio').value, 1);
  near(of('fp16', 'decode_tokens_per_second').value, (1e5 / 103 + 1e5 / 104) / 2, 1e-9);
  near(of('fp16', 'decode_tokens_per_second').low!, 1e5 / 107, 1e-9); // of 8 the extremes: 2 / 256 <= 0.05, 18 / 256 is more
  assert.is(of('nf4', 'held_bytes').value, 324);
  assert.ok(list.rows.every(({ exact, engine }) => !exact && engine === 'native'));
  assert.ok(list.omitted.some(({ quantity }) => quantity === 'prefill_tokens_per_second'));
  assert.equal([of('fp16', 'decode_latency_p50'), of('fp16', 'decode_latency_p95')].map(({ value, n, clusters, unit }) => [value, n, clusters, unit]), [[2, 32, 8, 'ms'], [4, 32, 8, 'ms']]);
  assert.ok(list.omitted.some(({ quantity, reason }) => quantity === 'decode_latency_p99' && reason === 'it needs 100 steps, and there are 32'));
  assert.not.ok(list.rows.some(({ quantity }) => quantity.includes('gpu')));
  const clocked = new MetricList();
  summarizeSpeed(clocked, { model: 'm', base: 'fp16', cell: 'summarize:m/speed' }, { ...timed, samples: samples.map((sample) => ({ ...sample, gpuMs: sample.pair === 'A' ? sample.durationMs / 2 : 1 })) });
  const byGpu = clocked.rows.find(({ format, quantity }) => format === 'fp16' && quantity === 'decode_gpu_tokens_per_second')!;
  near(byGpu.value, (2e5 / 103 + 2e5 / 104) / 2, 1e-9);
  near(byGpu.low!, 2e5 / 107, 1e-9);
  assert.equal([byGpu.n, byGpu.unit], [8, 'tokens/s']);
  const prompts = new MetricList();
  summarizeSpeed(prompts, { model: 'm', base: 'fp16', cell: 'summarize:m/speed' }, { ...timed, samples: samples.map((sample) => ({ ...sample, phase: 'prefill' })) });
  assert.equal(prompts.rows.filter(({ quantity }) => quantity === 'time_to_first_token').map(({ format, value, unit }) => [format, value, unit]), [['fp16', 2.5, 'ms'], ['nf4', 1, 'ms']]);
});

test('texts: where they part, and what they are like, for each length', () => {
  const written = (prompt: string, ids: number[]): { prompt: string; promptIds: number[]; ids: number[]; text: string; pieces: string[] } => ({ prompt, promptIds: [1], ids, text: '', pieces: [] });
  const seed: SeedTexts = {
    texts: [written('p', [1, 2, 3, 4, 5, 6]), written('q', [1, 1, 1, 1, 1, 1]), written('r', [7, 8])],
    base: [written('p', [1, 2, 3, 9, 5, 6]), written('q', [1, 1, 1, 1, 1, 1]), written('r', [7, 8])],
    judged: [{ prompt: 'p', nll: [1, 1, 1, 1, 1, 1] }, { prompt: 'q', nll: [2, 2, 2, 2, 2, 2] }, { prompt: 'r', nll: [4, 4] }],
    judgedBase: [{ prompt: 'p', nll: [1, 1, 1, 7, 1, 1] }, { prompt: 'q', nll: [2, 2, 2, 2, 2, 2] }, { prompt: 'r', nll: [4, 4] }],
  };
  const list = new MetricList();
  summarizeTexts(list, { ...place, temperature: 0.7, top_k: 0 }, false, [seed], [3, 6]);
  near(row(list, 'same_as_base', null, 3).value, 1);
  near(row(list, 'same_as_base', null, 6).value, 2 / 3);
  near(row(list, 'judge_nll', null, 6).value, (6 + 12 + 8) / 14);
  near(row(list, 'judge_nll_shift', null, 6).value, -1 / 3);
  near(row(list, 'repeated_4grams', null, 6).value, (0 + 2 / 3) / 2); // r is too short for one
  near(row(list, 'new_tokens', null, 6).value, 14 / 3);
  // p parts after 3; q reaches 6; r ended equal after 2 and is censored: S = 1, 1, 1, 1/2, 1/2, 1/2.
  near(row(list, 'tokens_until_difference', null, 6).value, 3 + 1.5);
  near(row(list, 'tokens_until_difference', null, 3).value, 3);
  assert.is(row(list, 'same_as_base', null, 6).clusters, 3);

  const base = new MetricList();
  summarizeTexts(base, { ...place, format: 'fp16' }, true, [{ ...seed, texts: seed.base, judged: seed.judgedBase }], [6]);
  assert.not.ok(base.rows.some(({ quantity }) => quantity === 'same_as_base' || quantity === 'tokens_until_difference'));
});

test('nothing to average over is an omission with its reason, never a row', () => {
  const list = new MetricList();
  list.add(place, 'kl_mean', 'nats', NaN, { n: 5 });
  list.add(place, 'kl_max', 'nats', NaN, { n: 0 });
  assert.equal(list.rows, []);
  assert.equal(list.omitted, [{ quantity: 'kl_mean', reason: 'the value is not finite' }, { quantity: 'kl_max', reason: 'there is nothing to average over' }]);
});

test.run();
