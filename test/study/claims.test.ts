/** Each claim's rule on evidence made to order: that it can come out every way it may, and only when it should. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Evidence } from '../../stages/quantization/claims/evidence.ts';
import type { ClaimModel, Gatherings, ModelTimings } from '../../stages/quantization/claims/evidence.ts';
import { listed } from '../../stages/quantization/claims/combine.ts';
import type { Part } from '../../stages/quantization/claims/combine.ts';
import type { Claim, Judgement } from '../../stages/quantization/claims/types.ts';
import { claims } from '../../stages/quantization/claims.ts';
import { claimCells } from '../../stages/quantization/claims-cells.ts';
import { output, cell, stage } from '../../stages/dag/index.ts';
import type { Cell } from '../../stages/dag/index.ts';
import { run } from '../../stages/quantization/claims.ts';
import { writeFidelity } from '../../stages/quantization/score-output.ts';
import type { FidelityScores } from '../../stages/quantization/score-output.ts';
import { madeFidelity, madeNull, madeSampling } from './score-made.ts';
import { MemoryTask } from './score-task.ts';

const NOTHING: Gatherings = { fidelity: [], sampling: [], nulls: [], timings: [], otherTimings: [], sizes: [], missing: [] };
const FORMATS = ['fp16', 'bf16', 'int8', 'nf4', 'fp4', 'nf4-dq', 'fp4-dq'];
const models = (...names: string[]): ClaimModel[] => names.map((name) => ({ name, base: 'fp16', architecture: 'llama', parameters: 1.1e6 }));
const claim = (id: string): Claim => claims.find((each) => each.id === id)!;
function judged(id: string, from: Partial<Gatherings>, names: readonly string[] = ['m']): Judgement {
  const { formats = FORMATS, decide } = claim(id);
  return decide(new Evidence(models(...names), FORMATS.filter((format) => formats.includes(format)), { ...NOTHING, ...from }));
}

test('claims are complete, in order, and speak plainly', () => {
  assert.equal(claims.map(({ id }) => id), ['a-quality', 'a-memory', 'a-speed', 'b', 'b2', 'c1', 'c2', 'd', 'e', 'e2', 'f', 'fewer-bits']);
  for (const { id, title, statement, operationalised, test: how, margin, marginReason, sql } of claims) {
    for (const text of [title, statement, operationalised, how, margin, marginReason]) assert.ok(text.trim().length > 5, id);
    assert.match(sql, /^(SELECT|WITH)[\s\S]*ORDER BY/, id);
  }
});

test('without evidence nothing is decided, and the sentence says why', () => {
  for (const each of claims) {
    const { verdict, sentence, effects } = judged(each.id, {});
    assert.is(verdict, 'not testable here', each.id);
    assert.match(sentence, /\.$/);
    assert.equal(effects, []);
  }
});

const pair = (nf4: { rise: number; kl: number }, fp4: { rise: number; kl: number }, windows = 30, model = 'm'): FidelityScores[] => [
  madeFidelity({ model, format: 'nf4', windows, seed: 1 }, nf4), madeFidelity({ model, format: 'fp4', windows, seed: 5 }, fp4),
];

test('a, quality: alike, different in one of the two, open, too few windows', () => {
  const small = { rise: 0.02, kl: 0.01 };
  assert.is(judged('a-quality', { fidelity: pair(small, { rise: 0.021, kl: 0.0102 }) }).verdict, 'supported');
  assert.is(judged('a-quality', { fidelity: pair(small, { rise: 0.021, kl: 0.018 }) }).verdict, 'contradicted');
  assert.is(judged('a-quality', { fidelity: pair(small, { rise: 0.04, kl: 0.0102 }) }).verdict, 'contradicted');
  assert.is(judged('a-quality', { fidelity: pair(small, { rise: 0.021, kl: 0.0125 }) }).verdict, 'inconclusive');
  const few = judged('a-quality', { fidelity: pair(small, { rise: 0.021, kl: 0.0102 }, 29) });
  assert.is(few.verdict, 'inconclusive');
  assert.equal(few.effects.map(({ neededClusters }) => neededClusters), [30, 30]);
});

test('a, quality: effects are the estimates, with the margins they were held against', () => {
  const { effects, scope, sentence } = judged('a-quality', { fidelity: pair({ rise: 0.02, kl: 0.01 }, { rise: 0.04, kl: 0.018 }) });
  const [ratio, difference] = effects;
  assert.ok(Math.abs(ratio!.value - 1.8) < 0.05 && ratio!.low! < ratio!.value && ratio!.value < ratio!.high!);
  assert.equal([ratio!.marginLow, ratio!.marginHigh, ratio!.level], [0.8, 1.25, 0.95]); // one of two parts that may contradict: 1 - 2 * 0.05 / 2
  assert.ok(Math.abs(difference!.value - 0.02) < 0.001);
  assert.is(scope, '1 model of at most 1.1 M parameters, 1 text, 30 windows');
  assert.is(sentence, 'They differ by more than a margin on m.');
});

test('one model of several contradicts; a model with failed cells is left out and named', () => {
  const fidelity = [...pair({ rise: 0.02, kl: 0.01 }, { rise: 0.02, kl: 0.01 }), ...pair({ rise: 0.02, kl: 0.01 }, { rise: 0.02, kl: 0.03 }, 30, 'n')];
  const both = judged('a-quality', { fidelity }, ['m', 'n']);
  assert.is(both.verdict, 'contradicted');
  assert.is(both.sentence, 'The two are alike within the margins on m; they differ by more than a margin on n.');
  const one = judged('a-quality', { fidelity, missing: ['score:n/fp4/noise'] }, ['m', 'n']);
  assert.is(one.verdict, 'supported');
  assert.match(one.scope, /; without n, of which cells failed$/);
});

test('f: below the margin, above it, open', () => {
  const loss = (rise: number): FidelityScores => madeFidelity({ model: 'm', format: 'int8' }, { rise, kl: 0.01 });
  assert.is(judged('f', { fidelity: [loss(0.001)] }).verdict, 'supported');
  assert.is(judged('f', { fidelity: [loss(0.03)] }).verdict, 'contradicted');
  assert.is(judged('f', { fidelity: [loss(0.0198)] }).verdict, 'inconclusive');
  const mixed = judged('f', { fidelity: [loss(0.001), madeFidelity({ model: 'm', format: 'fp4' }, { rise: 0.05, kl: 0.01 })] });
  assert.is(mixed.verdict, 'contradicted');
  assert.is(mixed.sentence, 'The loss is below the margin for int8 on m; it is above the margin for fp4 on m.');
});

test('a sentence puts formats that fare alike on the same models together', () => {
  const words = { supported: 'yes for', contradicted: 'no for', inconclusive: 'open for' };
  const part = (format: string, model: string, decision: 'supported' | 'inconclusive'): Part => ({ format, model, decision });
  assert.is(listed([part('int8', 'm', 'supported'), part('int8', 'n', 'supported'), part('nf4', 'm', 'inconclusive'), part('nf4', 'n', 'supported'),
    part('fp4', 'm', 'inconclusive'), part('fp4', 'n', 'supported')], words), 'yes for int8 on m and n, and nf4 and fp4 on n; open for nf4 and fp4 on m');
});

test('b: a shape that differs, the same shape at another level, an unclear one', () => {
  const profile = (format: string, shifts: readonly number[], spread = 0.0005): ReturnType<typeof madeSampling>[] =>
    shifts.map((shift, i) => madeSampling({ model: 'm', format, seed: 10 * i + (format === 'nf4' ? 0 : 5) }, [0.3, 0.7, 1][i]!, shift, { spread }));
  const nf4 = profile('nf4', [0.01, 0.02, 0.03]);
  assert.is(judged('b', { sampling: [...nf4, ...profile('fp4', [0.01, 0.03, 0.06])] }).verdict, 'supported');
  assert.is(judged('b', { sampling: [...nf4, ...profile('fp4', [0.05, 0.06, 0.07])] }).verdict, 'contradicted');
  assert.is(judged('b', { sampling: [...nf4, ...profile('fp4', [0.012, 0.02, 0.034], 0.02)] }).verdict, 'inconclusive');
  assert.is(judged('b', { sampling: [nf4[0]!, ...profile('fp4', [0.01])] }).verdict, 'not testable here');
  // T = 0 is no part of the profile.
  const greedy = ['nf4', 'fp4'].map((format) => madeSampling({ model: 'm', format }, 0, format === 'nf4' ? 0 : 1));
  assert.is(judged('b', { sampling: [...greedy, ...nf4, ...profile('fp4', [0.05, 0.06, 0.07])] }).verdict, 'contradicted');
});

/** nf4, int8 and bf16 at 0.1, 0.3 and 0.5, where nf4's shift changes by `change`, and a null whose draws change by 0.001 to 0.003. */
function cold(change: number, draws: readonly number[] = [0.001, 0.002, 0.003]): Partial<Gatherings> {
  const at = (format: string, total: number, seed: number): ReturnType<typeof madeSampling>[] =>
    [0.1, 0.3, 0.5].map((t, i) => madeSampling({ model: 'm', format, seed: seed + i }, t, (total * i) / 2));
  return {
    sampling: [...at('nf4', change, 1), ...at('int8', 0.0005, 11), ...at('bf16', 0, 21)],
    nulls: [0.1, 0.3, 0.5].map((t, i) => madeNull({ model: 'm', format: 'nf4' }, t, draws.map((draw) => (draw * i) / 2))),
  };
}

test('c1: beyond the null, within it, no change worth the name', () => {
  assert.is(judged('c1', cold(0.01)).verdict, 'supported');
  assert.is(judged('c1', cold(0.01, [0.004, 0.011])).verdict, 'inconclusive');
  assert.is(judged('c1', cold(0.01, [0.009, 0.011])).verdict, 'contradicted', 'noise of equal size does the same');
  assert.is(judged('c1', cold(0.01, [-0.02, 0.005])).verdict, 'supported', 'noise that goes the other way, however far, is not what the format does');
  assert.is(judged('c1', cold(0.001)).verdict, 'contradicted');
  assert.is(judged('c1', cold(0.001, [-0.02, -0.01])).verdict, 'contradicted', 'noise that goes the other way makes no change larger');
  assert.is(judged('c1', cold(0.0037, [0.0002, 0.0009, 0.004])).verdict, 'inconclusive', 'beyond the mean of the draws by the margin');
  assert.equal(judged('c1', cold(0.0036, [0.0002, 0.0009, 0.004])).effects.map(({ neededClusters }) => neededClusters === undefined), [true, true, true, true, false], 'how many windows would decide');
  const { effects } = judged('c1', cold(0.01));
  assert.equal(effects.map(({ part }) => part.split(':')[0]), [
    'largest change of the quality shift, from T 0.1 to T 0.5', 'that change less int8\'s', 'that change less bf16\'s', 'largest change that way under noise of equal size',
    'change beyond the mean of noise that way, between the two temperatures where it is least clearly below the margin',
  ]);
  assert.ok(Math.abs(effects[0]!.value - 0.01) < 0.0005);
  assert.ok(Math.abs(effects[3]!.value - 0.002) < 1e-12);
});

test('the noise of a window is the mean of its draws, its sampled positions standing for all, text by text', () => {
  const sampling = ['one', 'two'].map((text) => madeSampling({ model: 'm', format: 'nf4', text, windows: 2 }, 0.3, 0));
  const nulls = ['two', 'one'].map((text) => madeNull({ model: 'm', format: 'nf4', text, windows: 2 }, 0.3, text === 'one' ? [0.001, 0.003] : [0.01, 0.03]));
  const sums = new Evidence(models('m'), ['nf4'], { ...NOTHING, sampling, nulls }).nullSums('m', 'nf4', 0, 1);
  assert.equal([...sums.keys()], [0.3]);
  [0.2, 0.2, 2, 2].forEach((expected, window) => assert.ok(Math.abs(sums.get(0.3)![window]! - expected) < 1e-12)); // 100 positions each, of which 10 are sampled
});

test('c1 and c2 look at their own range only, and need two temperatures, a finer format and a null', () => {
  const evidence = cold(0.01);
  assert.is(judged('c2', evidence).verdict, 'not testable here'); // only T = 0.5 lies in 0.5 .. 0.8
  assert.is(judged('c1', { ...evidence, nulls: [] }).verdict, 'not testable here');
  assert.is(judged('c1', { ...evidence, sampling: evidence.sampling!.filter(({ format }) => format === 'nf4') }).verdict, 'not testable here');
});

test('a, memory: by construction, unless the bytes differ', () => {
  const sizes = (fp4: number): Partial<Gatherings> => ({ sizes: [['nf4', 450], ['fp4', fp4]].map(([format, linearBytes]) => ({ model: 'm', format: String(format), value: { linearWeights: 800, linearBytes: Number(linearBytes), otherWeights: 1, otherBytes: 2 } })) });
  assert.is(judged('a-memory', sizes(450)).verdict, 'by construction');
  assert.is(judged('a-memory', sizes(451)).verdict, 'contradicted');
});

/** Nine blocks; `speeds` relative to the base, `drift` of the base's second timing, `weights` the bytes of fp16 beside an L2 of 1 MB and an L3 of 8. */
function timed(engine: string, speeds: { readonly [format: string]: number }, { drift = 1, weights = 5e5, model = 'm', machine = 'here' } = {}): ModelTimings[] {
  const samples = Array.from({ length: 9 }, (_, block) => ['prefill', 'decode'].flatMap((phase) => [
    { format: 'fp16', phase, pair: 'A2', block, tokens: 100, durationMs: 100 * drift, stepsMs: [] },
    ...Object.entries({ fp16: 1, ...speeds }).map(([format, speed]) => ({ format, phase, pair: 'A', block, tokens: 100, durationMs: (100 + block / 100) / speed, stepsMs: [] })),
  ])).flat();
  const caches = [{ level: 2, bytes: 1e6, sharedBy: 1 }, { level: 3, bytes: 8e6, sharedBy: 2 }];
  return [{ model, machine, value: { samples, memory: { fp16: { weights } }, engine: { name: engine }, machine: { cpu: 'x', cores: 1 }, threads: 1, promptTokens: 64, caches } }];
}

test('d and e: the source\'s stack did not run; our engine\'s own ratios say so beside it', () => {
  const part = (id: string, engine: string, speeds: { readonly [format: string]: number }, drift = 1): string[] => {
    const { verdict, effects, scope } = judged(id, { timings: timed(engine, speeds, { drift }) });
    assert.is(verdict, 'not testable here');
    assert.match(scope, new RegExp(`engine ${engine}, prompts of 64 tokens, one sequence, 1 thread$`));
    return [...new Set(effects.filter(({ part: name }) => !name.includes('itself')).map((effect) => effect.verdict))];
  };
  assert.equal(part('d', 'wasm', { int8: 0.5 }), ['no verdict from wasm']);
  assert.equal(part('d', 'native', { int8: 0.5 }), ['supported']);
  assert.equal(part('d', 'native', { int8: 2 }), ['contradicted']);
  assert.equal(part('d', 'native', { int8: 0.5 }, 1.1), ['too noisy']);
  assert.equal(part('e', 'native', { int8: 0.5, nf4: 2 }), ['supported', 'contradicted']);
});

test('d and e are decided on the source\'s stack where it ran as a peer, and on no other peer', () => {
  const peer = (engine: string, speeds: { readonly [format: string]: number }, drift = 1): ModelTimings[] =>
    timed(engine, speeds, { drift }).map((one) => ({ ...one, value: { ...one.value, engine: { name: engine, peer: { device: 'cpu: x', settings: 'compute fp32' } } } }));
  const of = (id: string, speeds: { readonly [format: string]: number }, drift = 1): Judgement => judged(id, { timings: timed('native', { int8: 2, nf4: 2 }), otherTimings: peer('transformers', speeds, drift) });
  const slower = of('d', { int8: 0.5 });
  assert.is(slower.verdict, 'supported');
  assert.is(slower.sentence, 'On transformers with bitsandbytes it holds for prefill of int8 against fp16 and decode of int8 against fp16 on m.');
  assert.match(slower.scope, /transformers with bitsandbytes on cpu: x, compute fp32, prompts of 64 tokens, one sequence, threads: 1$/);
  assert.equal(slower.effects.filter(({ part }) => part.endsWith('peer transformers')).map(({ level, verdict }) => [level, verdict]), [[0.975, 'supported'], [0.975, 'supported']]);
  assert.ok(slower.effects.some(({ part, verdict }) => part === 'decode speed, int8 / fp16, engine native' && verdict === 'contradicted'), 'ours stands beside it and decides nothing');
  assert.is(of('d', { int8: 2 }).verdict, 'contradicted');
  assert.is(of('d', { int8: 0.5 }, 1.1).verdict, 'too noisy');
  assert.is(of('e', { int8: 0.5, nf4: 0.6 }).verdict, 'supported');
  assert.is(of('e', { int8: 0.5, nf4: 2 }).verdict, 'contradicted', 'one clear exception');
  assert.is(of('e2', { int8: 0.5 }).verdict, 'not testable here', 'without bf16');
  assert.is(judged('d', { timings: timed('native', { int8: 2 }), otherTimings: peer('llama', { int8: 0.5 }) }).verdict, 'not testable here');
  assert.is(judged('a-speed', { timings: timed('native', { nf4: 1, fp4: 1 }), otherTimings: peer('transformers', { nf4: 1, fp4: 2 }) }).effects.filter(({ part }) => part.includes('transformers')).length, 0, 'another program has other kernels');
});

test('a, speed: one kernel serves both formats', () => {
  assert.is(judged('a-speed', { timings: timed('wasm', { nf4: 1, fp4: 1 }) }).verdict, 'by construction');
  assert.is(judged('a-speed', { timings: timed('wasm', { nf4: 1 }) }).verdict, 'not testable here');
});

test('d and e look at every engine of one machine, and one that cannot run takes no model out', () => {
  const { effects, scope } = judged('d', {
    timings: [...timed('native', { int8: 0.5 }), ...timed('native', { int8: 2 }, { machine: 'other' })],
    otherTimings: [...timed('fast', { int8: 2 }), ...timed('native', { int8: 2 }), ...timed('fast', { int8: 0.5 }, { machine: 'other' })],
  });
  const decode = effects.filter(({ part }) => part.startsWith('decode speed, int8'));
  assert.equal(decode.map(({ part, verdict }) => [part, verdict]), [['decode speed, int8 / fp16, engine native', 'supported'], ['decode speed, int8 / fp16, engine fast', 'contradicted']]);
  assert.match(scope, /engines native and fast, prompts/);
});

test('fewer bits: faster beyond the caches, and not within', () => {
  const [small, large] = [{ weights: 5e5 }, { weights: 2e7, model: 'n' }];
  const at = (inside: number, beyond: number, engine = 'native', options = {}): Judgement =>
    judged('fewer-bits', { timings: [...timed(engine, { nf4: inside }, { ...small, ...options }), ...timed(engine, { nf4: beyond }, { ...large, ...options })] }, ['m', 'n']);
  const both = at(1.02, 2.5);
  assert.is(both.verdict, 'supported');
  assert.is(both.sentence, 'It is as stated for native on m and n.');
  assert.match(both.scope, /engine native, prompts of 64 tokens, one sequence, 1 thread, fp16 weights in L2 and memory$/);
  assert.equal(both.effects.map(({ part, marginLow, marginHigh, level }) => [part, marginLow, marginHigh, level]), [
    ['decode speed, nf4 / fp16, engine native, weights in L2', undefined, 1.1, 0.975], ['decode speed, nf4 / fp16, engine native, weights in memory, beyond the caches', 1.1, undefined, 0.975],
  ]);
  assert.is(at(1.02, 1.05).verdict, 'contradicted');
  assert.is(at(1.3, 2.5).verdict, 'contradicted');
  assert.is(at(1.02, 2.5, 'native', { drift: 1.1 }).verdict, 'too noisy');
  const onGpu = at(1.02, 2.5, 'webgpu-fast');
  assert.equal(onGpu.effects.map(({ part, verdict }) => [part, verdict])[0], ['decode speed, nf4 / fp16, engine webgpu-fast, weights on a GPU', 'no verdict from webgpu-fast']);
  assert.not.match(onGpu.scope, /weights in/);
  assert.is(at(1.02, 2.5, 'wasm').sentence, 'No engine that is built for speed was timed.');
});

test('fewer bits: half of it carries no verdict but can refute the whole; L3 is shown', () => {
  const only = (weights: number, nf4: number): Judgement => judged('fewer-bits', { timings: timed('native', { nf4 }, { weights }) });
  const half = only(5e5, 1.02);
  assert.is(half.verdict, 'not testable here');
  assert.is(half.sentence, 'No model of the study has fp16 weights in memory, beyond the caches, so half of the claim cannot be tested here; it is as stated for native on m.');
  assert.is(only(5e5, 1.5).verdict, 'contradicted');
  const between = only(4e6, 1.5);
  assert.is(between.verdict, 'not testable here');
  assert.equal(between.effects.map(({ verdict }) => verdict), ['shown']);
});

const made = stage({ name: 'made', title: 'Made', determinism: 'exact', module: 'made.ts', outputs: ['scores', 'report', 'samples'] });

test('the stage writes rows for the tables out of what its cell gathered', async () => {
  const scored = pair({ rise: 0.02, kl: 0.01 }, { rise: 0.02, kl: 0.01 });
  const scoreCell = (scores: FidelityScores): Cell => cell(made, `${scores.model}/${scores.format}`, { params: { quantity: 'fidelity', format: scores.format } });
  const one = { ...made, outputs: ['scores'] };
  const cells = claimCells([{
    model: { name: 'm', baseFormat: 'fp16', architecture: 'llama', parametersEstimate: 1.1e6 }, quantized: new Map(), timed: { ...cell(made, 'timed'), stage: { ...made, outputs: ['samples'] } }, timedOthers: [],
    scored: scored.map((scores) => ({ ...scoreCell(scores), stage: one })),
  }], FORMATS);
  assert.equal(cells.map(({ id }) => id), claims.map(({ id }) => `claims:${id}`));
  const quality = cells[0]!;
  assert.equal(quality.inputs, { fidelity: { kind: 'gather', of: ['m/nf4', 'm/fp4'].map((path) => output(`made:${path}`, 'scores')) } });

  const task = new MemoryTask();
  const items = scored.map((scores) => {
    const only = task.task(cell(made, 'x', { inputs: { bytes: output('made:x', 'scores') } }), () => writeFidelity(scores));
    const input = only.inputs['bytes']!;
    return { cell: `made:m/${scores.format}`, output: 'scores', handle: input.kind === 'object' ? input.handle : assert.unreachable() as never };
  });
  await run([{ id: quality.id, params: quality.params, inputs: { fidelity: { kind: 'gather', items } } }], task.io);
  const { claim: row, effects } = JSON.parse(new TextDecoder().decode(task.output('claims:a-quality', 'claim'))) as { claim: { [column: string]: unknown }; effects: { [column: string]: unknown }[] };
  assert.is(row['verdict'], 'supported');
  assert.is(row['cell'], 'claims:a-quality');
  assert.equal(Object.keys(row), ['claim', 'position', 'version', 'title', 'statement', 'source', 'operationalised', 'test', 'margin', 'margin_reason', 'sql', 'verdict', 'scope', 'sentence', 'would_change', 'cell']);
  assert.equal(Object.keys(effects[0]!), ['claim', 'position', 'part', 'model', 'format', 'value', 'low', 'high', 'level', 'margin_low', 'margin_high', 'unit', 'n', 'clusters', 'verdict', 'needed_clusters', 'cell']);
});

test.run();
