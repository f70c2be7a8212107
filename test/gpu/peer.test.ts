/** The peer gpu: sweeps of the study on a GPU by this project's own kernels, on whatever adapter there is. What it scores, writes and is timed at is held against the exact engines. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gpuHere, openEngine } from '../../kernels/engines.ts';
import { openCheckpoint, writeSafetensors } from '../../kernels/index.ts';
import type { StoredTensor } from '../../kernels/index.ts';
import { readStudy } from '../../stages/quantization/config.ts';
import type { PeerWritten } from '../../stages/quantization/peer-generate.ts';
import type { PeerAbout } from '../../stages/quantization/peer-score.ts';
import type { PeerSamples } from '../../stages/quantization/peer-speed.ts';
import type { StudyPeer } from '../../stages/quantization/peered-model.ts';
import { gpu } from '../../stages/quantization/peers/gpu.ts';
import { transformers } from '../../stages/quantization/peers/transformers.ts';
import { readFidelity } from '../../stages/quantization/score-output.ts';
import { studyPeers, timedGpus } from '../../stages/quantization/study-peers.ts';
import { study } from '../../stages/quantization/study.ts';
import type { Row } from '../../stages/quantization/table-rows.ts';
import type { WrittenText } from '../../stages/quantization/task-values.ts';
import { notRun } from '../not-run.ts';
import { root, runCells } from '../study/in-process.ts';

const COMPUTE = 'webgpu';
const quick = await readStudy(root, { quick: true });
const config = {
  ...quick, formats: ['fp32', 'nf4-dq'], texts: quick.texts.slice(0, 1), windowsPerText: 1, windowTokens: 40, temperatures: [0], prompts: quick.prompts.slice(0, 2), generate: { temperatures: [0, 0.7], topKs: [0] }, seeds: [1, 2],
  maxNewTokens: [4], speed: { engines: ['auto'], blocks: 1, seconds: 0.001, warmUpTokens: 1, promptTokens: 8, seed: 7 }, peers: [{ name: 'gpu', device: 'gpu', compute: COMPUTE }],
};
const AT = 'novel-1m/gpu';

test('without an adapter its cells are declared, and say why they were not run', async () => {
  const { cells } = study(config, undefined, [], [{ peer: { ...gpu, find: async () => ({ missing: 'there is none', hint: 'buy one' }) }, settings: { device: 'gpu', compute: COMPUTE }, found: { missing: 'there is none' } }]);
  const scored = cells.find(({ id }) => id === `peer-score:${AT}/nf4-dq/${config.texts[0]!.name}`)!;
  assert.equal([scored.facts, scored.gpus, scored.stage.optional], [{ installed: 'no' }, 1, true]);
  assert.ok(scored.uses!.includes('kernels/engines/webgpu.ts') && scored.uses!.includes('stages/quantization/peers/gpu.ts'));
  const written = cells.find(({ id }) => id === `peer-generate:${AT}/nf4-dq/T0.7/k0/s2`)!;
  assert.equal(written.inputs['artifact'], { kind: 'output', cell: 'quantize:novel-1m/nf4-dq', output: 'artifact' });
  const compared = cells.find(({ id }) => id === `peer-text-summary:${AT}/nf4-dq/T0.7/k0`)!.inputs['ours'];
  assert.equal(compared?.kind === 'gather' && compared.of.map(({ cell }) => cell), [1, 2].map((seed) => `generate:novel-1m/nf4-dq/T0.7/k0/s${seed}`));
});

test('on several GPUs each format has one, whatever else the study names; all timings are taken on the first; a key names the one that computes', () => {
  const identity = (device: string) => ({ packages: { dawn: '0' }, device, settings: {} });
  const cards = ['A', 'B'].map((card) => ({ card, identity: identity(`gpu: ${card}`) }));
  const of = (formats: readonly string[], peer: StudyPeer) => study({ ...config, formats: [...formats] }, undefined, [], [peer]).cells.filter(({ id }) => /^peer-(score|generate|speed):/.test(id));
  const own: StudyPeer = { peer: gpu, settings: { device: 'gpu', compute: COMPUTE }, found: identity('gpu: A'), cards };
  const cells = of(['fp32', 'nf4-dq'], own);
  const placed = new Map(cells.map(({ id, gpu: on, gpus, facts }) => {
    assert.equal([on!.environment, gpus, facts!['device']], [{ BITWIDTH_GPU: on!.name }, 1, `gpu: ${on!.name}`]);
    return [id, on!.name];
  }));
  const text = config.texts[0]!.name;
  assert.equal(['fp32', 'fp16', 'nf4-dq'].map((format) => placed.get(`peer-score:${AT}/${format}/${text}`)), ['A', 'B', 'B']);
  assert.equal(['fp32', 'fp16', 'nf4-dq'].map((format) => placed.get(`peer-generate:${AT}/${format}/greedy`)), ['A', 'B', 'B']);
  assert.is(placed.get(`peer-speed:${AT}`), 'A');
  for (const { id, gpu: on } of of(['fp32', 'bf16', 'nf4', 'nf4-dq'], own)) if (placed.has(id)) assert.is(on!.name, placed.get(id), `${id} stays where it was`);
  const other: StudyPeer = { peer: transformers, settings: { device: 'cuda', compute: 'fp32' }, found: identity('cuda: A') };
  assert.ok(of(['fp32'], other).every(({ gpu: on, gpus, anyGpu }) => on === undefined && gpus === 1 && anyGpu === true), 'whom nobody can tell which to take');
  assert.ok(of(['fp32'], { ...other, settings: { device: 'cpu', compute: 'fp32' } }).every(({ gpus, anyGpu }) => gpus === 0 && anyGpu === undefined));
});

test('timings of engines on a GPU are those of an adapter and its driver, all on the first; a study without such engines looks for none', async () => {
  const identity = (device: string) => ({ packages: { dawn: '0' }, device, settings: {} });
  const found = (...cards: string[]): StudyPeer => ({ peer: gpu, settings: { device: 'gpu', compute: 'webgpu' }, found: cards[0] === undefined ? { missing: 'there is none' } : identity(cards[0]), cards: cards.map((card) => ({ card, identity: identity(card) })) });
  const timing = { ...config, peers: [], speed: { ...config.speed, engines: ['auto', 'fast', 'webgpu'] } };
  const of = (own: StudyPeer | undefined) => new Map(study(timing, undefined, [], [], own === undefined ? new Map() : new Map([['webgpu', own]])).cells.map((cell) => [cell.id, cell]));
  const [one, both, none, unasked] = [of(found('A')), of(found('B', 'A')), of(found()), of(undefined)];
  const timed = 'speed-other:novel-1m/webgpu';
  assert.equal([one, both, none].map((cells) => cells.get(timed)!.facts), [{ 'package dawn': '0', device: 'A' }, { 'package dawn': '0', device: 'B' }, { installed: 'no' }]);
  assert.equal([one, both].map((cells) => [cells.get(timed)!.gpus, cells.get(timed)!.gpu!.name]), [[1, 'A'], [1, 'B']]);
  for (const [id, cell] of unasked) if (id !== timed) assert.equal(both.get(id), cell, id);
  assert.is((await timedGpus({ speed: { ...config.speed, engines: ['auto', 'fast'] } })).size, 0);
});

const here = await gpuHere();
if (typeof here === 'string') notRun('the peer gpu', here);
else {
  test('a sweep on the GPU: what is scored and written is held against ours, drawn texts too', async () => {
    const { instance } = await openEngine(COMPUTE);
    instance.ops.dispose();
    const exact = instance.computes?.startsWith("fp32, the reference's bits") === true;
    const { cells } = study(config, undefined, [], await studyPeers(config));
    const done = await runCells(cells, cells.map(({ id }) => id).filter((id) => /^(peer-|generate:)/.test(id)));
    assert.equal([...done.failures], []);
    const text = config.texts[0]!.name;
    const { facts } = cells.find(({ id }) => id === `peer-score:${AT}/fp32/${text}`)!;
    assert.equal(Object.keys(facts!), ['package dawn', 'device']);
    assert.ok(facts!['device']!.endsWith(here.words));
    for (const format of ['fp32', 'fp16', 'nf4-dq']) {
      const { nll, nllBase } = readFidelity(new Uint8Array(done.bytes(`peer-score:${AT}/${format}/${text}`, 'own')));
      nll.forEach((value, i) => assert.ok(exact ? value === nllBase[i] : Math.abs(value - nllBase[i]!) < 1e-3, `${format}, position ${i}: ${value} there, ${nllBase[i]} here`));
    }
    const about = done.json<PeerAbout>(`peer-score:${AT}/nf4-dq/${text}`, 'about');
    assert.is(about.identity.settings['compute'], COMPUTE);
    assert.match(about.identity.settings['kernels']!, /^webgpu-[0-9a-f]{12}-/);
    assert.is(about.weights.linearBytes, about.weights.linearWeights * (0.5 + 4 / 64), 'codes, and scales as they are used');
    assert.match(done.json<PeerAbout>(`peer-score:${AT}/fp32/${text}`, 'about').computes.note!, /the weights are fp16, whose values fp32 holds as they are/);

    const rows = (table: string): Row[] => done.bytes(`peer-tables:${table}`, 'rows').toString().trimEnd().split('\n').map((line) => JSON.parse(line) as Row);
    for (const path of ['greedy', 'T0.7/k0/s1', 'T0.7/k0/s2']) {
      const theirs = done.json<PeerWritten>(`peer-generate:${AT}/nf4-dq/${path}`, 'written').texts, ours = done.json<WrittenText[]>(`generate:novel-1m/nf4-dq/${path}`, 'texts');
      if (exact) assert.equal(theirs, ours, path);
      else assert.equal(theirs.map(({ promptIds }) => promptIds), ours.map(({ promptIds }) => promptIds));
    }
    assert.not.equal(done.json<PeerWritten>(`peer-generate:${AT}/nf4-dq/T0.7/k0/s1`, 'written').texts, done.json<PeerWritten>(`peer-generate:${AT}/nf4-dq/T0.7/k0/s2`, 'written').texts);
    const same = rows('peer_sweep_metrics').filter(({ quantity, temperature }) => quantity === 'same_as_ours' && temperature === 0.7);
    assert.equal(same.map(({ format, n }) => [format, n]), [['fp32', 4], ['fp16', 4], ['nf4-dq', 4]], 'two prompts, two seeds');
    if (exact) assert.ok(same.every(({ value }) => value === 1));
    assert.ok(rows('peer_texts').every(({ ours }) => ours === 'nf4-dq' || ours === 'fp16'), 'every text is held against one of ours');

    const timed = done.json<PeerSamples>(`peer-speed:${AT}`, 'samples');
    assert.equal([...new Set(timed.samples.map(({ format }) => format))].sort(), ['fp16', 'fp32', 'nf4-dq']);
    assert.ok(timed.samples.every(({ durationMs, tokens }) => durationMs > 0 && tokens > 0) && timed.ours.samples.length > 0);
    for (const held of Object.values(timed.memory)) assert.ok(held.weights > 0 && held.kvCache > 0 && held.tables > 0 && held.workspace > 0, 'it is counted as our engines are');
    assert.is(done.computedBy.get(`peer-speed:${AT}`)!['engine'], 'gpu');
  });

  test('as many sequences at once as the device has room for', async () => {
    // Keys of a layer for 64 sequences of 1024 positions and 1024 numbers would take 256 MB in one piece, more than what is bound at once where 128 MB are allowed.
    const hidden = 64, keys = 1024, vocabulary = 64;
    const tensors: StoredTensor[] = [];
    const add = (name: string, ...shape: number[]): void => {
      const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => shape.length === 1 ? 1 : ((i * 7919) % 201 - 100) / 1000);
      tensors.push({ name, dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) });
    };
    add('model.embed_tokens.weight', vocabulary, hidden);
    const layer = 'model.layers.0';
    for (const name of ['input_layernorm', 'post_attention_layernorm']) add(`${layer}.${name}.weight`, hidden);
    for (const name of ['q_proj', 'k_proj', 'v_proj']) add(`${layer}.self_attn.${name}.weight`, keys, hidden);
    add(`${layer}.self_attn.o_proj.weight`, hidden, keys);
    for (const name of ['gate_proj', 'up_proj']) add(`${layer}.mlp.${name}.weight`, hidden, hidden);
    add(`${layer}.mlp.down_proj.weight`, hidden, hidden);
    add('model.norm.weight', hidden);
    const eos = Array.from({ length: vocabulary }, (_, token) => token);
    const config = { model_type: 'llama', num_hidden_layers: 1, hidden_size: hidden, num_attention_heads: 4, num_key_value_heads: 4, head_dim: 256, intermediate_size: 64, vocab_size: vocabulary, max_position_embeddings: 2048, tie_word_embeddings: true, rms_norm_eps: 1e-5, rope_theta: 10000, hidden_act: 'silu', torch_dtype: 'float32', eos_token_id: eos };
    const checkpoint = openCheckpoint({ config: new TextEncoder().encode(JSON.stringify(config)), weights: writeSafetensors(tensors) });
    const run = await gpu.start({
      device: 'gpu', compute: COMPUTE, files: { kind: 'safetensors', path: '/', checkpoint: async () => checkpoint }, threads: 1, scratch: '/', programs: {}, limits: { memoryBytes: 1e9, loadMs: 1e6, answerMs: 1e6 }, signal: new AbortController().signal,
    });
    const told: string[] = [];
    const { error } = console;
    try {
      console.error = (line: string) => { told.push(line); };
      const model = await run.load('fp32');
      const prompts = Array.from({ length: 5 }, (_, i) => Int32Array.of(i + 1));
      const alone = await model.generateAll!(prompts.map((prompt) => ({ prompt, newTokens: 1 })));
      // Every token ends a text, so that only the room is large.
      const many = await model.generateAll!(Array.from({ length: 64 }, (_, i) => ({ prompt: prompts[i % 5]!, newTokens: 1024 })));
      assert.equal(many.map((ids) => [...ids]), Array.from({ length: 64 }, (_, i) => [...alone[i % 5]!]));
    } finally {
      console.error = error;
      await run.close();
    }
    const { limits } = here;
    if (64 * 1024 * keys * 4 > limits.maxStorageBufferBindingSize) assert.match(told[0]!, /^the GPU has no room for 64 sequences at once; 32 are tried$/);
  });
}

test.run();
