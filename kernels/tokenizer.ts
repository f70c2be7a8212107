/**
 * Byte-level BPE tokenizers, from the tokenizer.json of a Hugging Face model. Encoding is @huggingface/tokenizers' (this file is its only
 * user); bytes and text of tokens follow from the vocabulary alone.
 */
import { parseStrictJson } from './strict-json.ts';

export interface Tokenizer {
  /** Ids are 0 .. vocabularySize - 1. */
  readonly vocabularySize: number;
  /** Ids of the text. No BOS or other special token is added; those spelled out in the text are found, as Python's tokenizers does. */
  encode(text: string): Int32Array;
  /** The text of the ids, spaces untouched. Bytes that are no UTF-8 become U+FFFD. Throws on an id that is not in the vocabulary. */
  decode(ids: ArrayLike<number>): string;
  /**
   * The text token by token; joined it is decode(ids). A character that several tokens share stands with the last of them, and
   * the others are empty.
   */
  pieces(ids: ArrayLike<number>): string[];
  /** UTF-8 bytes that each token stands for. */
  byteLengths(ids: ArrayLike<number>): Int32Array;
}

const LARGEST_FILE_BYTES = 64_000_000;

interface Token { readonly bytes: Uint8Array; /** Stands for its own text rather than for a sequence of byte symbols. */ readonly added: boolean }

/** Reads tokenizer.json and, if there is one, tokenizer_config.json. Throws what is wrong, or not supported. */
export async function openTokenizer(tokenizerJson: Uint8Array, tokenizerConfig?: Uint8Array): Promise<Tokenizer> {
  const json = readObject(tokenizerJson, 'tokenizer.json');
  const config = tokenizerConfig === undefined ? {} : readObject(tokenizerConfig, 'tokenizer_config.json');
  const tokens = readTokens(json);
  const { Tokenizer: Library } = await import('@huggingface/tokenizers');
  const library = new Library(json, config);

  const tokenOf = (id: number): Token => {
    const token = tokens[id];
    if (token === undefined) throw new Error(`token ${id} is not in the vocabulary; ids are 0 .. ${tokens.length - 1}`);
    return token;
  };
  const pieces = (ids: ArrayLike<number>): string[] => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const texts: string[] = [];
    for (const id of Array.from(ids)) {
      const { bytes, added } = tokenOf(id);
      // Bytes left over before an added token, or at the end, belong to the token that they came from.
      if (added && texts.length > 0) texts[texts.length - 1] += decoder.decode();
      texts.push(decoder.decode(bytes, { stream: !added }));
    }
    if (texts.length > 0) texts[texts.length - 1] += decoder.decode();
    return texts;
  };
  return {
    vocabularySize: tokens.length,
    encode(text) {
      return Int32Array.from(library.encode(text, { add_special_tokens: false }).ids);
    },
    decode: (ids) => pieces(ids).join(''),
    pieces,
    byteLengths: (ids) => Int32Array.from(ids, (id) => tokenOf(id).bytes.length),
  };
}

type Json = Record<string, unknown>;

function readObject(bytes: Uint8Array, where: string): Json {
  if (bytes.length > LARGEST_FILE_BYTES) throw new Error(`${where} has ${bytes.length} bytes; at most ${LARGEST_FILE_BYTES} are allowed`);
  const value = parseStrictJson(bytes, where);
  if (!isObject(value)) throw new Error(`${where} is not a JSON object`);
  return value;
}

/** The bytes of every token by id. */
function readTokens(json: Json): Token[] {
  const { model, decoder, added_tokens: addedTokens = [] } = json;
  if (!isObject(model) || model['type'] !== 'BPE' || !isObject(model['vocab'])) throw new Error('tokenizer.json: the model is not BPE with a vocabulary; byte-level BPE is supported');
  if (!isObject(decoder) || decoder['type'] !== 'ByteLevel') throw new Error(`tokenizer.json: the decoder is ${JSON.stringify(isObject(decoder) ? decoder['type'] : decoder)}; ByteLevel is supported`);
  if (!Array.isArray(addedTokens)) throw new Error('tokenizer.json: added_tokens is not a list');

  const added: [string, unknown][] = addedTokens.map((token: unknown) => (isObject(token) && typeof token['content'] === 'string' ? [token['content'], token['id']] : ['', undefined]));
  const addedContents = new Set(added.map(([content]) => content));
  const vocab = Object.entries(model['vocab']).filter(([content]) => !addedContents.has(content));
  const limit = vocab.length + added.length;
  const tokens: Token[] = [];
  const put = (content: string, id: unknown, token: Token): void => {
    // Ids without gaps: so an id is a row of the embedding, and a hostile file cannot ask for a huge table.
    if (!Number.isSafeInteger(id) || (id as number) < 0 || (id as number) >= limit) throw new Error(`tokenizer.json: token ${JSON.stringify(content)} has the id ${JSON.stringify(id)}; ids are 0 .. ${limit - 1} without gaps`);
    if (tokens[id as number] !== undefined) throw new Error(`tokenizer.json: the id ${String(id)} is given twice, once to ${JSON.stringify(content)}`);
    tokens[id as number] = token;
  };
  const symbols = byteSymbols();
  const missing = [...symbols.keys()].filter((symbol) => !Object.hasOwn(model['vocab'] as Json, symbol)).length;
  if (missing > 0) throw new Error(`tokenizer.json: the vocabulary lacks ${missing} of the 256 single bytes, so texts could lose characters`);
  const utf8 = new TextEncoder();
  for (const [content, id] of vocab) put(content, id, { bytes: bytesOfSymbols(content, symbols), added: false });
  for (const [content, id] of added) put(content, id, { bytes: utf8.encode(content), added: true });
  return tokens;
}

function bytesOfSymbols(content: string, symbols: ReadonlyMap<string, number>): Uint8Array {
  return Uint8Array.from(content, (symbol) => {
    const byte = symbols.get(symbol);
    if (byte === undefined) throw new Error(`tokenizer.json: token ${JSON.stringify(content)} has the character ${JSON.stringify(symbol)}, which stands for no byte`);
    return byte;
  });
}

/**
 * The character that stands for each byte in a byte-level vocabulary (GPT-2, bytes_to_unicode): printable Latin-1 for itself, the
 * other 68 bytes, in order, for U+0100 and following.
 */
function byteSymbols(): Map<string, number> {
  const symbols = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    symbols.set(String.fromCodePoint(printable ? byte : next++), byte);
  }
  return symbols;
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
