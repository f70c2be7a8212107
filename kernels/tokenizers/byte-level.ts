/** BPE over bytes (GPT-2; Llama 3, Qwen, Falcon, Pythia, SmolLM): every byte of the text has a character that stands for it. */
import { isObject, joinedBytes } from './vocabulary.ts';
import type { VocabularyKind } from './vocabulary.ts';

const symbols = byteSymbols();
const symbolOf = [...symbols.keys()];
const utf8 = new TextEncoder();

export const byteLevel: VocabularyKind = {
  title: 'byte-level BPE',
  decodedBy: (decoder) => isObject(decoder) && decoder['type'] === 'ByteLevel',
  token: (content) => ({
    bytes: Uint8Array.from(content, (symbol) => {
      const byte = symbols.get(symbol);
      if (byte === undefined) throw new Error(`has the character ${JSON.stringify(symbol)}, which stands for no byte`);
      return byte;
    }),
    added: false,
  }),
  addedToken: (content) => ({ bytes: utf8.encode(content), added: true }),
  byteContent: (byte) => symbolOf[byte]!,
  pieces: joinedBytes,
};

/**
 * The character that stands for each byte in a byte-level vocabulary (GPT-2, bytes_to_unicode): printable Latin-1 for itself, the
 * other 68 bytes, in order, for U+0100 and following.
 */
function byteSymbols(): Map<string, number> {
  const found = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    found.set(String.fromCodePoint(printable ? byte : next++), byte);
  }
  return found;
}
