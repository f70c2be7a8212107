/**
 * The register of kinds of weight files, and the contract that each one keeps.
 *
 * Adding a kind is one file in weight-files/ and one line here. What files say is hostile until checked: a kind proves that a tensor
 * lies inside its file before anything of its size is allocated.
 */
import type { ByteSource } from './byte-source.ts';
import { gguf } from './weight-files/gguf.ts';
import { safetensors } from './weight-files/safetensors.ts';

export interface WeightTensor {
  readonly shape: readonly number[];
  /** What it is stored as, in the file's own words: 'BF16', 'Q4_1'. */
  readonly storedType: string;
  /** Bytes that it takes in the file. */
  readonly storedBytes: number;
  /** The type of its elements as a format; undefined for one that no weight has (integers). */
  readonly format: 'fp32' | 'fp16' | 'bf16' | undefined;
  /** fp32 values, or the bits of the 16-bit types; read, and decoded where the file's type is none of the three, each time. Throws where format is undefined. */
  elements(): Float32Array | Uint16Array;
  /** They will be asked for next: the file may be read meanwhile. */
  announce(): void;
}

export interface WeightFileKind {
  /** 'safetensors'. */
  readonly name: string;
  /** Types that weights may be stored as, in its own words. */
  readonly weightTypes: readonly string[];
  /** Whether a file that begins with these bytes (16, or all) is of this kind. */
  recognises(start: Uint8Array): boolean;
  /** The tensors by their names in Hugging Face's layout. `files`: all shards, in any order. Throws what is wrong with them. */
  open(files: readonly ByteSource[]): ReadonlyMap<string, WeightTensor>;
  /** Where the files say it themselves: what the config.json of this model would say. Throws what is missing. */
  config?(files: readonly ByteSource[]): Readonly<Record<string, unknown>>;
}

export const weightFileKinds: readonly WeightFileKind[] = [gguf, safetensors];

/** The kind of these files, which are all of one; an error that lists the kinds otherwise. */
export function weightFileKindOf(files: readonly ByteSource[]): WeightFileKind {
  if (files.length === 0) throw new Error('a checkpoint needs at least one file of weights');
  const kinds = files.map((file) => weightFileKinds.find((kind) => kind.recognises(file.read(0, Math.min(16, file.bytes)))));
  const [first] = kinds;
  if (first === undefined || kinds.some((kind) => kind !== first)) {
    throw new Error(`the weights are ${[...new Set(kinds.map((kind) => kind?.name ?? 'a file of an unknown kind'))].join(' and ')}; they may be ${weightFileKinds.map(({ name }) => name).join(' or ')}`);
  }
  return first;
}
