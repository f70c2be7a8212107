/** What a model is computed with besides its linear layers: a checkpoint may have tensors that nothing reads. */
import type { Checkpoint } from '../../kernels/index.ts';

/** `used`: the tensors that it is computed with; `linear`: those among them that formats are about. */
export function otherTensors(checkpoint: Checkpoint, used: readonly string[], linear: ReadonlySet<string>): { readonly otherWeights: number; readonly otherBytes: number } {
  const others = used.filter((name) => !linear.has(name));
  return {
    otherWeights: others.reduce((sum, name) => sum + checkpoint.shape(name).reduce((product, size) => product * size, 1), 0),
    otherBytes: others.reduce((sum, name) => sum + checkpoint.storedBytes(name), 0),
  };
}
