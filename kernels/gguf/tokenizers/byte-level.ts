/**
 * gpt2: byte-level BPE. Tokens and merges are in the file; how text is cut before they apply is only named (tokenizer.ggml.pre), so a name
 * that is not known here is refused: another cut gives other tokens without a word.
 */
import type { GgufTokenizer } from '../tokenizer.ts';
import { missing, vocabularyJson } from './json.ts';
import { quoted } from '../metadata.ts';

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

/** A pattern whose matches are the pieces. */
const split = (pattern: string): unknown => ({
  type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, { ...BYTE_LEVEL, use_regex: false }],
});

/** Words, up to so many digits at a time, punctuation, white space. */
const words = (digits: string): unknown => split(`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`);

const EACH_DIGIT = { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, BYTE_LEVEL] };
const THREE_DIGITS = words('{1,3}');
const ONE_DIGIT = words('');

export interface Cut { readonly preTokenizer: unknown; readonly normalizer?: unknown; /** A piece that is a token is not put together from smaller ones. */ readonly ignoreMerges?: true }

const GPT2: Cut = { preTokenizer: BYTE_LEVEL };
const SMOLLM: Cut = { preTokenizer: EACH_DIGIT };
const LLAMA3: Cut = { preTokenizer: THREE_DIGITS, ignoreMerges: true };
const QWEN2: Cut = { preTokenizer: ONE_DIGIT, normalizer: { type: 'NFC' } };

/** tokenizer.ggml.pre -> how the models of that name cut. */
export const CUTS: ReadonlyMap<string, Cut> = new Map([
  ['gpt-2', GPT2], ['olmo', GPT2], ['phi-2', GPT2], ['mpt', GPT2],
  ['smollm', SMOLLM], ['starcoder', SMOLLM], ['refact', SMOLLM],
  ['llama-bpe', LLAMA3], ['llama3', LLAMA3], ['llama-v3', LLAMA3],
  ['qwen2', QWEN2], ['deepseek-r1-qwen', QWEN2],
]);

export const byteLevel: GgufTokenizer = {
  name: 'gpt2',

  parts(metadata, tokens, added) {
    const pre = metadata.text('tokenizer.ggml.pre');
    const cut = CUTS.get(pre ?? '');
    if (cut === undefined) throw new Error(`${pre === undefined ? 'the metadata lacks tokenizer.ggml.pre' : `tokenizer.ggml.pre is ${quoted(pre)}`}, which says how text is cut; known are ${[...CUTS.keys()].join(', ')}`);
    const merges = metadata.texts('tokenizer.ggml.merges') ?? missing('tokenizer.ggml.merges');
    const bad = merges.find((merge) => !/^[^ ]+ [^ ]+$/.test(merge));
    if (bad !== undefined) throw new Error(`tokenizer.ggml.merges has ${quoted(bad)}; a merge is two symbols with a space between them`);
    const vocabulary = vocabularyJson(tokens, (id) => !added.has(id));
    const model = `{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":"","end_of_word_suffix":"","fuse_unk":false,"byte_fallback":false,"ignore_merges":${cut.ignoreMerges ?? false},"vocab":${vocabulary},"merges":${JSON.stringify(merges)}}`;
    return { model, normalizer: cut.normalizer ?? null, preTokenizer: cut.preTokenizer, decoder: BYTE_LEVEL };
  },
};
