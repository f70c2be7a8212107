/** Weights as Hugging Face publishes them: one safetensors file, or shards of which each tensor stands in one. */
import { elementsOfStored, readSafetensors, type Dtype } from '../safetensors.ts';
import type { WeightFileKind, WeightTensor } from '../weight-files.ts';

const FORMAT_OF: Partial<Record<Dtype, WeightTensor['format']>> = { F32: 'fp32', F16: 'fp16', BF16: 'bf16' };

export const safetensors: WeightFileKind = {
  name: 'safetensors',
  weightTypes: Object.keys(FORMAT_OF),

  // Eight bytes of length come first, so a file says what it is only by its header; what is none of the others is held to be one.
  recognises: () => true,

  open(files) {
    const tensors = new Map<string, WeightTensor>();
    files.forEach((file, index) => {
      const where = files.length === 1 ? 'model.safetensors' : `safetensors file ${index + 1} of ${files.length}`;
      for (const [name, tensor] of readSafetensors(file, where).tensors) {
        if (tensors.has(name)) throw new Error(`${where}: tensor ${JSON.stringify(name)} is in an earlier file too; each may stand in one`);
        const { shape, dtype, byteLength } = tensor;
        tensors.set(name, {
          shape, storedType: dtype, storedBytes: byteLength, format: FORMAT_OF[dtype],
          elements: () => elementsOfStored(tensor) as Float32Array | Uint16Array, // by FORMAT_OF
          announce: tensor.announce,
        });
      }
    });
    return tensors;
  },
};
