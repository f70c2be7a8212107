/** The score stage as a task, on a tiny model: what it commits, that cells do not depend on their company, and what fails alone. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCheckpoint, openEngine, openSession, readArtifact, scoreWindow, threefry2x32 } from '../../kernels/index.ts';
import { cell, output, stage } from '../../stages/dag/index.ts';
import type { Cell } from '../../stages/dag/index.ts';
import { scoreCells } from '../../stages/quantization/score-cells.ts';
import { readFidelity, readJson, samplingWindowRows, tokenScoreRows, windowRows } from '../../stages/quantization/score-output.ts';
import type { NullScores, SamplingScores } from '../../stages/quantization/score-output.ts';
import { run } from '../../stages/quantization/score.ts';
import { MemoryTask, artifactOf, fixture } from './score-task.ts';
import type { Bytes } from './score-task.ts';

const WINDOWS = 2;
const WINDOW_TOKENS = 72;
const VOCABULARY = 128;

const model = { config: fixture('llama', 'config.json'), weights: fixture('llama', 'model.safetensors') };
const judge = { config: fixture('llama_tied', 'config.json'), weights: fixture('llama_tied', 'model.safetensors') };
const ids = Array.from({ length: WINDOWS * WINDOW_TOKENS + 9 }, (_, i) => (threefry2x32(1, 2, i, 0)[0] >>> 0) % VOCABULARY);
const json = (value: unknown): Bytes => new TextEncoder().encode(JSON.stringify(value)) as Bytes;
const tokens = json({ ids, bytes: ids.map((id) => 1 + (id % 3)) });
const artifacts = new Map(['nf4', 'int8'].map((format) => [format, artifactOf(model, format)]));

const source = stage({ name: 'fetch', title: 'Fetch', determinism: 'exact', module: 'fetch.ts', outputs: ['config', 'weights', 'tokens', 'artifact'] });
const reference = (name: string): { fetched: Cell; model: { name: string; architecture: string; baseFormat: 'fp32'; parametersEstimate: number; weightCode: string[] }; tokens: ReturnType<typeof output> } => {
  const fetched = cell(source, name);
  return { fetched, model: { name, architecture: 'llama', baseFormat: 'fp32', parametersEstimate: 1e5, weightCode: [] }, tokens: output(fetched, 'tokens') };
};

function sweep(change: { temperatures?: readonly number[]; windows?: number; judge?: string; scored?: string } = {}): Cell[] {
  const scored = change.scored ?? 'tiny';
  return scoreCells({
    scored: reference(scored), judge: reference(change.judge ?? 'judge'), text: 'noise', together: false,
    formats: [...artifacts.keys()].map((name) => ({ name, artifact: output(`fetch:${scored}`, 'artifact') })),
    windows: change.windows ?? WINDOWS, windowTokens: WINDOW_TOKENS, temperatures: change.temperatures ?? [0, 0.5, 1], topKs: [0, 5],
  });
}

async function scored(cells: readonly Cell[], change: { readonly [input: string]: Bytes } = {}): Promise<MemoryTask> {
  const task = new MemoryTask();
  await run(cells.map((each) => task.task(each, (name) => change[name] ?? {
    config: model.config, weights: model.weights, tokens, judgeTokens: tokens, judgeConfig: judge.config, judgeWeights: judge.weights,
    artifact: artifacts.get(String(each.params['format'])),
  }[name]!)), task.io);
  return task;
}

let whole: MemoryTask;

test('every cell of a sweep is committed', async () => {
  const cells = sweep();
  whole = await scored(cells);
  assert.equal([...whole.failed], []);
  assert.equal([...whole.committed.keys()].sort(), cells.map(({ id }) => id).sort());
  assert.equal(cells.map(({ id }) => id).filter((id) => id.startsWith('score:tiny/nf4')), [
    'score:tiny/nf4/noise', 'score:tiny/nf4/noise/T0/k0', 'score:tiny/nf4/noise/T0.5/k0', 'score:tiny/nf4/noise/T0.5/k5', 'score:tiny/nf4/noise/null/T0.5',
    'score:tiny/nf4/noise/T1/k0', 'score:tiny/nf4/noise/T1/k5',
  ]);
  assert.equal(cells.map(({ id }) => id).filter((id) => id.startsWith('score:tiny/fp32')), ['score:tiny/fp32/noise', 'score:tiny/fp32/noise/T0/k0', 'score:tiny/fp32/noise/T0.5/k0', 'score:tiny/fp32/noise/T1/k0']);
});

/** Two models, the second of which is the judge, as one task or each in its own; `weights` in the judge's place. */
async function twoModels(together: boolean, weights: Bytes = judge.weights): Promise<MemoryTask[]> {
  const judgeArtifacts = new Map(['nf4', 'int8'].map((format) => [format, artifactOf(judge, format)]));
  const tasks: MemoryTask[] = [];
  const groups = [sweep(), sweep({ scored: 'judge' })];
  for (const cells of together ? [groups.flat()] : groups) {
    const task = new MemoryTask();
    await run(cells.map((each) => {
      const own = each.params['model'] === 'judge';
      return task.task(each, (name) => ({
        config: own ? judge.config : model.config, weights: own ? weights : model.weights, tokens, judgeTokens: tokens, judgeConfig: judge.config, judgeWeights: weights,
        artifact: (own ? judgeArtifacts : artifacts).get(String(each.params['format'])),
      }[name]!));
    }), task.io);
    tasks.push(task);
  }
  return tasks;
}

test('of models that take turns a task says whose its time is: each one\'s, and of all that are judged while the judge reads', async () => {
  const [task] = await twoModels(true);
  const names = task!.workedOn.map((ids) => [...new Set(ids.map((id) => id.slice('score:'.length).split('/')[0]!))].join(' and '));
  const chunk = ['tiny and judge', 'tiny', 'judge'];
  const chunks = (names.length - 4) / chunk.length;
  assert.ok(chunks >= WINDOWS && Number.isSafeInteger(chunks), names.join(', '));
  assert.equal(names, ['tiny', 'judge', ...Array.from({ length: chunks }, () => chunk).flat(), 'tiny', 'judge']);
});

test('models in one task get what each gets alone', async () => {
  const [both] = await twoModels(true);
  const apart = await twoModels(false);
  assert.is(both!.committed.size, sweep().length + sweep({ scored: 'judge' }).length);
  for (const task of apart) for (const id of task.committed.keys()) assert.equal(both!.output(id, 'scores'), task.output(id, 'scores'), id);
});

test('a judge that cannot be opened takes its own cells and those that it judges, in one task too', async () => {
  const broken = judge.weights.slice(0, 1000);
  const [both] = await twoModels(true, broken);
  assert.equal([...both!.committed.keys()].sort(), sweep().filter((each) => each.params['quantity'] === 'fidelity').map(({ id }) => id).sort());
  assert.ok([...both!.failed.values()].every(({ code }) => code === 'bad-input'));
});

test('a temperature more leaves the other cells as they are', () => {
  const before = new Map(sweep().map((each) => [each.id, each]));
  const after = sweep({ temperatures: [0, 0.5, 0.7, 1] });
  for (const each of after) if (before.has(each.id)) assert.equal(each, before.get(each.id));
  assert.equal(after.filter(({ id }) => !before.has(id)).every(({ id }) => id.includes('T0.7')), true);
});

/** Logits of a window, all at once, straight from the kernels. */
async function logits(format: string, window: number, files = model): Promise<Float32Array> {
  const checkpoint = openCheckpoint(files);
  const { instance } = await openEngine('auto');
  const artifact = artifacts.get(format);
  const session = openSession({ checkpoint, format, engine: instance, ...(artifact ? { artifact: readArtifact(artifact) } : {}) });
  try {
    return await scoreWindow(session, Int32Array.from(ids.slice(window * WINDOW_TOKENS, (window + 1) * WINDOW_TOKENS)));
  } finally {
    session.dispose();
  }
}

function probabilities(rows: Float32Array, position: number): number[] {
  const row = Array.from(rows.subarray(position * VOCABULARY, (position + 1) * VOCABULARY));
  const max = Math.max(...row);
  const sum = row.reduce((total, z) => total + Math.exp(z - max), 0);
  return row.map((z) => Math.exp(z - max) / sum);
}

test('scores of the second window are those of its logits', async () => {
  const scores = readFidelity(whole.output('score:tiny/nf4/noise', 'scores'));
  assert.equal([scores.model, scores.format, scores.text, scores.windows, scores.positions], ['tiny', 'nf4', 'noise', WINDOWS, WINDOW_TOKENS - 1]);
  const [base, format, judged] = [await logits('fp32', 1), await logits('nf4', 1), await logits('fp32', 1, judge)];
  let [variation, shift] = [0, 0];
  for (let index = 0; index < WINDOW_TOKENS - 1; index++) {
    const i = scores.positions + index;
    const token = ids[WINDOW_TOKENS + index + 1]!;
    const [p, q, rated] = [probabilities(base, index), probabilities(format, index), probabilities(judged, index)];
    assert.is(scores.token[i], token);
    assert.is(scores.bytes[i], 1 + (token % 3));
    assert.ok(Math.abs(scores.nll[i]! + Math.log(q[token]!)) < 1e-9);
    assert.ok(Math.abs(scores.kl[i]! - p.reduce((sum, each, v) => sum + each * Math.log(each / q[v]!), 0)) < 1e-9);
    if (index + 1 < 32) continue;
    variation += 0.5 * p.reduce((sum, each, v) => sum + Math.abs(each - q[v]!), 0);
    shift += p.reduce((sum, each, v) => sum - (q[v]! - each) * Math.log(rated[v]!), 0);
  }
  const sampling = readJson<SamplingScores>(whole.output('score:tiny/nf4/noise/T1/k0', 'scores'));
  assert.equal(sampling.scoredTokens, [40, 40]);
  assert.ok(Math.abs(sampling.totalVariation[1]! - variation) < 1e-9);
  assert.ok(Math.abs(sampling.qualityShift![1]! - shift) < 1e-9);
});

test('windows begin as the model was trained to see a text begin, and its first token is scored', async () => {
  const start = [7];
  const begun = json({ ids, bytes: ids.map((id) => 1 + (id % 3)), start });
  const cells = sweep();
  const task = await scored(cells, { tokens: begun, judgeTokens: begun });
  assert.equal([...task.failed], []);
  const scores = readFidelity(task.output('score:tiny/nf4/noise', 'scores'));
  const own = WINDOW_TOKENS - 1;
  assert.equal([...scores.token.slice(0, own)], ids.slice(0, own));
  assert.equal([...scores.token.slice(own)], ids.slice(own, 2 * own));
  const checkpoint = openCheckpoint(model);
  const { instance } = await openEngine('reference');
  const session = openSession({ checkpoint, format: 'fp32', engine: instance });
  const rows = await scoreWindow(session, Int32Array.of(...start, ...ids.slice(own, 2 * own)));
  const p = probabilities(rows, 0);
  assert.ok(Math.abs(scores.nllBase[own]! + Math.log(p[ids[own]!]!)) < 1e-9, 'the first token after the start');
  session.dispose();
});

test('the base differs from itself by nothing, and greedy counts flips', () => {
  const base = readJson<SamplingScores>(whole.output('score:tiny/fp32/noise/T0.5/k0', 'scores'));
  assert.equal([base.totalVariation, base.qualityShift], [[0, 0], [0, 0]]);
  assert.ok(base.baseEntropy!.every((entropy) => entropy > 0));
  const scores = readFidelity(whole.output('score:tiny/nf4/noise', 'scores'));
  const flips = [0, 1].map((window) => scores.top1.subarray(window * 71 + 31, window * 71 + 71).filter((top, k) => top !== scores.top1Base[window * 71 + 31 + k]).length);
  assert.equal(readJson<SamplingScores>(whole.output('score:tiny/nf4/noise/T0/k0', 'scores')).totalVariation, flips);
  assert.ok(flips[0]! > 0);
});

test('the null has as many draws as asked for, of the format\'s size', () => {
  const scores = readJson<NullScores>(whole.output('score:tiny/nf4/noise/null/T0.5', 'scores'));
  assert.is(scores.draws.length, 20);
  assert.equal(scores.scoredTokens, [3, 3]); // positions 32, 48, 64
  assert.ok(Math.abs(scores.noiseKl / scores.formatKl - 1) < 1e-3);
});

test('a cell alone has the bytes it has in company', async () => {
  for (const id of ['score:tiny/nf4/noise/T0.5/k5', 'score:tiny/int8/noise', 'score:tiny/nf4/noise/null/T0.5', 'score:tiny/fp32/noise/T1/k0']) {
    const alone = await scored(sweep().filter((each) => each.id === id));
    assert.equal([...alone.committed.keys()], [id]);
    assert.equal(alone.output(id, 'scores'), whole.output(id, 'scores'), id);
  }
});

test('rows sum up what was scored', () => {
  const bytes = whole.output('score:tiny/nf4/noise', 'scores');
  const [windows, each] = [[...windowRows('c', bytes)], [...tokenScoreRows('c', bytes)]];
  assert.is(windows.length, WINDOWS);
  assert.is(each.length, WINDOWS * (WINDOW_TOKENS - 1));
  const second = each.filter((row) => row['window'] === 1);
  const sum = (column: string): number => second.reduce((total, row) => total + Number(row[column]), 0);
  assert.is(windows[1]!['nll'], sum('nll'));
  assert.is(windows[1]!['kl'], sum('kl'));
  assert.is(windows[1]!['same_top1'], second.filter((row) => row['top1'] === row['top1_base']).length);
  assert.is(windows[1]!['right_to_wrong'], second.filter((row) => row['top1_base'] === row['token'] && row['top1'] !== row['token']).length);
  assert.is(windows[1]!['wrong_to_right'], second.filter((row) => row['top1_base'] !== row['token'] && row['top1'] === row['token']).length);
  assert.equal([second[0]!['position'], second.at(-1)!['position']], [1, WINDOW_TOKENS - 1]);
  const sampling = [...samplingWindowRows('c', whole.output('score:tiny/nf4/noise/T0.5/k5', 'scores'))];
  assert.equal(sampling.map((row) => [row['window'], row['temperature'], row['top_k'], row['quality_shift']]), [[0, 0.5, 5, null], [1, 0.5, 5, null]]);
});

test('columns of a fidelity row are those of the schema, in its order', () => {
  const schema = readFileSync(new URL('../../data/schema.sql', import.meta.url), 'utf8');
  const columns = (table: string): string[] => [...schema.split(`CREATE TABLE ${table} (`)[1]!.split('\n);')[0]!.replace(/--.*$/gm, '').matchAll(/(?:^|,)\s*"?([a-z_0-9]+)"?\s+[A-Z]/gm)].map((match) => match[1]!);
  const bytes = whole.output('score:tiny/nf4/noise', 'scores');
  for (const [table, row] of [
    ['windows', windowRows('c', bytes).next().value], ['token_scores', tokenScoreRows('c', bytes).next().value],
    ['sampling_windows', samplingWindowRows('c', whole.output('score:tiny/nf4/noise/T1/k0', 'scores')).next().value],
  ] as const) assert.equal(Object.keys(row as object), columns(table).filter((column) => !ADDED.includes(`${table}.${column}`)), table);
});

/** Columns that the tables have from the same bytes, made where tables are (test/study/stages.test.ts holds the whole row). */
const ADDED = ['token_scores.bytes', 'sampling_windows.base_quality'];

test('a judge that cuts the text differently fails the cells that need it, and no others', async () => {
  const task = await scored(sweep(), { judgeTokens: json({ ids: ids.slice(1), bytes: ids }) });
  assert.equal([...task.committed.keys()].sort(), ['score:tiny/fp32/noise', 'score:tiny/int8/noise', 'score:tiny/nf4/noise']);
  assert.is(task.failed.get('score:tiny/nf4/noise/T1/k0')!.code, 'bad-input');
});

test('a text that is too short says how many tokens are needed', async () => {
  const task = await scored(sweep({ windows: 50 }));
  assert.is(task.committed.size, 0);
  assert.match(task.failed.get('score:tiny/nf4/noise')!.sentence, 'the text has 153 tokens; 50 windows of 72 need 3600');
});

test('a top_k beyond the vocabulary fails its own cell only', async () => {
  const cells = sweep({ temperatures: [1] });
  const beyond = cells.map((each) => each.params['topK'] === 5 && each.params['format'] === 'nf4' ? { ...each, params: { ...each.params, topK: VOCABULARY + 1 } } : each);
  const task = await scored(beyond);
  assert.equal([...task.failed.keys()], ['score:tiny/nf4/noise/T1/k5']);
  assert.is(task.committed.size, cells.length - 1);
});

test('the model as its own judge is loaded once and rates itself', async () => {
  const task = await scored(sweep({ temperatures: [1] }), { judgeConfig: model.config, judgeWeights: model.weights });
  const { baseEntropy, baseQuality } = readJson<SamplingScores>(task.output('score:tiny/fp32/noise/T1/k0', 'scores'));
  for (const window of [0, 1]) assert.ok(Math.abs(baseEntropy![window]! - baseQuality![window]!) < 1e-9);
});

test.run();
