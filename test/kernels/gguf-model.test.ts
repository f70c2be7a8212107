/** A GGUF file is the model that it was made of: its tensors, its config, its tokenizer. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCheckpoint } from '../../kernels/checkpoint.ts';
import { openGgufModel } from '../../kernels/gguf-model.ts';
import { toBf16, toFp16 } from '../../kernels/half.ts';
import { NotFinite } from '../../kernels/ops.ts';
import { openTokenizer } from '../../kernels/tokenizer.ts';
import { f32, ggufOf, type GgufValue, type TensorToWrite } from './write-gguf.ts';

const file = (path: string): Buffer => readFileSync(new URL(`../${path}`, import.meta.url));
const folder = 'fixtures/bitsandbytes/models/llama';

test('the model that ggml’s Python package wrote is the one that it was made of', () => {
  const original = openCheckpoint({ config: file(`${folder}/config.json`), weights: file(`${folder}/model.safetensors`) });
  const converted = openCheckpoint({ weights: file('fixtures/gguf/llama.gguf') });
  assert.is(converted.architecture, 'llama');
  assert.is(converted.baseFormat, 'fp32');
  assert.equal([...converted.names].sort(), [...original.names].sort());
  for (const name of original.names) assert.equal(converted.stored(name), original.stored(name), name);
  for (const key of ['hidden_size', 'num_hidden_layers', 'num_attention_heads', 'num_key_value_heads', 'head_dim', 'intermediate_size', 'max_position_embeddings', 'rms_norm_eps', 'vocab_size', 'tie_word_embeddings', 'hidden_act', 'attention_bias', 'mlp_bias']) {
    assert.is(converted.config[key], original.config[key], key);
  }
  assert.is(converted.config['rope_theta'], 10000);
});

const HIDDEN = 64;
const LLAMA: readonly (readonly [string, GgufValue])[] = [
  ['general.architecture', 'llama'], ['llama.context_length', 128], ['llama.embedding_length', HIDDEN], ['llama.block_count', 1], ['llama.feed_forward_length', 64],
  ['llama.attention.head_count', 2], ['llama.attention.layer_norm_rms_epsilon', { type: 6, bytes: f32(1e-5) }],
];

const bytesOf = (values: Float32Array | Uint16Array): Uint8Array => new Uint8Array(values.buffer);
const ramp = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => (i % 37) / 8 - 2);

type Stored = 'F32' | 'F16' | 'BF16' | 'Q8_0';

function tensor(name: string, axes: readonly number[], stored: Stored): TensorToWrite {
  const values = ramp(axes.reduce((product, size) => product * size, 1));
  switch (stored) {
    case 'F32': return { name, axes, type: 0, bytes: bytesOf(values) };
    case 'F16': return { name, axes, type: 1, bytes: bytesOf(toFp16(values)) };
    case 'BF16': return { name, axes, type: 30, bytes: bytesOf(toBf16(values)) };
    case 'Q8_0': return { name, axes, type: 8, bytes: new Uint8Array(Array.from({ length: values.length / 32 }, (_, block) => [0, 0x3c, ...Array.from({ length: 32 }, (_, i) => (block + i) & 255)]).flat()) };
  }
}

const llama = (matrices: Stored, embedding: Stored = matrices, metadata = LLAMA, extra: readonly TensorToWrite[] = []): Uint8Array => ggufOf({
  metadata,
  tensors: [
    tensor('token_embd.weight', [HIDDEN, 96], embedding), tensor('output_norm.weight', [HIDDEN], 'F32'),
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'].map((part) => tensor(`blk.0.${part}.weight`, [HIDDEN, HIDDEN], matrices)),
    tensor('blk.0.attn_norm.weight', [HIDDEN], 'F32'), tensor('blk.0.ffn_norm.weight', [HIDDEN], 'F32'), ...extra,
  ],
});

test('where every matrix has one 16-bit type that is the base; else all is fp32', () => {
  for (const [matrices, embedding, base] of [['F16', 'F16', 'fp16'], ['BF16', 'BF16', 'bf16'], ['F32', 'F32', 'fp32'], ['Q8_0', 'Q8_0', 'fp32'], ['Q8_0', 'F16', 'fp32'], ['F16', 'Q8_0', 'fp32'], ['F16', 'BF16', 'fp32']] as const) {
    const checkpoint = openCheckpoint({ weights: llama(matrices, embedding) });
    assert.is(checkpoint.baseFormat, base, `${matrices} and ${embedding}`);
    assert.is(checkpoint.stored('model.layers.0.mlp.up_proj.weight').format, base);
    assert.is(checkpoint.stored('model.layers.0.input_layernorm.weight').format, 'fp32');
    assert.is(checkpoint.config['torch_dtype'], { fp32: 'float32', fp16: 'float16', bf16: 'bfloat16' }[base]);
    assert.is(checkpoint.inFile('model.layers.0.mlp.up_proj.weight').type, matrices);
    assert.is(checkpoint.storedBytes('model.embed_tokens.weight'), 96 * HIDDEN * (base === 'fp32' ? 4 : 2));
  }
  const { bytes } = openCheckpoint({ weights: llama('Q8_0') }).inFile('model.embed_tokens.weight');
  assert.is(bytes, 96 * HIDDEN / 32 * 34);
});

test('16-bit matrices widened for company keep their values', () => {
  const values = (weights: Uint8Array, name: string): Float32Array => openCheckpoint({ weights }).tensor(name).values;
  assert.equal(values(llama('Q8_0', 'F16'), 'model.embed_tokens.weight'), values(llama('F16'), 'model.embed_tokens.weight'));
  assert.equal(values(llama('F16', 'Q8_0'), 'model.layers.0.self_attn.q_proj.weight'), values(llama('F16'), 'model.layers.0.self_attn.q_proj.weight'));
});

test('a head of its own is untied, and settings that a file has are taken', () => {
  const tied = openCheckpoint({ weights: llama('F32') });
  assert.is(tied.config['tie_word_embeddings'], true);
  const untied = openCheckpoint({ weights: llama('F32', 'F32', [...LLAMA, ['llama.attention.head_count_kv', 1], ['llama.rope.freq_base', { type: 6, bytes: f32(5e5) }], ['tokenizer.ggml.eos_token_id', 7]], [tensor('output.weight', [HIDDEN, 96], 'F32')]) });
  assert.is(untied.config['tie_word_embeddings'], false);
  assert.is(untied.config['num_key_value_heads'], 1);
  assert.is(untied.config['rope_theta'], 500000);
  assert.is(untied.config['eos_token_id'], 7);
  assert.ok(untied.has('lm_head.weight'));
});

test('Llama 3’s rotary factors are recognised, and others are refused', () => {
  const metadata = [...LLAMA, ['llama.rope.freq_base', { type: 6, bytes: f32(5e5) }]] as const;
  const factors = Array.from({ length: 16 }, (_, i) => {
    const wavelength = 2 * Math.PI * 5e5 ** (2 * i / 32);
    if (wavelength < 8192 / 4) return 1;
    if (wavelength > 8192) return 8;
    const smooth = (8192 / wavelength - 1) / 3;
    return 1 / ((1 - smooth) / 8 + smooth);
  });
  const withFactors = (values: readonly number[]): Uint8Array => llama('F32', 'F32', metadata, [{ name: 'rope_freqs.weight', axes: [values.length], type: 0, bytes: bytesOf(Float32Array.from(values)) }]);
  const checkpoint = openCheckpoint({ weights: withFactors(factors) });
  assert.equal(checkpoint.config['rope_scaling'], { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 });
  assert.not.ok(checkpoint.names.some((name) => name.includes('rope')));
  for (const wrong of [factors.slice(1), factors.map((value, i) => i === 9 ? value * 1.01 : value), [...factors].reverse()]) assert.throws(() => openCheckpoint({ weights: withFactors(wrong) }), /other factors than Llama 3's rule/);
});

test('gemma3: norms lose the 1 that was added, layers take turns', () => {
  const metadata = LLAMA.map(([key, value]) => [key.replace('llama.', 'gemma3.'), key === 'general.architecture' ? 'gemma3' : value] as const);
  const parts = ['attn_norm', 'post_attention_norm', 'ffn_norm', 'post_ffw_norm', 'attn_q_norm'];
  const checkpoint = openCheckpoint({
    weights: ggufOf({
      metadata: [...metadata, ['gemma3.attention.key_length', 32], ['gemma3.attention.sliding_window', 16]],
      tensors: [tensor('token_embd.weight', [HIDDEN, 96], 'Q8_0'), ...parts.map((part) => tensor(`blk.0.${part}.weight`, [HIDDEN], 'F32'))],
    }),
  });
  assert.is(checkpoint.architecture, 'gemma3_text');
  assert.equal(checkpoint.names.filter((name) => name.startsWith('model.layers')).map((name) => name.slice('model.layers.0.'.length)), ['input_layernorm.weight', 'post_attention_layernorm.weight', 'pre_feedforward_layernorm.weight', 'post_feedforward_layernorm.weight', 'self_attn.q_norm.weight']);
  assert.equal(checkpoint.tensor('model.layers.0.input_layernorm.weight').values, ramp(HIDDEN).map((value) => value - 1));
  assert.equal(checkpoint.config['layer_types'], ['sliding_attention']);
  assert.is(checkpoint.config['sliding_window'], 16);
  assert.is(checkpoint.config['query_pre_attn_scalar'], 32);
});

const without = (key: string): readonly (readonly [string, GgufValue])[] => LLAMA.filter(([name]) => name !== key);
const instead = (key: string, value: GgufValue): readonly (readonly [string, GgufValue])[] => [...without(key), [key, value]];

const REFUSED: { readonly [what: string]: readonly [Uint8Array, RegExp] } = {
  'no architecture': [llama('F32', 'F32', without('general.architecture')), /lacks general.architecture/],
  'an unknown architecture': [llama('F32', 'F32', instead('general.architecture', 'mamba')), /general.architecture is "mamba"; known are llama, qwen2, qwen3, gemma3/],
  'no width': [llama('F32', 'F32', without('llama.embedding_length')), /lacks llama.embedding_length/],
  'a negative number of layers': [llama('F32', 'F32', instead('llama.block_count', -1)), /"llama.block_count" is number -1; it must be a whole number from 0/],
  'heads in a list': [llama('F32', 'F32', instead('llama.attention.head_count', [2, 2])), /"llama.attention.head_count" is a list/],
  'experts': [llama('F32', 'F32', [...LLAMA, ['llama.expert_count', 8]]), /llama.expert_count is 8; only 0 is computed/],
  'a rotary part of each head': [llama('F32', 'F32', [...LLAMA, ['llama.rope.dimension_count', 16]]), /llama.rope.dimension_count is 16; only 32/],
  'a tensor of another architecture': [llama('F32', 'F32', LLAMA, [tensor('blk.0.ssm_in.weight', [HIDDEN], 'F32')]), /"blk.0.ssm_in.weight" has no place in a model of the architecture llama/],
  'a tensor called __proto__': [llama('F32', 'F32', LLAMA, [tensor('__proto__', [HIDDEN], 'F32')]), /"__proto__" has no place/],
  'one layer by two names': [llama('F32', 'F32', LLAMA, [tensor('blk.0000.ffn_up.weight', [HIDDEN], 'F32')]), /has no place/],
  'a part of several': [llama('F32', 'F32', [...LLAMA, ['split.count', 3]]), /a part of several; merge them/],
};

for (const [what, [weights, reason]] of Object.entries(REFUSED)) test(`refused: ${what}`, () => assert.throws(() => openCheckpoint({ weights }), reason));

test('a scale that is no number is refused with the tensor’s name, when it is read', () => {
  const bad = tensor('blk.0.ffn_up.weight', [HIDDEN, HIDDEN], 'Q8_0');
  bad.bytes.set([0, 0x7e], 34);
  const weights = ggufOf({ metadata: LLAMA, tensors: [tensor('token_embd.weight', [HIDDEN, 96], 'F32'), bad] });
  assert.throws(() => openCheckpoint({ weights }).tensor('model.layers.0.mlp.up_proj.weight'), (error: unknown) => error instanceof NotFinite && error.what === 'model.layers.0.mlp.up_proj.weight' && error.count === 32);
});

test('files of different kinds are no checkpoint, and two GGUF files are none', () => {
  const config = file(`${folder}/config.json`);
  assert.throws(() => openCheckpoint({ config, weights: [llama('F32'), file(`${folder}/model.safetensors`)] }), /GGUF and safetensors; they may be GGUF or safetensors/);
  assert.throws(() => openCheckpoint({ config, weights: [llama('F32'), llama('F32')] }), /2 GGUF files; a model is one/);
  assert.throws(() => openCheckpoint({ config, weights: [] }), /at least one file/);
  assert.throws(() => openCheckpoint({ weights: file(`${folder}/model.safetensors`) }), /needs config.json/);
});

const novel = JSON.parse(file('../data/models/novel-1m/tokenizer.json').toString()) as { readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly (string | [string, string])[] }; readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly special: boolean }[] };

/** The metadata that llama.cpp's converter would write of the bundled tokenizer. */
function novelMetadata(pre: string): (readonly [string, GgufValue])[] {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(novel.model.vocab)) tokens[id] = token;
  for (const { id, content } of novel.added_tokens) tokens[id] = content;
  const types = tokens.map((_, id) => novel.added_tokens.find((token) => token.id === id) === undefined ? 1 : 3);
  return [
    ...LLAMA, ['tokenizer.ggml.model', 'gpt2'], ['tokenizer.ggml.pre', pre], ['tokenizer.ggml.tokens', tokens], ['tokenizer.ggml.token_type', types],
    ['tokenizer.ggml.merges', novel.model.merges.map((merge) => typeof merge === 'string' ? merge : merge.join(' '))], ['tokenizer.ggml.bos_token_id', 0],
  ];
}

const TEXTS = ['It was a dark and stormy night; the rain fell in torrents.', 'Größe 漢字 😀 مرحبا', '  two  spaces\n\n\tand tabs ', "I'll don't 1234", '', 'a<|endoftext|>b'];

test('byte-level BPE: the bundled tokenizer comes out of metadata as it went in', async () => {
  const original = await openTokenizer(file('../data/models/novel-1m/tokenizer.json'), file('../data/models/novel-1m/tokenizer_config.json'));
  const { tokenizer, tokenizerConfig } = openGgufModel(llama('F32', 'F32', novelMetadata('gpt-2'))).tokenizerFiles();
  const converted = await openTokenizer(tokenizer, tokenizerConfig);
  assert.is(converted.vocabularySize, original.vocabularySize);
  for (const text of TEXTS) {
    assert.equal(converted.encode(text), original.encode(text), text);
    assert.is(converted.decode(converted.encode(text)), original.decode(original.encode(text)));
  }
  assert.equal(JSON.parse(new TextDecoder().decode(tokenizerConfig)).bos_token, novel.added_tokens.find(({ id }) => id === 0)?.content);
});

test('byte-level BPE: how text is cut follows the name of the cut', async () => {
  const pieces = async (pre: string): Promise<string> => {
    const { tokenizer } = openGgufModel(llama('F32', 'F32', novelMetadata(pre))).tokenizerFiles();
    const opened = await openTokenizer(tokenizer);
    return opened.pieces(opened.encode('1234')).join('|');
  };
  assert.is(await pieces('smollm'), '1|2|3|4');
  assert.is(await pieces('qwen2'), '1|2|3|4');
  assert.throws(() => openGgufModel(llama('F32', 'F32', novelMetadata('somebody’s'))).tokenizerFiles(), /tokenizer.ggml.pre is "somebody’s", which says how text is cut; known are gpt-2/);
});

const SPM_TOKENS = ['<unk>', '<s>', '</s>', '<0x0A>', '▁', 'a', 'b', 'c', 'ab', '▁a', 'abc', '▁ab', '__proto__', '<0xE6>'];
const SPM_SCORES = [0, 0, 0, 0, -9, -10, -11, -12, -1, -2, -0.5, -0.25, -20, 0];
const spm = (changes: Readonly<Record<string, GgufValue>> = {}): Uint8Array => llama('F32', 'F32', [...LLAMA, ...Object.entries({
  'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.tokens': SPM_TOKENS, 'tokenizer.ggml.scores': SPM_SCORES, 'tokenizer.ggml.token_type': [2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6],
  'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.unknown_token_id': 0, ...changes,
})]);
const jsonOf = (bytes: Uint8Array): Record<string, any> => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, any>;

test('SentencePiece: merges follow from scores, best first, as in transformers’ conversion', () => {
  const { tokenizer, tokenizerConfig } = openGgufModel(spm()).tokenizerFiles();
  const { model, added_tokens: added, normalizer, decoder, post_processor: post } = jsonOf(tokenizer);
  assert.equal(model.merges, [['▁a', 'b'], ['▁', 'ab'], ['ab', 'c'], ['a', 'b'], ['▁', 'a']]);
  assert.is(model.byte_fallback, true);
  assert.is(Object.keys(model.vocab).length, SPM_TOKENS.length);
  assert.ok(Object.hasOwn(model.vocab, '__proto__'));
  assert.is(model.unk_token, '<unk>');
  assert.equal(added.map(({ content }: { content: string }) => content), ['<unk>', '<s>', '</s>']);
  assert.equal(normalizer.normalizers[0], { type: 'Prepend', prepend: '▁' });
  assert.equal(decoder.decoders.at(-1), { type: 'Strip', content: ' ', start: 1, stop: 0 });
  assert.is(post.single[0].SpecialToken.id, '<s>');
  assert.is(jsonOf(tokenizerConfig)['add_bos_token'], true);

  const bare = jsonOf(openGgufModel(spm({ 'tokenizer.ggml.add_space_prefix': false, 'tokenizer.ggml.add_bos_token': false })).tokenizerFiles().tokenizer);
  assert.is(bare['normalizer'].normalizers.length, 1);
  assert.is(bare['decoder'].decoders.length, 3);
  assert.is(bare['post_processor'], null);
});

const REFUSED_TOKENIZERS: { readonly [what: string]: readonly [Uint8Array, RegExp] } = {
  'none': [llama('F32'), /model.gguf: the metadata lacks tokenizer.ggml.model/],
  'an unknown kind': [spm({ 'tokenizer.ggml.model': 'rwkv' }), /tokenizer.ggml.model is "rwkv"; gpt2 and llama can be read/],
  'fewer scores than tokens': [spm({ 'tokenizer.ggml.scores': [0.5] }), /scores has 1 entries for 14 tokens/],
  'fewer types than tokens': [spm({ 'tokenizer.ggml.token_type': [1, 1] }), /token_type has 2 entries for 14 tokens/],
  'scores in words': [spm({ 'tokenizer.ggml.scores': ['high'] }), /"tokenizer.ggml.scores" is a list of string/],
  'a score that is no number': [spm({ 'tokenizer.ggml.scores': [...SPM_SCORES.slice(1), NaN] }), /no finite number/],
  'a token twice': [spm({ 'tokenizer.ggml.tokens': [...SPM_TOKENS.slice(1), 'a'] }), /tokens has "a" twice/],
  'a first token outside': [spm({ 'tokenizer.ggml.bos_token_id': 14 }), /bos_token_id is 14; there are 14 tokens/],
  'a merge of three': [llama('F32', 'F32', novelMetadata('gpt-2').map(([key, value]) => [key, key.endsWith('merges') ? ['a b c'] : value] as const)), /merges has "a b c"/],
};

for (const [what, [weights, reason]] of Object.entries(REFUSED_TOKENIZERS)) test(`tokenizer refused: ${what}`, () => assert.throws(() => openGgufModel(weights).tokenizerFiles(), reason));

test.run();
