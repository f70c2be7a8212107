/** Cells of peers, with a fake in the place of Python: what they commit, and that whatever is wrong with a peer is its cells' failure and nobody else's. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaTables } from '../../../reports/tables.ts';
import { readStudy } from '../../../stages/quantization/config.ts';
import { agreementOf } from '../../../stages/quantization/peer-agreement.ts';
import { peerLimits } from '../../../stages/quantization/peer-host.ts';
import type { PeerAbout } from '../../../stages/quantization/peer-score.ts';
import type { PeerSamples } from '../../../stages/quantization/peer-speed.ts';
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
async function ran(mode: string | undefined, wanted: RegExp, seconds?: number): Promise<{ readonly done: Finished; readonly facts: object; readonly ids: string[] }> {
  return withPython(mode, async () => {
    const { cells } = study(config, undefined, [], await studyPeers(config));
    const ids = cells.map(({ id }) => id);
    return { done: await runCells(cells, ids.filter((id) => wanted.test(id))), facts: cells.find(({ id }) => id === NAMED[0])!.facts!, ids };
  }, seconds);
}

const SCORED = /^(peer-score|peer-summary|peer-tables|score:novel-1m\/fp16\/garden$|tokenize)/;

test('a study that names no peer has none of their cells, and their tables are empty', async () => {
  const { cells } = study({ ...config, peers: [] }, undefined, [], await studyPeers({ peers: [] }));
  assert.equal(cells.filter(({ id }) => id.startsWith('peer-')).map(({ id }) => id), ['peer-tables:peers', 'peer-tables:peer_metrics']);
  const done = await runCells(cells, ['peer-tables:peers', 'peer-tables:peer_metrics']);
  assert.is(done.bytes('peer-tables:peers', 'rows').length + done.bytes('peer-tables:peer_metrics', 'rows').length, 0);
  assert.not.ok(Object.values(cells.find(({ id }) => id === 'summarize:novel-1m/speed')!.inputs).some((input) => input.kind === 'gather'));
});

test('scores of a peer are against our base and our own format, its rows have the columns of the schema', async () => {
  const { done, facts } = await ran('good', SCORED);
  assert.equal([...done.failures.keys()].filter((id) => !id.startsWith('floor:')), []);
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

test('a peer is timed in the same blocks, by its own clock', async () => {
  const { done } = await ran('good', /^peer-speed/);
  const timed = done.json<PeerSamples>('peer-speed:novel-1m/transformers', 'samples');
  assert.is(timed.samples.length, 2 * 4 * 2, 'two blocks of three formats and the base again, two phases each');
  assert.equal([...new Set(timed.samples.filter(({ phase }) => phase === 'decode').map(({ tokens, durationMs }) => `${tokens} in ${durationMs}`))], ['64 in 4']);
  assert.equal(timed.samples.filter(({ pair }) => pair === 'A2').map(({ format }) => format), ['fp16', 'fp16', 'fp16', 'fp16']);
  assert.match(timed.engine.peer.device, /^cpu: /);
  assert.is(timed.memory['nf4']!.weights, 4040);
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
