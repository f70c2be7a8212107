/** One model in three forms (safetensors, the same in shards, GGUF) is one model: its artifacts, tokens and scores are the same bytes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint, readSafetensors, writeSafetensors } from '../../kernels/index.ts';
import { readStudy } from '../../stages/quantization/config.ts';
import type { StudyModel } from '../../stages/quantization/config.ts';
import type { QuantizeReport } from '../../stages/quantization/quantize.ts';
import { study } from '../../stages/quantization/study.ts';
import type { TokenizedText } from '../../stages/quantization/task-values.ts';
import { ggufOf } from '../kernels/write-gguf.ts';
import type { GgufValue, TensorToWrite } from '../kernels/write-gguf.ts';
import { root, runCells } from './in-process.ts';
import type { Finished } from './in-process.ts';

const file = (name: string): Buffer => readFileSync(join(root, 'data/models/novel-1m', name));
const original = openCheckpoint({ config: file('config.json'), weights: file('model.safetensors') });
const tokenizer = JSON.parse(file('tokenizer.json').toString()) as { readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly [string, string][] }; readonly added_tokens: readonly { readonly id: number; readonly content: string }[] };

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^model\.embed_tokens/, 'token_embd'], [/^model\.norm/, 'output_norm'], [/^lm_head/, 'output'], [/^model\.layers\.(\d+)\./, 'blk.$1.'],
  [/input_layernorm/, 'attn_norm'], [/post_attention_layernorm/, 'ffn_norm'], [/self_attn\.([qkv])_proj/, 'attn_$1'], [/self_attn\.o_proj/, 'attn_output'], [/mlp\.(gate|up|down)_proj/, 'ffn_$1'],
];

/** As llama.cpp's converter writes it; `quantized`: the feed-forward layers in Q8_0, by the crudest of encoders. */
function novelGguf(quantized: boolean): Uint8Array {
  const { config } = original;
  const number = (key: string): number => config[key] as number;
  const heads = number('num_attention_heads');
  const headDim = number('hidden_size') / heads;
  const real = (value: number): GgufValue => ({ type: 6, bytes: new Uint8Array(Float32Array.of(value).buffer) });
  const rope = (config['rope_parameters'] as { rope_theta: number } | undefined)?.rope_theta ?? number('rope_theta');
  const tokens = Object.entries(tokenizer.model.vocab).sort(([, a], [, b]) => a - b).map(([token]) => token);
  const metadata: (readonly [string, GgufValue])[] = [
    ['general.architecture', 'llama'], ['llama.context_length', number('max_position_embeddings')], ['llama.embedding_length', number('hidden_size')], ['llama.block_count', number('num_hidden_layers')],
    ['llama.feed_forward_length', number('intermediate_size')], ['llama.attention.head_count', heads], ['llama.attention.head_count_kv', number('num_key_value_heads')],
    ['llama.rope.freq_base', real(rope)], ['llama.attention.layer_norm_rms_epsilon', real(number('rms_norm_eps'))],
    ['tokenizer.ggml.model', 'gpt2'], ['tokenizer.ggml.pre', 'gpt-2'], ['tokenizer.ggml.tokens', tokens], ['tokenizer.ggml.token_type', tokens.map((_, id) => tokenizer.added_tokens.some((added) => added.id === id) ? 3 : 1)],
    ['tokenizer.ggml.merges', tokenizer.model.merges.map((merge) => merge.join(' '))], ['tokenizer.ggml.eos_token_id', number('eos_token_id')],
  ];
  const tensors = original.names.map((name): TensorToWrite => {
    const [rows, columns = 1] = original.shape(name) as [number, number?];
    const { format, parts } = original.stored(name);
    const part = Object.values(parts)[0]!;
    let bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice();
    if (/[qk]_proj/.test(name)) {
      const rowBytes = bytes.length / rows;
      const source = bytes.slice();
      for (let row = 0; row < rows; row++) {
        const [half, i] = [Math.floor(row % headDim / (headDim / 2)), row % (headDim / 2)];
        bytes.set(source.subarray(row * rowBytes, (row + 1) * rowBytes), (row - row % headDim + 2 * i + half) * rowBytes);
      }
    }
    let type = format === 'fp16' ? 1 : 0;
    if (quantized && name.includes('mlp')) {
      type = 8;
      const { values } = original.tensor(name);
      bytes = new Uint8Array(values.length / 32 * 34);
      // Scale 2^-7 in fp16.
      for (let i = 0; i < values.length; i++) bytes[(i >> 5) * 34 + 2 + (i & 31)] = Math.max(-127, Math.min(127, Math.round(values[i]! * 128)));
      for (let block = 0; block < values.length / 32; block++) bytes.set([0x00, 0x20], block * 34);
    }
    return { name: NAMES.reduce((to, [pattern, by]) => to.replace(pattern, by), name), axes: columns === 1 ? [rows] : [columns, rows], type, bytes };
  });
  return ggufOf({ metadata, tensors });
}

/** Every third tensor. */
function shardsOf(weights: Uint8Array): Map<string, Uint8Array> {
  const tensors = [...readSafetensors(weights).tensors.values()];
  return new Map([0, 1, 2].map((shard) => [`model-0000${shard + 1}-of-00003.safetensors`, writeSafetensors(tensors.filter((_, i) => i % 3 === shard))]));
}

const shards = shardsOf(file('model.safetensors'));
const files = new Map<string, Uint8Array>([
  ['made/novel.gguf', novelGguf(false)], ['made/quantized.gguf', novelGguf(true)], 
  ...[...shards].map(([name, bytes]): [string, Uint8Array] => [`made/${name}`, bytes]),
  ...(['config.json', 'tokenizer.json'] as const).map((name): [string, Uint8Array] => [`made/${name}`, file(name)]),
]);

const quick = await readStudy(root, { quick: true });
const [bundled] = quick.models as [StudyModel];
const gguf = { weightCode: ['kernels/weight-files/gguf.ts', 'kernels/gguf/architectures/llama.ts'] };
const models: StudyModel[] = [
  bundled,
  { ...bundled, name: 'sharded', files: { config: { path: 'made/config.json' }, tokenizer: { path: 'made/tokenizer.json' }, weights: [...shards.keys()].map((name) => ({ path: `made/${name}` })) } },
  { ...bundled, ...gguf, name: 'gguf', files: { weights: [{ path: 'made/novel.gguf' }] } },
  { ...bundled, ...gguf, name: 'quantized', baseFormat: 'fp32', files: { weights: [{ path: 'made/quantized.gguf' }] } },
];
const { cells } = study({ ...quick, models, formats: ['fp16', 'nf4', 'int8'], windowsPerText: 1, windowTokens: 64, temperatures: [0.9], topKs: [0] });
const ids = (pattern: RegExp): string[] => cells.map(({ id }) => id).filter((id) => pattern.test(id));

let done: Finished;
test.before(async () => {
  done = await runCells(cells, [...ids(/^(fetch|fetch-gguf|quantize|tokenize):/), ...ids(/^tabulate:(models|sources)$/)], { files });
  assert.equal([...done.failures], []);
});

test('artifacts, reports and tokens of all three forms are the same bytes', () => {
  for (const model of ['sharded', 'gguf']) {
    for (const format of ['fp16', 'nf4', 'int8']) {
      const report = (of: string): QuantizeReport => done.json(`quantize:${of}/${format}`, 'report');
      assert.equal(done.bytes(`quantize:${model}/${format}`, 'artifact'), done.bytes(`quantize:${bundled.name}/${format}`, 'artifact'), `${model} ${format}`);
      assert.equal(report(model), report(bundled.name), `${model} ${format}`);
      assert.is(report(model).source, undefined);
    }
    for (const { name } of quick.texts) assert.equal(done.json<TokenizedText>(`tokenize:${model}/${name}`, 'tokens'), done.json<TokenizedText>(`tokenize:${bundled.name}/${name}`, 'tokens'));
  }
});

test('the bytes that came in are in the store as they are', () => {
  assert.equal(createHash('sha256').update(done.bytes('fetch-gguf:gguf', 'weights')).digest('hex'), createHash('sha256').update(files.get('made/novel.gguf')!).digest('hex'));
  for (const [name, bytes] of shards) assert.equal(done.bytes('fetch:sharded', `weights/${name}`), Buffer.from(bytes), name);
});

test('weights that were quantized before are fp32, and said to have been', () => {
  const report = done.json<QuantizeReport>('quantize:quantized/nf4', 'report');
  assert.equal(report.source?.map(({ type }) => type).sort(), ['F16', 'Q8_0']);
  const { weights, bytes } = report.source!.find(({ type }) => type === 'Q8_0')!;
  assert.is(bytes, weights / 32 * 34);
  assert.is(report.source!.reduce((sum, type) => sum + type.weights, 0), report.linearWeights);

  const rows = done.bytes('tabulate:models', 'rows').toString().trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(rows.map(({ model, base_format: base }) => [model, base]), [[bundled.name, 'fp16'], ['sharded', 'fp16'], ['gguf', 'fp16'], ['quantized', 'fp32']]);
  assert.equal(rows.map(({ source_types: types }) => types === null ? null : String(types).split(', ').sort()), [null, null, null, ['F16', 'Q8_0']]);
  const bits = rows.at(-1)!['source_bits_per_weight'] as number;
  assert.ok(8.5 < bits && bits < 16, String(bits));
});

test('each file that came in is a source, each shard too', () => {
  const rows = done.bytes('tabulate:sources', 'rows').toString().trim().split('\n').map((line) => JSON.parse(line) as { path: string; sha256: string; bytes: number });
  const found = new Map(rows.map(({ path, ...row }) => [path, row]));
  for (const [path, bytes] of files) {
    assert.is(found.get(path)?.bytes, bytes.length, path);
    assert.is(found.get(path)?.sha256, createHash('sha256').update(bytes).digest('hex'), path);
  }
});

test('a damaged GGUF file fails its own cells with the reason', async () => {
  const cut = new Map([...files, ['made/novel.gguf', files.get('made/novel.gguf')!.subarray(0, 100_000)]]);
  const { failures } = await runCells(cells, ['quantize:gguf/nf4', 'quantize:sharded/nf4'], { files: cut });
  assert.match(failures.get('fetch-gguf:gguf')?.sentence ?? '', /the model cannot be read: tensor "[\w.]+" .*bytes/);
  assert.is(failures.get('fetch-gguf:gguf')?.code, 'bad-input');
  assert.is(failures.get('quantize:sharded/nf4'), undefined);
});

test.run();
