/** Cells of peers, with a fake in the place of Python: what they commit, and that whatever is wrong with a peer is its cells' failure and nobody else's. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaTables } from '../../../reports/tables.ts';
import { readStudy } from '../../../stages/quantization/config.ts';
import { agreementOf, textsAgreementOf } from '../../../stages/quantization/peer-agreement.ts';
import { peerSampling } from '../../../stages/quantization/peer-generate.ts';
import type { PeerWritten } from '../../../stages/quantization/peer-generate.ts';
import { peerLimits } from '../../../stages/quantization/peer-host.ts';
import { ratio } from '../../../stages/quantization/peer-ratios.ts';
import type { PeerAbout } from '../../../stages/quantization/peer-score.ts';
import type { PeerSamples } from '../../../stages/quantization/peer-speed.ts';
import type { SpeedSample } from '../../../stages/quantization/speed.ts';
import { firstDifference } from '../../../stages/quantization/statistics/first-difference.ts';
import type { Row } from '../../../stages/quantization/table-rows.ts';
import type { WrittenText } from '../../../stages/quantization/task-values.ts';
import { readFidelity } from '../../../stages/quantization/score-output.ts';
import type { FidelityScores } from '../../../stages/quantization/score-output.ts';
import { studyPeers } from '../../../stages/quantization/study-peers.ts';
import { study } from '../../../stages/quantization/study.ts';
import { root, runCells } from '../in-process.ts';
import type { Finished } from '../in-process.ts';
import { withPython } from './fake-python.ts';

const quick = await readStudy(root, { quick: true });
const config = {
  ...quick, formats: ['fp16', 'nf4'], texts: quick.texts.slice(0, 2), windowsPerText: 1, windowTokens: 40, temperatures: [0], prompts: quick.prompts.slice(0, 1), generate: { temperatures: [0], topKs: [0] }, maxNewTokens: [4],
  speed: { engines: ['auto'], blocks: 2, seconds: 0.001, warmUpTokens: 2, promptTokens: 16, seed: 7 },
  peers: [{ name: 'transformers', device: 'cpu', compute: 'fp32' }],
};
const NAMED = [['fp32', 'garden'], ['fp32', 'hound'], ['fp16', 'garden'], ['fp16', 'hound'], ['nf4', 'garden'], ['nf4', 'hound']].map(([format, text]) => `peer-score:novel-1m/transformers/${format}/${text}`);

/** The study composed and its cells of peers run, with an interpreter that behaves in this way. */
async function ran(mode: string | undefined, wanted: RegExp, seconds?: number, of: typeof config = config): Promise<{ readonly done: Finished; readonly facts: object; readonly ids: string[] }> {
  return withPython(mode, async () => {
    const { cells } = study(of, undefined, [], await studyPeers(of));
    const ids = cells.map(({ id }) => id);
    return { done: await runCells(cells, ids.filter((id) => wanted.test(id))), facts: cells.find(({ id }) => id === NAMED[0])!.facts!, ids };
  }, seconds);
}

const SCORED = /^(peer-score|peer-summary|peer-tables:(peers|peer_metrics)$|score:novel-1m\/fp16\/garden$|tokenize)/;

test('a study that names no peer has none of their cells, and their tables are empty', async () => {
  const { cells } = study({ ...config, peers: [] }, undefined, [], await studyPeers({ peers: [] }));
  const tables = ['peers', 'peer_metrics', 'peer_sweep_metrics', 'peer_texts', 'peer_ratios'].map((table) => `peer-tables:${table}`);
  assert.equal(cells.filter(({ id }) => id.startsWith('peer-')).map(({ id }) => id), tables);
  const done = await runCells(cells, tables);
  assert.is(tables.reduce((bytes, id) => bytes + done.bytes(id, 'rows').length, 0), 0);
  assert.not.ok(Object.values(cells.find(({ id }) => id === 'summarize:novel-1m/speed')!.inputs).some((input) => input.kind === 'gather'));
});

test('scores of a peer are against our base and our own format, its rows have the columns of the schema', async () => {
  const { done, facts } = await ran('good', SCORED);
  assert.equal([...done.failures].filter(([id]) => !id.startsWith('floor:')), []);
  assert.equal(Object.keys(facts).sort(), ['device', 'package bitsandbytes', 'package python', 'package torch', 'package transformers']);
  const read = (id: string, output: string): FidelityScores => readFidelity(new Uint8Array(done.bytes(id, output)));
  const scores = read(NAMED[4]!, 'scores'), own = read(NAMED[4]!, 'own'), base = read('score:novel-1m/fp16/garden', 'scores');
  assert.equal([...scores.nllBase], [...base.nllBase], 'the reference is our base');
  assert.equal([...scores.bytes], [...base.bytes]);
  // Its logits: 5 for the token after the last, 0 for 2,047 others.
  const lse = Math.log(2047 + Math.exp(5));
  const ids = done.json<{ ids: number[] }>('tokenize:novel-1m/garden', 'tokens').ids;
  scores.nll.forEach((nll, i) => assert.ok(Math.abs(nll - (lse - (ids[i + 1] === (ids[i]! + 1) % 2048 ? 5 : 0))) < 1e-6, `position ${i}`));
  assert.not.equal([...own.nllBase], [...scores.nllBase], 'our nf4 is not our base');
  assert.equal([...own.nll], [...scores.nll]);
  assert.equal(done.bytes(NAMED[0]!, 'own'), done.bytes(NAMED[0]!, 'scores'), 'fp32 of a checkpoint in fp16 is the base');
  const about = done.json<PeerAbout>(NAMED[4]!, 'about');
  assert.equal([about.peer, about.format, about.computes.weights, about.codes], ['transformers', 'nf4', 'nf4', { compared: 0, equal: 0 }]);
  assert.match(about.identity.device, /^cpu: .*; torch: fake$/);

  const schema = schemaTables(readFileSync(join(root, 'data/schema.sql'), 'utf8'));
  for (const table of ['peers', 'peer_metrics']) {
    const rows = done.bytes(`peer-tables:${table}`, 'rows').toString().trimEnd().split('\n').map((line) => JSON.parse(line) as object);
    for (const row of rows) assert.equal(Object.keys(row), schema.get(table)!.map(({ name }) => name), table);
    if (table === 'peers') assert.is(rows.length, 3, 'one a format, not one a text');
  }
});

test('a peer writes on after the very tokens of our prompts: held against ours where it is greedy, counted and rated where it drew', async () => {
  const sampled = { ...config, generate: { temperatures: [0, 0.7], topKs: [0, 40] }, seeds: [1, 2], prompts: quick.prompts.slice(0, 2) };
  const { done } = await ran('good', /^(peer-generate|peer-tables|generate:novel-1m\/(fp16|nf4)\/greedy)/, undefined, sampled);
  assert.equal([...done.failures], []);
  const path = 'peer-generate:novel-1m/transformers/nf4';
  const [greedy, drawn, again, fp16] = ['nf4/greedy', 'nf4/T0.7/k40/s1', 'nf4/T0.7/k40/s2', 'fp16/T0.7/k40/s1'].map((own) => done.json<PeerWritten>(`peer-generate:novel-1m/transformers/${own}`, 'written')) as [PeerWritten, PeerWritten, PeerWritten, PeerWritten];
  const ours = done.json<WrittenText[]>('generate:novel-1m/nf4/greedy', 'texts');
  assert.equal(greedy.texts.map(({ promptIds }) => promptIds), ours.map(({ promptIds }) => promptIds));
  for (const { promptIds, ids } of greedy.texts) assert.equal(ids, [1, 2, 3, 4].map((step) => (promptIds.at(-1)! + step) % 2048));
  assert.equal(drawn.texts, fp16.texts, 'formats draw with the same numbers');
  assert.not.equal(drawn.texts.map(({ ids }) => ids), again.texts.map(({ ids }) => ids), 'seeds with others');
  const seeds = ours.map(({ promptIds }) => peerSampling({ temperature: 0.7, topK: 40, seed: 1 }, promptIds)!.seed);
  assert.not.equal(seeds[0], seeds[1], 'prompts likewise');
  drawn.texts.forEach(({ promptIds, ids }, i) => assert.is(ids[0], (promptIds.at(-1)! + 1 + seeds[i]! % 7) % 2048));
  assert.ok(drawn.judged.every(({ nll }) => nll.length === 4 && nll.every((one) => one > 0)), 'the judge rates them');

  const rows = (table: string): Row[] => done.bytes(`peer-tables:${table}`, 'rows').toString().trimEnd().split('\n').map((line) => JSON.parse(line) as Row);
  const schema = schemaTables(readFileSync(join(root, 'data/schema.sql'), 'utf8'));
  for (const table of ['peer_sweep_metrics', 'peer_texts', 'peer_ratios']) for (const row of rows(table)) assert.equal(Object.keys(row), schema.get(table)!.map(({ name }) => name), table);
  const of = (quantity: string, format: string, temperature: number): unknown[] => rows('peer_sweep_metrics').filter((row) => row['quantity'] === quantity && row['format'] === format && row['temperature'] === temperature && row['top_k'] === 0).map(({ value, n }) => [value, n]);
  assert.equal(of('new_tokens', 'nf4', 0.7), [[4, 4]], 'two prompts, two seeds');
  assert.equal(of('distinct_2', 'nf4', 0), [[1, 2]]);
  const parts = greedy.texts.map(({ ids }, i) => firstDifference(ours[i]!.ids, ids));
  assert.equal(of('tokens_until_difference_from_ours', 'nf4', 0), [[(parts[0]! + parts[1]!) / 2, 2]]);
  assert.equal(of('same_as_ours', 'nf4', 0), [[0, 2]]);
  assert.equal([of('same_as_base', 'fp32', 0), of('same_as_ours', 'fp32', 0)], [[[0, 2]], [[0, 2]]]);
  assert.equal(of('same_as_ours', 'nf4', 0.7), [], 'what was drawn is not held against ours');
  assert.equal(rows('peer_texts').filter((row) => row['format'] === 'nf4' && row['temperature'] === 0).map((row) => [row['ours'], row['first_difference']]), parts.map((part) => ['nf4', part]));
  assert.equal([...new Set(rows('peer_texts').filter((row) => row['format'] === 'fp32').map((row) => row['ours']))], ['fp16', null]);
  assert.is(done.computedBy.get(`${path}/greedy`)!['engine'], 'transformers');
});

test('of a study that writes much a peer writes a stated part: greedy, and the first seeds', async () => {
  const much = { ...config, generate: { temperatures: [0, 0.5, 1], topKs: [0] }, seeds: [1, 2, 3], prompts: quick.prompts.slice(0, 2), maxNewTokens: [900] };
  const { cells } = await withPython('good', async () => study(much, undefined, [], await studyPeers(much)));
  assert.equal(cells.map(({ id }) => id).filter((id) => id.startsWith('peer-generate:novel-1m/transformers/nf4/')).map((id) => id.split('nf4/')[1]), ['greedy', 'T0.5/k0/s1', 'T1/k0/s1']);
});

test('two writings agree when most of their tokens stand before the first that differs', () => {
  assert.ok(textsAgreementOf([[1, 2], [3, 4]], [[1, 2], [9, 9]]).within);
  assert.not.ok(textsAgreementOf([[1, 2], [3, 4]], [[1, 5], [9, 9]]).within);
  assert.not.ok(textsAgreementOf([[1, 2]], []).within);
});

test('a peer that writes no texts fails at that, and its scores stand', async () => {
  const { done } = await ran('no-texts', /^(peer-generate|peer-score|peer-tables)/);
  assert.match(done.failures.get('peer-generate:novel-1m/transformers/nf4/greedy')?.sentence ?? '', /says: ValueError: no texts/);
  assert.is(done.bytes('peer-tables:peer_sweep_metrics', 'rows').length, 0);
  assert.ok(done.bytes('peer-tables:peers', 'rows').length > 0);
});

test('a peer is timed in the same blocks, by its own clock, and ours with it', async () => {
  const { done } = await ran('good', /^(peer-speed|peer-tables:peer_ratios)/);
  const timed = done.json<PeerSamples>('peer-speed:novel-1m/transformers', 'samples');
  assert.is(timed.samples.length, 2 * 4 * 2, 'two blocks of three formats and the base again, two phases each');
  assert.equal([...new Set(timed.samples.filter(({ phase }) => phase === 'decode').map(({ tokens, durationMs }) => `${tokens} in ${durationMs}`))], ['64 in 4']);
  assert.equal(timed.samples.filter(({ pair }) => pair === 'A2').map(({ format }) => format), ['fp16', 'fp16', 'fp16', 'fp16']);
  assert.match(timed.engine.peer.device, /^cpu: /);
  assert.is(timed.memory['nf4']!.weights, 4040);
  assert.equal(timed.ours.samples.filter(({ phase }) => phase === 'decode').map(({ format, block }) => `${block} ${format}`).sort(), ['0 fp16', '0 nf4', '1 fp16', '1 nf4'], 'fp32 of a checkpoint in fp16 is timed as that');
  assert.equal([0, 1].map((block) => [...timed.samples, ...timed.ours.samples].filter((one) => one.block === block && one.phase === 'decode').map(({ place }) => place).sort()), [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]], 'one order for both');
  const ratios = done.bytes('peer-tables:peer_ratios', 'rows').toString().trimEnd().split('\n').map((line) => JSON.parse(line) as Row);
  assert.equal(ratios.map(({ quantity, format, ours, n }) => `${quantity} ${format} ${ours} ${n}`), ['fp32 fp16', 'fp16 fp16', 'nf4 nf4'].flatMap((pair) => ['decode', 'prefill'].map((phase) => `${phase}_ratio_to_peer ${pair} 2`)));
  const rate = ({ tokens, durationMs }: SpeedSample): number => tokens / durationMs;
  const each = [0, 1].map((block) => rate(timed.ours.samples.find((one) => one.block === block && one.format === 'nf4' && one.phase === 'decode')!) / 16);
  const stated = ratios.find(({ quantity, format }) => quantity === 'decode_ratio_to_peer' && format === 'nf4')!;
  assert.ok(Math.abs(Number(stated['value']) / Math.sqrt(each[0]! * each[1]!) - 1) < 1e-9, 'the median of two logarithms');
  assert.is(stated['low'], null, 'two blocks give no interval');
});

test('a ratio is that of neighbours: what slows both down in a block leaves it as it is', () => {
  const sample = (format: string, block: number, durationMs: number): SpeedSample => ({ format, phase: 'decode', pair: 'A', block, place: 0, tokens: 10, durationMs, stepsMs: [] });
  const slow = [1, 3, 2, 9, 1, 4, 2, 6, 1];
  const found = ratio({ samples: slow.map((by, block) => sample('Q4_0', block, 20 * by)), ours: { engine: { name: 'native', build: 'x' }, samples: slow.map((by, block) => sample('nf4', block, 10 * by * (block === 0 ? 1.25 : 1))) } }, 'decode', { format: 'Q4_0', ours: 'nf4' });
  assert.equal(found.map(({ n }) => n), [9]);
  assert.ok(Math.abs(found[0]!.value - 2) < 1e-9 && Math.abs(found[0]!.low! - 2) < 1e-9 && Math.abs(found[0]!.high! - 2) < 1e-9, JSON.stringify(found));
  assert.equal(ratio({ samples: [], ours: { engine: { name: 'native', build: 'x' }, samples: [] } }, 'decode', { format: 'Q4_0', ours: 'nf4' }), []);
});

test('a peer that is not installed, too old or broken: its cells say so with what to do, the rest is unharmed', async () => {
  for (const [mode, sentence] of [[undefined, /cannot run: transformers with bitsandbytes is not installed/], ['no-packages', /its Python has no torch/], ['old', /its transformers is 4\.20\.1; 4\.56 or newer is needed/], ['broken-python', /its Python does not run/], ['exits', /ended with exit code 7/]] as const) {
    const { done, facts } = await ran(mode, SCORED);
    for (const id of NAMED) assert.match(done.failures.get(id)?.sentence ?? '', sentence);
    assert.match(done.failures.get(NAMED[0]!)?.hint ?? '', /bitwidth peers install transformers|doctor/);
    assert.equal([...done.failures.keys()].filter((id) => !id.startsWith('peer-') && !id.startsWith('floor:')), []);
    assert.is(done.bytes('peer-tables:peers', 'rows').length, 0);
    assert.equal(done.json('peer-summary:novel-1m/transformers/nf4', 'metrics'), []);
    assert.ok(done.bytes('score:novel-1m/fp16/garden', 'scores').length > 0);
    if (mode !== 'exits') assert.equal(facts, { installed: 'no' }, 'so that one that was installed is run');
  }
});

test('a peer that hangs or dies again and again is not started for ever', async () => {
  const startedAt = performance.now();
  for (const [mode, code] of [['hangs-loading', 'timed-out'], ['mortal', 'crashed']] as const) {
    const { done } = await ran(mode, /^peer-score/, 0.7);
    assert.equal(NAMED.map((id) => done.failures.get(id)?.code), NAMED.map(() => code));
  }
  assert.ok(performance.now() - startedAt < 60_000);
});

test('a peer that cannot load one format gives the others', async () => {
  const { done } = await ran('no-nf4', /^peer-score/);
  assert.equal(NAMED.map((id) => done.failures.get(id)?.sentence), [undefined, undefined, undefined, undefined, ...['garden', 'hound'].map(() => 'the peer transformers says: KeyError: nf4')]);
});

test('two scorings agree when -log p hardly moved; limits come from the environment', () => {
  assert.ok(agreementOf(Float64Array.of(1, 2), Float64Array.of(1.0001, 2)).within);
  assert.not.ok(agreementOf(Float64Array.of(1, 2), Float64Array.of(1.1, 2)).within);
  assert.not.ok(agreementOf(Float64Array.of(1), Float64Array.of(1, 2)).within);
  assert.equal(peerLimits({ BITWIDTH_PEER_SECONDS: '2', BITWIDTH_PEER_MEMORY_GB: '3' }), { memoryBytes: 3e9, loadMs: 2000, answerMs: 2000 });
  assert.is(peerLimits({ BITWIDTH_PEER_SECONDS: 'never' }).answerMs, 900_000);
});

test.run();
