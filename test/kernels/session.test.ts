import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { architectureOf, formatNamed, ModelConfigError, openCheckpoint, openEngine, openSession, quantizeModel, readArtifact, scoreWindow, writeSafetensors } from '../../kernels/index.ts';
import type { Draws, Rows } from '../../kernels/index.ts';
import { firstDifference } from '../../kernels/selftest.ts';
import { referenceStatistics } from '../../kernels/statistics/reference.ts';
import { referenceInstance, sessionOf, someTokens, tinyCheckpoint } from './test-models.ts';

const checkpoint = tinyCheckpoint('llama');
const rows = (...list: [slot: number, position: number, token: number][]) => ({
  slot: Int32Array.from(list, ([slot]) => slot), position: Int32Array.from(list, ([, position]) => position), token: Int32Array.from(list, ([, , token]) => token),
});
const rejects = (promise: Promise<unknown>, message: RegExp) => promise.then(() => assert.unreachable(), (error: Error) => assert.match(error.message, message));

test('what a session says of itself', () => {
  const session = sessionOf(checkpoint, 'nf4');
  assert.equal(session.shape, {
    layers: 2, hiddenSize: 64, heads: 4, kvHeads: 2, headDim: 16, feedForwardSize: 128, vocabulary: 128, contextTokens: 256, tiedEmbeddings: false,
  });
  const { statistics, ...engine } = session.engine;
  assert.equal([session.architecture, session.format, engine], ['llama', 'nf4', { name: 'reference', build: 'test', canonical: true }]);
  assert.is(statistics, referenceStatistics);
  session.dispose();
});

test('the reference counts its bytes exactly', async () => {
  const session = sessionOf(tinyCheckpoint('llama'), 'nf4');
  const linearWeights = 2 * (64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 64 * 128);
  const plainBytes = (2 * 128 * 64 + 5 * 64) * 4;
  session.reset(3, 10);
  await session.step(rows([0, 0, 1], [0, 1, 2]));
  assert.equal(session.memory(), {
    weights: plainBytes,
    decodedCopies: linearWeights * 4,
    tables: 2 * 256 * 8 * 4,
    kvCache: 2 * 2 * 3 * 10 * 2 * 16 * 4,
    // embed; per layer two norms, q, k, v, rotated q and k, attention, o, gate, up, gated, down; final norm, head
    workspace: 2 * 4 * (64 + 2 * (64 + 64 + 32 + 32 + 64 + 32 + 64 + 64 + 64 + 128 + 128 + 128 + 64) + 64 + 128),
  });
  session.dispose();
  const int8 = sessionOf(tinyCheckpoint('llama'), 'int8').memory();
  assert.equal([int8.weights, int8.decodedCopies], [plainBytes + linearWeights + 2 * 4 * (3 * 64 + 2 * 32 + 2 * 128), 0]);
});

test('rows are held to the contract', async () => {
  const session = sessionOf(checkpoint, 'fp32');
  await rejects(session.step(rows([0, 0, 1])), /reset\(slots, positions\) must come before/);
  for (const [slots, positions] of [[0, 5], [1, 0], [1, 257], [1.5, 5], [1, 2.5]] as const) assert.throws(() => session.reset(slots, positions), /slots|positions/);
  session.reset(2, 4);
  await rejects(session.step(rows([2, 0, 1])), /row 0: slot 2 is outside the 2 slots/);
  await rejects(session.step(rows([0, 0, 1], [0, 4, 1])), /row 1: position 4 is outside the 4 positions/);
  await rejects(session.step(rows([0, 0, 128])), /token 128 is outside the vocabulary of 128/);
  await rejects(session.step(rows([0, 0, 1], [1, 0, 1], [1, 2, 1])), /row 2: position 2 of slot 1, but only 1 tokens were fed/);
  const copied = (row: number, slot: number) => ({ ...rows([0, 0, 1], [0, 1, 1]), copies: { row: Int32Array.of(row), slot: Int32Array.of(slot) } });
  await rejects(session.step(copied(2, 1)), /a copy of row 2; the step has 2 rows/);
  await rejects(session.step(copied(0, 2)), /row 0: slot 2 of a copy is outside the 2 slots/);
  await rejects(session.step(copied(1, 1)), /row 1: position 1 of slot 1, but only 0 tokens were fed/);
  // A refused step counts nothing.
  await rejects(session.step(rows([0, 1, 1])), /only 0 tokens were fed/);
  session.dispose();
});

test('logits go where they are told to', async () => {
  const session = sessionOf(checkpoint, 'fp32');
  const tokens = someTokens(3, 128);
  const expected = await scoreWindow(session, tokens);
  session.reset(1, 3);
  const place = new Float32Array(4 * 128).fill(7);
  const all = rows([0, 0, tokens[0]!], [0, 1, tokens[1]!], [0, 2, tokens[2]!]);
  const given = await session.step(all, undefined, place.subarray(128));
  assert.is(given.buffer, place.buffer);
  assert.is(firstDifference(place.subarray(128), expected), undefined);
  assert.ok(place.subarray(0, 128).every((value) => value === 7));
  await rejects(session.step(all, Int32Array.of(1), place), /512 values cannot take an activation of 1 x 128/);
  session.dispose();
});

test('a slot can be rewound, and reset forgets', async () => {
  const session = sessionOf(checkpoint, 'fp32');
  const tokens = someTokens(6, 128);
  const expected = await scoreWindow(session, tokens);
  session.reset(1, 6);
  await session.step(rows([0, 0, tokens[0]!], [0, 1, 99], [0, 2, 98]));
  const again = await session.step(rows([0, 1, tokens[1]!], [0, 2, tokens[2]!]));
  assert.is(firstDifference(expected.subarray(128, 3 * 128), again), undefined);
  session.reset(1, 6);
  await rejects(session.step(rows([0, 3, 1])), /only 0 tokens/);
  session.dispose();
});

test('a step like the one before is told again, not recorded: whatever comes between, the bits are the reference\'s', async () => {
  const { instance } = await openEngine('wasm');
  let recorded = 0;
  const begin = instance.ops.begin.bind(instance.ops);
  instance.ops.begin = (of) => { recorded++; begin(of); };
  for (const format of ['fp32', 'nf4', 'int8']) {
    const expected = sessionOf(checkpoint, format), session = sessionOf(checkpoint, format, format === 'fp32' ? instance : (await openEngine('wasm')).instance);
    const step = async (list: readonly [slot: number, position: number, token: number][], wanted?: readonly number[], more: Partial<Rows> = {}): Promise<void> => {
      const [own, of] = [{ ...rows(...list), ...more }, wanted && Int32Array.from(wanted)];
      assert.is(firstDifference(await expected.step(own, of), await session.step(own, of)), undefined, JSON.stringify([format, list, wanted]));
    };
    const draw = async (list: readonly [slot: number, position: number, token: number][], seed: number): Promise<void> => {
      const each = list.length;
      const draws: Draws = { temperature: new Float32Array(each).fill(0.8), topK: new Int32Array(each).fill(20), promptKey: new Int32Array(each).fill(5), seed: new Int32Array(each).fill(seed), position: Int32Array.from(list, ([, position]) => position + 1) };
      assert.equal([...await session.draw(rows(...list), draws)], [...await expected.draw(rows(...list), draws)]);
    };
    for (const of of [expected, session]) of.reset(2, 8);
    await step([[0, 0, 3]]);
    await step([[0, 1, 4]]);
    await step([[1, 0, 5]]);
    await draw([[1, 1, 6]], 1);
    await draw([[1, 2, 7]], 2);
    await step([[0, 2, 8]]);
    await step([[0, 3, 9], [1, 3, 10]]);
    await step([[0, 4, 11], [1, 4, 12]], [1]);
    await step([[0, 5, 13], [1, 5, 14]], [0]);
    await step([[0, 5, 15], [1, 2, 16]], [0]);
    await rejects(session.step(rows([0, 6, 200])), /token 200 is outside the vocabulary/);
    await step([[0, 6, 17]]);
    for (const of of [expected, session]) of.reset(3, 8);
    await step([[0, 0, 18]], undefined, { copies: { row: Int32Array.of(0), slot: Int32Array.of(2) } });
    await step([[2, 1, 19]]);
    await step([[0, 1, 20]]);
    for (const of of [expected, session]) of.dispose();
  }
  assert.is(recorded, 7, 'of 14 steps');
});

test('logits that are not finite name the op and the tensor that began it', async () => {
  const name = 'model.layers.1.mlp.up_proj.weight';
  const config = new TextEncoder().encode(JSON.stringify(checkpoint.config));
  const scaled = (factor: number) => openCheckpoint({
    config,
    weights: writeSafetensors(checkpoint.names.map((tensor) => {
      const { shape, values } = checkpoint.tensor(tensor);
      return { name: tensor, dtype: 'F32' as const, shape, bytes: new Uint8Array(values.map((v) => (tensor === name ? v * factor : v)).buffer) };
    })),
  });
  const tokens = someTokens(3, 128);
  const infinite = sessionOf(scaled(1e38), 'fp32');
  await rejects(scoreWindow(infinite, tokens), /^linear model\.layers\.1\.mlp\.up_proj\.weight has \d+ values? that are not finite$/);
  const beyondFp16 = sessionOf(scaled(2e4), 'int8');
  await rejects(scoreWindow(beyondFp16, tokens), /^linear model\.layers\.1\.mlp\.down_proj\.weight: int8: a row of activations rounded to fp16 has \d+ values? that are not finite$/);
});

test('format and artifact must fit', () => {
  const open = (format: string, artifact?: ReturnType<typeof readArtifact>) => openSession({ checkpoint, format, engine: referenceInstance(), ...(artifact && { artifact }) });
  const artifact = readArtifact(quantizeModel(checkpoint, architectureOf(checkpoint).linearNames, formatNamed('nf4')).bytes);
  assert.throws(() => open('nf4'), /format nf4 needs an artifact: the checkpoint itself is fp32/);
  assert.throws(() => open('fp4', artifact), /model.layers.0.self_attn.q_proj.weight is nf4 in the artifact; this session is fp4/);
  const lacking = new Map(artifact);
  lacking.delete('model.layers.1.mlp.up_proj.weight');
  assert.throws(() => open('nf4', lacking), /the artifact lacks model.layers.1.mlp.up_proj.weight/);
  const extra = new Map(artifact).set('lm_head.weight', [...artifact.values()][0]!);
  assert.throws(() => open('nf4', extra), /lm_head.weight, which is not a linear layer/);
  const swapped = new Map(artifact).set('model.layers.0.self_attn.q_proj.weight', artifact.get('model.layers.0.self_attn.k_proj.weight')!);
  assert.throws(() => open('nf4', swapped), /q_proj.weight has shape \[32, 64\]; the config asks for \[64, 64\]/);
});

const weights = writeSafetensors([]);
const withConfig = (change: object) => {
  const config = { model_type: 'llama', hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 128, vocab_size: 128, max_position_embeddings: 256, ...change };
  return architectureOf({ architecture: String(config.model_type), config });
};

test('config.json: defaults are those of transformers', () => {
  const { shape } = withConfig({});
  assert.equal([shape.kvHeads, shape.headDim, shape.tiedEmbeddings], [4, 16, false]);
});

test('config.json: what is not computed is refused, all of it at once', () => {
  assert.throws(() => withConfig({ model_type: 'mamba' }), /unknown model_type "mamba"; known are llama/);
  const refusals: [object, RegExp][] = [
    [{ rope_scaling: { rope_type: 'yarn', factor: 4 } }, /rope_type is "yarn"; supported: default, linear, llama3/],
    [{ rope_parameters: { rope_type: 'default', rope_theta: 0 } }, /rope_theta is 0/],
    [{ hidden_act: 'gelu' }, /hidden_act is "gelu"; supported: silu/],
    [{ num_key_value_heads: 3 }, /num_attention_heads 4 is not a multiple of num_key_value_heads 3/],
    [{ head_dim: 15 }, /head_dim is 15/],
    [{ hidden_size: 65 }, /head_dim is 16.25/],
    [{ num_hidden_layers: '2' }, /num_hidden_layers is "2"; it must be a whole number from 1 to 1024/],
    [{ vocab_size: 1e12 }, /vocab_size/],
    [{ attention_bias: 'no' }, /attention_bias is "no"; it must be true or false/],
    [{ rms_norm_eps: -1 }, /rms_norm_eps/],
    [{ rope_scaling: [1] }, /rope_scaling is \[1\]; it must be an object/],
    [{ max_position_embeddings: null }, /max_position_embeddings is missing/],
  ];
  for (const [change, message] of refusals) assert.throws(() => withConfig(change), message);
  try {
    withConfig({ hidden_act: 'relu', vocab_size: 0 });
    assert.unreachable();
  } catch (error) {
    assert.ok(error instanceof ModelConfigError);
    assert.is(error.problems.length, 2);
  }
});

test('contextTokens bounds the session', () => {
  const session = openSession({ checkpoint, format: 'fp32', engine: referenceInstance(), contextTokens: 10 });
  assert.throws(() => session.reset(1, 11), /11 positions; this session allows 1 to 10/);
  assert.is(session.memory().tables, 2 * 10 * 8 * 4);
  for (const contextTokens of [0, 257, 1.5]) assert.throws(() => openSession({ checkpoint, format: 'fp32', engine: referenceInstance(), contextTokens }), /contextTokens/);
});

test('a checkpoint that lacks a tensor is refused by name', () => {
  const config = new TextEncoder().encode(JSON.stringify(checkpoint.config));
  assert.throws(() => openSession({ checkpoint: openCheckpoint({ config, weights }), format: 'fp32', engine: referenceInstance() }), /no weights/);
});

test.run();
