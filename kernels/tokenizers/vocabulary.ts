/** The vocabulary of a tokenizer.json: what bytes each id stands for. What the contents mean is a kind's own (byte-level.ts, sentencepiece.ts). */

export type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

export interface Token {
  readonly bytes: Uint8Array;
  /** Stands for its own text, whatever comes before: nothing of a character before it can go on in it. */
  readonly added: boolean;
  /** One byte of a character that has no token of its own. */
  readonly fallback?: boolean;
}

/** A way to write text as tokens. */
export interface VocabularyKind {
  /** For people. */
  readonly title: string;
  /** Whether a tokenizer.json with this `decoder` is of this kind. */
  decodedBy(decoder: unknown): boolean;
  /** The token that an entry of the vocabulary is. Throws a sentence without a place. */
  token(content: string): Token;
  /** The token that an added (special, or user's) entry is. */
  addedToken(content: string): Token;
  /** The content of the token that stands for a single byte. */
  byteContent(byte: number): string;
  /** A text each, as Tokenizer.pieces. */
  pieces(tokens: readonly Token[]): string[];
}

/** The tokens by id, and the bytes that no token can stand for. Throws what is wrong with the file. */
export function readTokens(json: Json, kind: VocabularyKind): { readonly tokens: readonly Token[]; readonly missingBytes: ReadonlySet<number> } {
  const { model, added_tokens: addedTokens = [] } = json;
  const entries = isObject(model) ? model['vocab'] : undefined;
  if (!isObject(entries)) throw new Error('tokenizer.json: the model has no vocabulary');
  if (!Array.isArray(addedTokens)) throw new Error('tokenizer.json: added_tokens is not a list');

  const added: [string, unknown][] = addedTokens.map((token: unknown) => (isObject(token) && typeof token['content'] === 'string' ? [token['content'], token['id']] : ['', undefined]));
  const addedContents = new Set(added.map(([content]) => content));
  const vocab = Object.entries(entries).filter(([content]) => !addedContents.has(content));
  const limit = vocab.length + added.length;
  const tokens: Token[] = [];
  const put = (content: string, id: unknown, read: (content: string) => Token): void => {
    const shown = JSON.stringify(content.length > 60 ? `${content.slice(0, 57)}...` : content);
    // Ids without gaps: so an id is a row of the embedding, and a hostile file cannot ask for a huge table.
    if (!Number.isSafeInteger(id) || (id as number) < 0 || (id as number) >= limit) throw new Error(`tokenizer.json: token ${shown} has the id ${JSON.stringify(id)}; ids are 0 .. ${limit - 1} without gaps`);
    if (tokens[id as number] !== undefined) throw new Error(`tokenizer.json: the id ${String(id)} is given twice, once to ${shown}`);
    try {
      tokens[id as number] = read(content);
    } catch (error) {
      throw new Error(`tokenizer.json: token ${shown} ${(error as Error).message}`);
    }
  };
  for (const [content, id] of vocab) put(content, id, kind.token);
  for (const [content, id] of added) put(content, id, kind.addedToken);
  const missingBytes = new Set(Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !Object.hasOwn(entries, kind.byteContent(byte))));
  if (missingBytes.size === 256) throw new Error(`tokenizer.json: the vocabulary has none of the single bytes that ${kind.title} needs`);
  return { tokens, missingBytes };
}

/** Texts of tokens whose bytes run on into each other. A character that several share stands with the last. */
export function joinedBytes(tokens: readonly Token[]): string[] {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const texts: string[] = [];
  for (const { bytes, added } of tokens) {
    // Bytes left over before an added token, or at the end, belong to the token that they came from.
    if (added && texts.length > 0) texts[texts.length - 1] += decoder.decode();
    texts.push(decoder.decode(bytes, { stream: !added }));
  }
  if (texts.length > 0) texts[texts.length - 1] += decoder.decode();
  return texts;
}
