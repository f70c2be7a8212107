/**
 * Tokenizers, from the tokenizer.json of a Hugging Face model: BPE over bytes, and SentencePiece's BPE with bytes to fall back on. Encoding is
 * @huggingface/tokenizers' (this file is its only user); bytes and text of tokens follow from the vocabulary alone (tokenizers/).
 */
import { parseStrictJson } from './strict-json.ts';
import { byteLevel } from './tokenizers/byte-level.ts';
import { sentencePiece } from './tokenizers/sentencepiece.ts';
import { isObject, readTokens } from './tokenizers/vocabulary.ts';
import type { Json, VocabularyKind } from './tokenizers/vocabulary.ts';

export interface Tokenizer {
  /** Ids are 0 .. vocabularySize - 1. */
  readonly vocabularySize: number;
  /** Ids of the special tokens that the model was trained to see before a text (`<s>`, `<bos>`); of most byte-level tokenizers none. */
  readonly start: Int32Array;
  /**
   * Ids of the text. No special token is added; those spelled out in the text are found, as Python's tokenizers does. SentencePiece models may
   * put a space of their own before it. Throws where the vocabulary has no token for a byte of the text, which would be lost.
   */
  encode(text: string): Int32Array;
  /**
   * The text of the ids wherever they stand, spaces untouched. Bytes that are no UTF-8 become U+FFFD, and so does an id above the vocabulary: a
   * model's table of embeddings may be longer. Throws on what can be no id.
   */
  decode(ids: ArrayLike<number>): string;
  /**
   * The text token by token; joined it is decode(ids). A character that several tokens share stands with the last of them, and
   * the others are empty.
   */
  pieces(ids: ArrayLike<number>): string[];
  /** UTF-8 bytes that each token stands for. */
  byteLengths(ids: ArrayLike<number>): Int32Array;
}

/** The register of kinds: one file and one entry here. */
const kinds: readonly VocabularyKind[] = [byteLevel, sentencePiece];

const LARGEST_FILE_BYTES = 64_000_000;

/** Reads tokenizer.json and, if there is one, tokenizer_config.json. Throws what is wrong, or not supported. */
export async function openTokenizer(tokenizerJson: Uint8Array, tokenizerConfig?: Uint8Array): Promise<Tokenizer> {
  const json = readObject(tokenizerJson, 'tokenizer.json');
  const config = tokenizerConfig === undefined ? {} : readObject(tokenizerConfig, 'tokenizer_config.json');
  const kind = kindOf(json);
  const { tokens, missingBytes } = readTokens(json, kind);
  const { Tokenizer: Library } = await import('@huggingface/tokenizers');
  const library = new Library(json, config);
  const encode = (text: string): readonly number[] => library.encode(text, { add_special_tokens: false }).ids;

  const beyond = { bytes: new TextEncoder().encode('\ufffd'), added: true };
  const tokenOf = (id: number) => {
    if (!Number.isInteger(id) || id < 0) throw new Error(`${id} is no id of a token; ids are whole numbers from 0`);
    return tokens[id] ?? beyond;
  };
  const pieces = (ids: ArrayLike<number>): string[] => kind.pieces(Array.from(ids, tokenOf));
  return {
    vocabularySize: tokens.length,
    start: Int32Array.from(startOf(config, (content) => library.token_to_id(content), () => library.encode('a').ids, () => encode('a'))),
    encode(text) {
      if (missingBytes.size > 0) refuseLoss(text, missingBytes);
      return Int32Array.from(encode(text));
    },
    decode: (ids) => pieces(ids).join(''),
    pieces,
    byteLengths: (ids) => Int32Array.from(ids, (id) => tokenOf(id).bytes.length),
  };
}

function readObject(bytes: Uint8Array, where: string): Json {
  if (bytes.length > LARGEST_FILE_BYTES) throw new Error(`${where} has ${bytes.length} bytes; at most ${LARGEST_FILE_BYTES} are allowed`);
  const value = parseStrictJson(bytes, where);
  if (!isObject(value)) throw new Error(`${where} is not a JSON object`);
  return value;
}

function kindOf(json: Json): VocabularyKind {
  const { model, decoder } = json;
  const supported = `supported: ${kinds.map(({ title }) => title).join(', ')}`;
  if (!isObject(model) || model['type'] !== 'BPE') throw new Error(`tokenizer.json: the model is ${JSON.stringify(isObject(model) ? model['type'] : model)}; ${supported}`);
  const found = kinds.find((kind) => kind.decodedBy(decoder));
  if (found === undefined) throw new Error(`tokenizer.json: the decoder is ${JSON.stringify(decoder)?.slice(0, 200)}; ${supported}`);
  return found;
}

/**
 * What stands before a text when special tokens are added. tokenizer_config.json goes first where it says so (add_bos_token), as transformers reads
 * it; else what the file's own template puts there.
 */
function startOf(config: Json, idOf: (content: string) => number | undefined, withSpecial: () => readonly number[], plain: () => readonly number[]): readonly number[] {
  const { add_bos_token: addStart, bos_token: token } = config;
  if (addStart === false) return [];
  if (addStart === true && token !== undefined && token !== null) {
    const content = isObject(token) ? token['content'] : token;
    const id = typeof content === 'string' ? idOf(content) : undefined;
    if (id === undefined) throw new Error(`tokenizer_config.json: add_bos_token is true, and bos_token ${JSON.stringify(content)} is not in the vocabulary`);
    return [id];
  }
  const [all, bare] = [withSpecial(), plain()];
  for (let at = 0; at + bare.length <= all.length; at++) {
    if (bare.every((id, index) => id === all[at + index])) return all.slice(0, at);
  }
  throw new Error('tokenizer.json: its post_processor changes the tokens of a text; only templates that put special tokens around it are supported');
}

/** Python's tokenizers drops such bytes in silence: what is scored would not be the text. */
function refuseLoss(text: string, missing: ReadonlySet<number>): void {
  const lost = new TextEncoder().encode(text).find((byte) => missing.has(byte));
  if (lost === undefined) return;
  throw new Error(`the text has the byte 0x${lost.toString(16).padStart(2, '0')}, for which this tokenizer's vocabulary has no token; it would be lost`);
}
