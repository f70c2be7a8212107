/** A model that is written as a GGUF file is read as what it was, by our reader and as ggml's own package has it; what cannot be written is refused. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCheckpoint, type Checkpoint } from '../../kernels/checkpoint.ts';
import { tensorEncoderNamed, tensorEncoders } from '../../kernels/gguf/encoders.ts';
import { openGgufModel } from '../../kernels/gguf-model.ts';
import { ggufOfCheckpoint, writeGguf, type GgufTypes, type TokenizerToWrite } from '../../kernels/gguf-writer.ts';
import { readGguf } from '../../kernels/gguf.ts';
import { architectureOf } from '../../kernels/models.ts';
import { openTokenizer } from '../../kernels/tokenizer.ts';
import { bundledCheckpoint, goldenModel, tinyCheckpoint } from './test-models.ts';

const file = (path: string): Buffer => readFileSync(new URL(`../${path}`, import.meta.url));
const written = (checkpoint: Checkpoint, types: GgufTypes, tokenizer?: TokenizerToWrite): Uint8Array => Buffer.concat([...ggufOfCheckpoint(checkpoint, types, tokenizer).chunks()]);
/** With other settings, or none of some. */
const changed = (checkpoint: Checkpoint, config: Readonly<Record<string, unknown>>): Checkpoint => ({ ...checkpoint, config: { ...checkpoint.config, ...config } });

const golden = readGguf(file('fixtures/gguf/encoded.gguf')).tensors;
const values = golden.get('values')!.type.decode(golden.get('values')!.bytes) as Float32Array;

for (const { type, encode } of tensorEncoders.filter(({ type: { name } }) => name !== 'F32')) {
  test(`${type.name}: blocks are those of ggml’s Python package, byte for byte`, () => {
    const ours = encode(values);
    assert.is(Buffer.compare(ours, golden.get(type.name)!.bytes), 0);
    assert.is(ours.length, values.length / type.blockElements * type.blockBytes);
  });
}

test('a number that fp16 cannot hold is refused, in weights and in scales', () => {
  const large = (value: number): Float32Array => new Float32Array(32).fill(value);
  assert.throws(() => tensorEncoderNamed('F16').encode(large(65520)), /needs the fp16 number 65520; the largest is 65504/);
  assert.throws(() => tensorEncoderNamed('Q4_1').encode(large(-70000)), /a block of Q4_1 needs the fp16 number -70000/);
  assert.throws(() => tensorEncoderNamed('Q4_0').encode(large(1e6)), /a block of Q4_0 needs the fp16 number -125000/);
  assert.is(tensorEncoderNamed('Q8_0').encode(large(8e6)).length, 34);
});

test('a scale that is too small for an inverse makes a block of zeros, and no codes of NaN', () => {
  const tiny = new Float32Array(32).fill(1e-44);
  for (const name of ['Q8_0', 'Q4_0', 'Q4_1']) {
    const encoder = tensorEncoderNamed(name);
    assert.equal([...encoder.type.decode(encoder.encode(tiny))].map(Math.abs), new Array(32).fill(0), name);
  }
});

test('a type that cannot be written is refused with those that can', () => assert.throws(() => tensorEncoderNamed('Q6_K'), /in "Q6_K"; F32, F16, BF16, Q8_0, Q4_0, Q4_1 can be written/));

test('a model is written as ggml’s Python package writes it: names, order of rows, bytes', () => {
  const ours = readGguf(written(tinyCheckpoint('llama'), { linear: 'F32' }));
  const theirs = readGguf(file('fixtures/gguf/llama.gguf'));
  assert.equal([...ours.tensors.keys()].sort(), [...theirs.tensors.keys()].sort());
  for (const [name, tensor] of theirs.tensors) {
    assert.equal(ours.tensors.get(name)!.shape, tensor.shape);
    assert.is(Buffer.compare(ours.tensors.get(name)!.bytes, tensor.bytes), 0, name);
  }
  for (const key of theirs.metadata.keys()) {
    if (key === 'general.architecture') assert.is(ours.metadata.text(key), theirs.metadata.text(key));
    else if (key !== 'general.file_type') assert.is(ours.metadata.number(key), theirs.metadata.number(key), key);
  }
});

const SAME = ['hidden_size', 'num_hidden_layers', 'num_attention_heads', 'intermediate_size', 'max_position_embeddings', 'rms_norm_eps', 'vocab_size'];

for (const name of ['llama_linear', 'mistral_whole', 'qwen2_window', 'qwen3_bias']) {
  test(`${name}: what is written is read as the same weights and settings`, () => {
    const { checkpoint } = goldenModel(name);
    const original = changed(checkpoint, { use_sliding_window: false, layer_types: null, ...(name === 'qwen3_bias' ? { attention_bias: false } : {}) });
    const read = openCheckpoint({ weights: written(original, { linear: 'F32' }) });
    const biases = (names: readonly string[]): string[] => names.filter((tensor) => name !== 'qwen3_bias' || !tensor.endsWith('bias')).sort();
    assert.equal([...read.names].sort(), biases(original.names));
    for (const tensor of read.names) assert.equal(read.tensor(tensor), original.tensor(tensor), tensor);
    const [theirs, ours] = [original, read].map(architectureOf);
    assert.equal(ours!.shape, theirs!.shape);
    assert.equal(ours!.linearNames, theirs!.linearNames);
    for (const key of SAME) assert.is(read.config[key], original.config[key], key);
  });
}

test('rotary scaling is written: Llama 3’s as a tensor of factors, linear as a setting', () => {
  // The reader takes factors only for the context that all published Llama 3 were trained with.
  const { checkpoint } = goldenModel('llama_llama3');
  const scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
  const original = changed(checkpoint, { rope_parameters: null, rope_scaling: scaling, rope_theta: 5e5, max_position_embeddings: 131072 });
  const read = openCheckpoint({ weights: written(original, { linear: 'F16' }) });
  assert.equal(read.config['rope_scaling'], scaling);
  assert.is(read.config['rope_theta'], 5e5);
  assert.equal(openCheckpoint({ weights: written(goldenModel('llama_linear').checkpoint, { linear: 'F32' }) }).config['rope_scaling'], { rope_type: 'linear', factor: 4 });
});

test('linear layers get the type, embeddings and head keep theirs unless told, norms are F32', () => {
  const checkpoint = bundledCheckpoint('novel-1m');
  const typesOf = (types: GgufTypes): Record<string, string> => Object.fromEntries([...readGguf(written(checkpoint, types)).tensors].map(([name, { type }]) => [name, type.name]));
  const q4 = typesOf({ linear: 'Q4_0' });
  assert.equal([q4['token_embd.weight'], q4['blk.3.ffn_down.weight'], q4['blk.0.attn_norm.weight'], q4['output_norm.weight'], q4['output.weight']], ['F16', 'Q4_0', 'F32', 'F32', undefined]);
  assert.is(typesOf({ linear: 'Q4_0', head: 'Q8_0' })['token_embd.weight'], 'Q8_0');
  assert.is(typesOf({ linear: 'F32' })['token_embd.weight'], 'F32');
});

test('a file is as long as it says, and has no place for what nobody looks at', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-gguf-'));
  try {
    const [path, model] = [join(folder, 'x.gguf'), ggufOfCheckpoint(bundledCheckpoint('novel-1m'), { linear: 'Q4_1' })];
    await writeGguf(path, model);
    const bytes = readFileSync(path);
    assert.is(bytes.length, model.bytes);
    assert.is([...readGguf(bytes).tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0), model.weightBytes);
    await writeGguf(path, model).then(() => assert.unreachable(), (error: Error) => assert.match(error.message, /EEXIST/));
    const reason = new Error('enough');
    await writeGguf(join(folder, 'y.gguf'), model, AbortSignal.abort(reason)).then(() => assert.unreachable(), (error: Error) => assert.is(error, reason));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const novel = { tokenizer: file('../data/models/novel-1m/tokenizer.json'), tokenizerConfig: file('../data/models/novel-1m/tokenizer_config.json') };

test('the tokenizer that is written gives the same tokens, and no start of its own', async () => {
  const read = openGgufModel(written(bundledCheckpoint('novel-1m'), { linear: 'F16' }, novel)).tokenizerFiles();
  const [ours, theirs] = [await openTokenizer(read.tokenizer, read.tokenizerConfig), await openTokenizer(novel.tokenizer, novel.tokenizerConfig)];
  assert.is(ours.vocabularySize, theirs.vocabularySize);
  for (const text of ['It was a dark and stormy night; 1984.', '<|endoftext|>Ünïcode \u{1F600}\n\n  12345 don’t']) assert.equal([...ours.encode(text)], [...theirs.encode(text)], text);
  assert.equal([...ours.start], []);
});

test('rows of the embeddings beyond the tokens have names, so that a vocabulary is as long as they are', () => {
  const json = JSON.parse(novel.tokenizer.toString()) as { model: { vocab: Record<string, number>; merges: unknown[] } };
  const [last] = Object.entries(json.model.vocab).find(([, id]) => id === 2047)!;
  delete json.model.vocab[last];
  json.model.merges = [];
  const { metadata } = readGguf(written(bundledCheckpoint('novel-1m'), { linear: 'F16' }, { tokenizer: Buffer.from(JSON.stringify(json)) }));
  assert.is(metadata.texts('tokenizer.ggml.tokens')![2047], '[PAD2047]');
  assert.equal(metadata.numbers('tokenizer.ggml.token_type')!.filter((type) => type === 5), [5]);
});

const kinds = (name: string): Uint8Array => Buffer.from(JSON.stringify((JSON.parse(file(`fixtures/tokenizer/kinds/${name}.json`).toString()) as { tokenizer: unknown }).tokenizer));

const tiny = (): Checkpoint => tinyCheckpoint('llama');
const REFUSED: { readonly [what: string]: readonly [() => unknown, RegExp] } = {
  'another architecture': [() => ggufOfCheckpoint(goldenModel('gemma3').checkpoint, { linear: 'F16' }), /"gemma3_text" cannot be written as a GGUF file; llama, mistral, qwen2, qwen3 can/],
  'a window that shows': [() => ggufOfCheckpoint(goldenModel('mistral_window').checkpoint, { linear: 'F16' }), /sliding_window is 7, and llama.cpp computes none/],
  'biases that are not read': [() => ggufOfCheckpoint(changed(goldenModel('qwen3_bias').checkpoint, { use_sliding_window: false, layer_types: null }), { linear: 'F16' }), /attention_bias is true; supported: false/],
  'rows that are no whole blocks': [() => ggufOfCheckpoint(goldenModel('llama_linear').checkpoint, { linear: 'Q4_0' }), /blk.0.ffn_down.weight has rows of 48 weights, which Q4_0 cannot cut into blocks of 32/],
  'a type that is only read': [() => ggufOfCheckpoint(tiny(), { linear: 'Q5_0' }), /cannot be written in "Q5_0"/],
  'a tokenizer of SentencePiece': [() => ggufOfCheckpoint(tiny(), { linear: 'F16' }, { tokenizer: kinds('llama2') }), /only byte-level BPE can be written/],
  'a cut without a name': [() => ggufOfCheckpoint(bundledCheckpoint('novel-1m'), { linear: 'F16' }, { tokenizer: Buffer.from(novel.tokenizer.toString().replace(/"pre_tokenizer":\s*\{[^}]*\}/, '"pre_tokenizer":{"type":"Whitespace"}')) }), /text is cut by \{"type":"Whitespace"\}, for which llama.cpp has no name/],
  'more tokens than embeddings': [() => ggufOfCheckpoint(tiny(), { linear: 'F16' }, novel), /has the id \d+; the model has \d+ rows of embeddings/],
};

for (const [what, [attempt, reason]] of Object.entries(REFUSED)) test(`refused: ${what}`, () => assert.throws(attempt, reason));

test('weights that cannot be written are refused with the tensor’s name', () => {
  const checkpoint = tiny();
  const large: Checkpoint = { ...checkpoint, tensor: (name) => { const tensor = checkpoint.tensor(name); return name.includes('up_proj') ? { ...tensor, values: tensor.values.map(() => 1e6) } : tensor; } };
  assert.throws(() => written(large, { linear: 'F16' }), /^blk\.0\.ffn_up\.weight: a weight of F16 needs the fp16 number 1000000/);
});

test.run();
