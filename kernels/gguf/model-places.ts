/** Where a model's tensors go in a GGUF file: its names, and its order of rows. The reverse of architectures/places.ts. */
import { DECODER_PARTS } from './architectures/places.ts';

export interface Place {
  /** In the file: 'blk.3.attn_q.weight'. */
  readonly name: string;
  /** In Hugging Face's layout. */
  readonly from: string;
  /** The values in the order of the file. */
  order(values: Float32Array, shape: readonly number[]): Float32Array;
}

const WHOLE = new Map([['model.embed_tokens', 'token_embd'], ['model.norm', 'output_norm'], ['lm_head', 'output']]);
const PARTS = new Map([...DECODER_PARTS].map(([part, name]) => [name, part]));
const asItIs = (values: Float32Array): Float32Array => values;

/** `pairsOf`: the length of a head whose rotary pairs are put side by side in q and k; undefined where they stay halves. Throws for a tensor without a place. */
export function placesOf(names: readonly string[], pairsOf: number | undefined): Place[] {
  return names.map((from) => {
    const [, layer, part, kind] = /^(?:model\.layers\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(from) ?? [];
    const found = layer === undefined ? WHOLE.get(part ?? '') : PARTS.get(part ?? '');
    if (found === undefined) throw new Error(`the tensor ${JSON.stringify(from)} has no place in a GGUF file`);
    const turns = found === 'attn_q' || found === 'attn_k';
    return { name: `${layer === undefined ? '' : `blk.${layer}.`}${found}.${kind}`, from, order: turns && pairsOf !== undefined ? (values, shape) => rowsInPairs(values, shape, pairsOf) : asItIs };
  });
}

/** Row i of half h of each head becomes row 2i + h, as convert_hf_to_gguf.py's permute() has it. A bias is a column of such rows. */
function rowsInPairs(values: Float32Array, [rows, columns = 1]: readonly number[], headDim: number): Float32Array {
  const ordered = new Float32Array(values.length);
  for (let row = 0; row < rows!; row++) {
    const inHead = row % headDim;
    const to = row - inHead + (inHead % (headDim / 2)) * 2 + Math.floor(inHead / (headDim / 2));
    ordered.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return ordered;
}
