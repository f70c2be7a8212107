/** What a model's weights were before this study, where their file has them quantized already: then `base` is what they decode to. */
import type { Checkpoint } from '../../kernels/index.ts';

export interface SourceType {
  /** In the file's own words: 'Q4_1'. */
  readonly type: string;
  readonly weights: number;
  readonly bytes: number;
}

/** Types that hold a number each. */
const PLAIN = new Set(['F32', 'F16', 'BF16']);

/** The types of the linear layers in the file, most weights first; undefined where none of them is quantized. */
export function quantizedTypes(checkpoint: Checkpoint, linearNames: readonly string[]): readonly SourceType[] | undefined {
  const types = new Map<string, { weights: number; bytes: number }>();
  for (const name of linearNames) {
    const { type, bytes } = checkpoint.inFile(name);
    const sum = types.get(type) ?? { weights: 0, bytes: 0 };
    sum.weights += checkpoint.shape(name).reduce((product, size) => product * size, 1);
    sum.bytes += bytes;
    types.set(type, sum);
  }
  if ([...types.keys()].every((type) => PLAIN.has(type))) return undefined;
  return [...types].map(([type, sum]) => ({ type, ...sum })).sort((a, b) => b.weights - a.weights || (a.type < b.type ? -1 : 1));
}
