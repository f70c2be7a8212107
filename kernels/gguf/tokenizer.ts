/**
 * The register of the kinds of tokenizers that GGUF files carry, and the contract that each one keeps: what the tokenizer.json of Hugging Face
 * would say. kernels/tokenizer.ts opens it as any other.
 *
 * Adding a kind is one file in tokenizers/ and its name here.
 */
import type { Gguf, GgufMetadata } from '../gguf.ts';
import { quoted } from './metadata.ts';
import { byteLevel } from './tokenizers/byte-level.ts';
import { missing } from './tokenizers/json.ts';
import { sentencePiece } from './tokenizers/sentence-piece.ts';

/** tokenizer.json as far as a kind knows it: `model` as JSON. */
export interface TokenizerParts {
  readonly model: string;
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly decoder: unknown;
}

export interface GgufTokenizer {
  /** tokenizer.ggml.model. */
  readonly name: string;
  /** `added`: the tokens that are found as they are spelled, by id. Throws what the file lacks. */
  parts(metadata: GgufMetadata, tokens: readonly string[], added: ReadonlySet<number>): TokenizerParts;
}

const ggufTokenizers: readonly GgufTokenizer[] = [byteLevel, sentencePiece];

export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer: Uint8Array<ArrayBuffer>;
  /** tokenizer_config.json */
  readonly tokenizerConfig: Uint8Array<ArrayBuffer>;
}

/** tokenizer.ggml.token_type. */
const [UNKNOWN, CONTROL, USER_DEFINED] = [2, 3, 4];
const MOST_TOKENS = 1 << 22;

/** The tokenizer of the file as Hugging Face's files. Throws what is missing, or not one that can be read. */
export function ggufTokenizerFiles({ metadata }: Gguf): TokenizerFiles {
  const kind = metadata.text('tokenizer.ggml.model');
  const found = ggufTokenizers.find(({ name }) => name === kind);
  if (found === undefined) throw new Error(kind === undefined ? 'the metadata lacks tokenizer.ggml.model' : `tokenizer.ggml.model is ${quoted(kind)}; ${ggufTokenizers.map(({ name }) => name).join(' and ')} can be read`);
  if ((metadata.length('tokenizer.ggml.tokens') ?? 0) > MOST_TOKENS) throw new Error(`tokenizer.ggml.tokens has ${metadata.length('tokenizer.ggml.tokens')} tokens; at most ${MOST_TOKENS} are allowed`);
  const tokens = metadata.texts('tokenizer.ggml.tokens') ?? missing('tokenizer.ggml.tokens');
  const types = metadata.numbers('tokenizer.ggml.token_type') ?? [];
  if (types.length !== 0 && types.length !== tokens.length) throw new Error(`tokenizer.ggml.token_type has ${types.length} entries for ${tokens.length} tokens`);
  const twice = firstTwice(tokens);
  if (twice !== undefined) throw new Error(`tokenizer.ggml.tokens has ${quoted(twice)} twice`);

  const added = types.flatMap((type, id) => type === UNKNOWN || type === CONTROL || type === USER_DEFINED ? [{ id, content: tokens[id]!, special: type !== USER_DEFINED }] : []);
  const { model, normalizer, preTokenizer, decoder } = found.parts(metadata, tokens, new Set(added.map(({ id }) => id)));
  const named = (key: string): string | undefined => {
    const id = metadata.count(`tokenizer.ggml.${key}_token_id`);
    if (id !== undefined && id >= tokens.length) throw new Error(`tokenizer.ggml.${key}_token_id is ${id}; there are ${tokens.length} tokens`);
    return id === undefined ? undefined : tokens[id];
  };
  const bos = named('bos');
  const addBos = metadata.flag('tokenizer.ggml.add_bos_token') ?? kind === 'llama';
  const json = [
    '"version":"1.0","truncation":null,"padding":null',
    `"added_tokens":${JSON.stringify(added.map((token) => ({ ...token, single_word: false, lstrip: false, rstrip: false, normalized: false })))}`,
    `"normalizer":${JSON.stringify(normalizer)}`, `"pre_tokenizer":${JSON.stringify(preTokenizer)}`,
    `"post_processor":${JSON.stringify(addBos && bos !== undefined ? beginsWith(bos, metadata.count('tokenizer.ggml.bos_token_id')!) : null)}`,
    `"decoder":${JSON.stringify(decoder)}`, `"model":${model}`,
  ];
  const config = {
    add_bos_token: addBos, add_eos_token: metadata.flag('tokenizer.ggml.add_eos_token') ?? false, clean_up_tokenization_spaces: false,
    bos_token: bos, eos_token: named('eos'), unk_token: named('unknown'), pad_token: named('padding'), chat_template: metadata.text('tokenizer.chat_template'),
  };
  const utf8 = new TextEncoder();
  return { tokenizer: utf8.encode(`{${json.join(',')}}`), tokenizerConfig: utf8.encode(JSON.stringify(config)) };
}

function firstTwice(tokens: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return tokens.find((token) => seen.size === seen.add(token).size);
}

function beginsWith(bos: string, id: number): unknown {
  const first = { SpecialToken: { id: bos, type_id: 0 } };
  return {
    type: 'TemplateProcessing', single: [first, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [first, { Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: bos, type_id: 1 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [bos]: { id: bos, ids: [id], tokens: [bos] } },
  };
}
