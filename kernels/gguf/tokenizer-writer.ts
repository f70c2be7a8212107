/**
 * A tokenizer.json as the metadata that llama.cpp reads: tokens by id, their types, merges, and by name how text is cut before merges apply. Byte-level
 * BPE only: a tokenizer.json of SentencePiece has no scores, and llama.cpp merges by them.
 */
import { parseStrictJson } from '../strict-json.ts';
import { byteLevel } from '../tokenizers/byte-level.ts';
import { isObject, type Json } from '../tokenizers/vocabulary.ts';
import type { MetadataValue } from './file-writer.ts';
import { quoted } from './metadata.ts';
import { CUTS, type Cut } from './tokenizers/byte-level.ts';

export interface TokenizerToWrite {
  /** tokenizer.json. */
  readonly tokenizer: Uint8Array;
  /** tokenizer_config.json. */
  readonly tokenizerConfig?: Uint8Array;
}

/** tokenizer.ggml.token_type. */
const [NORMAL, CONTROL, USER_DEFINED, UNUSED] = [1, 3, 4, 5];
/** Names in tokenizer_config.json, and in keys here. */
const SPECIAL = [['bos_token', 'bos'], ['eos_token', 'eos'], ['unk_token', 'unknown'], ['pad_token', 'padding']] as const;

/** `vocabulary`: rows of the embeddings; those beyond the tokens get names of their own. Throws a sentence for a tokenizer that cannot be written. */
export function tokenizerMetadata(files: TokenizerToWrite | undefined, vocabulary: number): [string, MetadataValue][] {
  if (files === undefined) return [['tokenizer.ggml.model', 'no_vocab']];
  const json = object(files.tokenizer, 'tokenizer.json');
  const config = files.tokenizerConfig === undefined ? {} : object(files.tokenizerConfig, 'tokenizer_config.json');
  const { model, decoder, added_tokens: added = [] } = json;
  if (!isObject(model) || model['type'] !== 'BPE' || !byteLevel.decodedBy(decoder)) throw new Error(`tokenizer.json: its model is ${quoted(isObject(model) ? model['type'] : model)} and its decoder ${quoted(isObject(decoder) ? decoder['type'] : decoder)}; only byte-level BPE can be written to a GGUF file`);

  const tokens = Array.from({ length: vocabulary }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(vocabulary).fill(UNUSED);
  const ids = new Map<string, number>();
  const put = (content: string, id: unknown, type: number): void => {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= vocabulary) throw new Error(`tokenizer.json: token ${quoted(content)} has the id ${quoted(id)}; the model has ${vocabulary} rows of embeddings`);
    tokens[id as number] = content;
    types[id as number] = type;
    ids.set(content, id as number);
  };
  for (const [content, id] of Object.entries(isObject(model['vocab']) ? model['vocab'] : {})) put(content, id, NORMAL);
  for (const token of Array.isArray(added) ? added : []) if (isObject(token)) put(String(token['content']), token['id'], token['special'] === true ? CONTROL : USER_DEFINED);

  const special = SPECIAL.flatMap(([name, key]): [string, MetadataValue][] => {
    const token = config[name];
    const id = ids.get(String(isObject(token) ? token['content'] : token));
    return id === undefined ? [] : [[`tokenizer.ggml.${key}_token_id`, id]];
  });
  return [
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', cutOf(json)],
    ['tokenizer.ggml.tokens', { texts: tokens }],
    ['tokenizer.ggml.token_type', { int32: types }],
    ['tokenizer.ggml.merges', { texts: mergesOf(model['merges']) }],
    ...special,
    // What stands before a text the study puts there itself (Tokenizer.start).
    ['tokenizer.ggml.add_bos_token', false],
  ];
}

function object(bytes: Uint8Array, where: string): Json {
  const value = parseStrictJson(bytes, where);
  if (!isObject(value)) throw new Error(`${where} is not a JSON object`);
  return value;
}

/** The name under which llama.cpp cuts text as this tokenizer does. */
function cutOf(json: Json): string {
  const wanted = canonical(json['pre_tokenizer'], json['normalizer'], (json['model'] as Json)['ignore_merges']);
  const found = [...CUTS].find(([, { preTokenizer, normalizer, ignoreMerges }]: readonly [string, Cut]) => canonical(preTokenizer, normalizer, ignoreMerges) === wanted);
  if (found === undefined) throw new Error(`tokenizer.json: text is cut by ${quoted(json['pre_tokenizer'])}, for which llama.cpp has no name that is known here; known are those of ${[...CUTS.keys()].join(', ')}`);
  return found[0];
}

/** Without what changes no token: trim_offsets is about places in the text. */
function canonical(preTokenizer: unknown, normalizer: unknown, ignoreMerges: unknown): string {
  return JSON.stringify([preTokenizer ?? null, normalizer ?? null, ignoreMerges === true], (_, value: unknown) => {
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'trim_offsets').sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function mergesOf(merges: unknown): string[] {
  if (!Array.isArray(merges)) throw new Error('tokenizer.json: the model has no merges');
  return merges.map((merge: unknown) => Array.isArray(merge) ? merge.join(' ') : String(merge));
}
