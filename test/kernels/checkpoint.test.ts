import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCheckpoint, type Checkpoint } from '../../kernels/checkpoint.ts';
import { formatNamed } from '../../kernels/formats.ts';
import { toBf16, toFp16 } from '../../kernels/half.ts';
import { NotFinite } from '../../kernels/ops.ts';
import { readSafetensors, writeSafetensors, type Dtype, type StoredTensor } from '../../kernels/safetensors.ts';

const read = (path: string): Buffer => readFileSync(new URL(`../../${path}`, import.meta.url));
const open = (folder: string): Checkpoint => openCheckpoint({ config: read(`${folder}/config.json`), weights: read(`${folder}/model.safetensors`) });

const llama = Buffer.from('{"model_type":"llama"}');
const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const stored = (name: string, dtype: Dtype, shape: number[], array: ArrayBufferView): StoredTensor => ({ name, dtype, shape, bytes: bytesOf(array) });
const VALUES = Float32Array.of(1, -0.5, 3.25, 0, 2, -8);

test('a bundled model: fp16, every tensor of its shape, stored and widened values agree', () => {
  const checkpoint = open('data/models/novel-1m');
  assert.is(checkpoint.architecture, 'llama');
  assert.is(checkpoint.baseFormat, 'fp16');
  assert.is(checkpoint.config['hidden_size'], 128);
  assert.equal(checkpoint.shape('model.embed_tokens.weight'), [2048, 128]);
  assert.is(checkpoint.has('lm_head.weight'), false);
  let parameters = 0;
  for (const name of checkpoint.names) {
    const { values, shape } = checkpoint.tensor(name);
    assert.is(values.length, shape.reduce((a, b) => a * b, 1));
    parameters += values.length;
    const encoded = checkpoint.stored(name);
    assert.is(encoded.format, 'fp16');
    assert.is(checkpoint.storedBytes(name), 2 * values.length);
    assert.equal(toFp16(values), encoded.parts['bits']);
  }
  assert.is(parameters, 1_049_728);
});

test('a checkpoint in fp32 is what the file has, without a copy', () => {
  const folder = 'test/fixtures/bitsandbytes/models/llama';
  const checkpoint = open(folder);
  assert.is(checkpoint.baseFormat, 'fp32');
  for (const [name, { bytes }] of readSafetensors(read(`${folder}/model.safetensors`)).tensors) {
    assert.ok(Buffer.from(bytesOf(checkpoint.tensor(name).values)).equals(bytes), name);
    assert.is(checkpoint.tensor(name).values.buffer, checkpoint.stored(name).parts['values']!.buffer);
  }
});

test('bf16 and mixed types: each tensor in its own, the base is what most weights have', () => {
  const weights = writeSafetensors([stored('w', 'BF16', [2, 3], toBf16(VALUES)), stored('norm', 'F32', [2], Float32Array.of(1, 0.1)), stored('mask', 'I64', [8], new Float64Array(8))]);
  const checkpoint = openCheckpoint({ config: llama, weights });
  assert.is(checkpoint.baseFormat, 'bf16');
  assert.equal(checkpoint.tensor('w'), { name: 'w', shape: [2, 3], values: VALUES });
  assert.is(checkpoint.stored('norm').format, 'fp32');
  assert.equal(formatNamed('bf16').decode(checkpoint.stored('w')), VALUES);
  assert.throws(() => checkpoint.tensor('mask'), /mask is stored as I64; weights may be F32, F16, BF16/);
});

test('shards are one checkpoint; a tensor in two of them is refused', () => {
  const shards = ['a', 'b'].map((name) => writeSafetensors([stored(name, 'F32', [6], VALUES)]));
  assert.equal(openCheckpoint({ config: llama, weights: shards }).names, ['a', 'b']);
  assert.throws(() => openCheckpoint({ config: llama, weights: [shards[0]!, shards[0]!] }), /file 2 of 2: tensor "a" is in an earlier file too/);
  assert.throws(() => openCheckpoint({ config: llama, weights: [] }), /at least one/);
  assert.throws(() => openCheckpoint({ config: llama, weights: [shards[0]!, new Uint8Array(3)] }), /file 2 of 2: 3 bytes/);
});

test('weights that are not finite are refused with the tensor, in each type', () => {
  for (const bad of [Infinity, -Infinity, NaN]) {
    const values = Float32Array.of(1, bad, 2, bad);
    for (const [dtype, array] of [['F32', values], ['F16', toFp16(values)], ['BF16', toBf16(values)]] as const) {
      const weights = writeSafetensors([stored('model.w', dtype, [4], array), stored('good', 'F32', [6], VALUES)]);
      const checkpoint = openCheckpoint({ config: llama, weights });
      for (const ask of [() => checkpoint.tensor('model.w'), () => checkpoint.stored('model.w'), () => checkpoint.stored('model.w')]) {
        assert.throws(ask, (error: Error) => error instanceof NotFinite && error.what === 'model.w' && error.message.includes(' 2 values'));
      }
      assert.equal(checkpoint.tensor('good').values, VALUES);
    }
  }
});

test('a name that is not there is answered with some that are', () => {
  const checkpoint = openCheckpoint({ config: llama, weights: writeSafetensors([stored('a', 'F32', [6], VALUES)]) });
  for (const name of ['b', '__proto__', 'toString']) assert.throws(() => checkpoint.tensor(name), /has no tensor ".*"; it has 1, for example a/);
});

test('a config that is wrong is refused with a sentence', () => {
  const weights = writeSafetensors([stored('a', 'F32', [6], VALUES)]);
  const refused: [Uint8Array, RegExp][] = [
    [Buffer.from('{}'), /config\.json: model_type is missing/],
    [Buffer.from('{"model_type":7}'), /model_type is missing/],
    [Buffer.from('[]'), /config\.json is not a JSON object/],
    [Buffer.from('{"model_type":'), /config\.json is not JSON/],
    [Buffer.from('{"model_type":"llama","model_type":"x"}'), /names "model_type" twice/],
    [Buffer.alloc(1_000_001, 0x20), /config\.json has 1000001 bytes; at most 1000000/],
  ];
  for (const [config, reason] of refused) assert.throws(() => openCheckpoint({ config, weights }), reason);
  assert.throws(() => openCheckpoint({ config: llama, weights: writeSafetensors([stored('a', 'I64', [1], new Float64Array(1))]) }), /no weights of type F32, F16 or BF16/);
});

test.run();
