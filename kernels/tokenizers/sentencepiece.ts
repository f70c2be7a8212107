/** SentencePiece's BPE as Hugging Face writes it (Llama 2, Mistral, Gemma): U+2581 stands for a space, and `<0x0A>` for a byte of a character without a token. */
import { isObject } from './vocabulary.ts';
import type { Token, VocabularyKind } from './vocabulary.ts';

const SPACE = '\u2581';
const utf8 = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const sentencePiece: VocabularyKind = {
  title: 'SentencePiece BPE with byte fallback',
  decodedBy: (decoder) => {
    if (!isObject(decoder) || decoder['type'] !== 'Sequence' || !Array.isArray(decoder['decoders'])) return false;
    const types = decoder['decoders'].map((step: unknown) => (isObject(step) ? step['type'] : undefined));
    // Strip takes away the space that encoding put before a text; decode() here leaves all spaces.
    return types.slice(0, 3).join() === 'Replace,ByteFallback,Fuse' && (types.length === 3 || (types.length === 4 && types[3] === 'Strip'));
  },
  token: (content) => {
    const byte = /^<0x([0-9A-F]{2})>$/.exec(content)?.[1];
    return byte === undefined ? textToken(content) : { bytes: Uint8Array.of(Number.parseInt(byte, 16)), added: false, fallback: true };
  },
  addedToken: textToken,
  byteContent: (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  pieces,
};

function textToken(content: string): Token {
  return { bytes: utf8.encode(content.replaceAll(SPACE, ' ')), added: true };
}

/** Bytes in a row are one text if they are UTF-8, else each is U+FFFD, as Hugging Face's ByteFallback has it. */
function pieces(tokens: readonly Token[]): string[] {
  const texts: string[] = [];
  for (let at = 0; at < tokens.length;) {
    let end = at;
    while (end < tokens.length && tokens[end]!.fallback === true) end++;
    if (end === at) texts.push(strict.decode(tokens[at++]!.bytes));
    else texts.push(...bytePieces(tokens.slice(at, at = end)));
  }
  return texts;
}

function bytePieces(tokens: readonly Token[]): string[] {
  const bytes = Uint8Array.from(tokens, (token) => token.bytes[0]!);
  try {
    strict.decode(bytes);
  } catch {
    return tokens.map(() => '\ufffd');
  }
  const texts: string[] = [];
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  for (const byte of bytes) texts.push(decoder.decode(Uint8Array.of(byte), { stream: true }));
  return texts;
}
