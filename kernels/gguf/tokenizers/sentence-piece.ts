/**
 * llama: SentencePiece's BPE with byte fallback (Llama 1 and 2, Gemma). The file has a score for each token and no merges; these follow, as in
 * transformers' conversion: a token comes of each two tokens that it is made of, the best score first.
 */
import type { GgufTokenizer } from '../tokenizer.ts';
import { missing, vocabularyJson } from './json.ts';

const SPACE = '\u2581';

const replace = (pattern: string, content: string): unknown => ({ type: 'Replace', pattern: { String: pattern }, content });
const sequence = (of: string, items: readonly unknown[]): unknown => ({ type: 'Sequence', [of]: items });

export const sentencePiece: GgufTokenizer = {
  name: 'llama',

  parts(metadata, tokens) {
    const scores = metadata.numbers('tokenizer.ggml.scores') ?? missing('tokenizer.ggml.scores');
    if (scores.length !== tokens.length) throw new Error(`tokenizer.ggml.scores has ${scores.length} entries for ${tokens.length} tokens`);
    if (!scores.every(Number.isFinite)) throw new Error('tokenizer.ggml.scores has a value that is no finite number');
    const unknown = metadata.count('tokenizer.ggml.unknown_token_id');
    const prefix = metadata.flag('tokenizer.ggml.add_space_prefix') ?? true;
    const merges = mergesOf(tokens, scores);
    const model = `{"type":"BPE","dropout":null,"unk_token":${JSON.stringify(unknown === undefined ? null : tokens[unknown] ?? null)},"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":true,"byte_fallback":true,"ignore_merges":false,"vocab":${vocabularyJson(tokens, () => true)},"merges":${JSON.stringify(merges)}}`;
    return {
      model, preTokenizer: null,
      normalizer: sequence('normalizers', [...(prefix ? [{ type: 'Prepend', prepend: SPACE }] : []), replace(' ', SPACE)]),
      decoder: sequence('decoders', [replace(SPACE, ' '), { type: 'ByteFallback' }, { type: 'Fuse' }, ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [])]),
    };
  },
};

interface Merge { readonly left: string; readonly right: string; readonly score: number; readonly leftLength: number; readonly rightLength: number; readonly order: number }

/** Sorted by score, then by the lengths of both parts, descending; among equals by the ids of the parts within a token, then by token. */
function mergesOf(tokens: readonly string[], scores: readonly number[]): [string, string][] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const merges: Merge[] = [];
  tokens.forEach((token, id) => {
    const characters = [...token];
    const own: { left: string; right: string; leftLength: number }[] = [];
    let left = '';
    for (let length = 1; length < characters.length; length++) {
      left += characters[length - 1];
      if (!ids.has(left)) continue;
      const right = token.slice(left.length);
      if (ids.has(right)) own.push({ left, right, leftLength: length });
    }
    own.sort((a, b) => ids.get(a.left)! - ids.get(b.left)! || ids.get(a.right)! - ids.get(b.right)!);
    for (const { leftLength, ...pair } of own) merges.push({ ...pair, leftLength, rightLength: characters.length - leftLength, score: scores[id]!, order: merges.length });
  });
  merges.sort((a, b) => b.score - a.score || b.leftLength - a.leftLength || b.rightLength - a.rightLength || a.order - b.order);
  return merges.map(({ left, right }) => [left, right]);
}
