/**
 * The register of architectures that GGUF files name, and the contract that each one keeps: what a config.json would say, and which tensor
 * is which in Hugging Face's layout. The forward pass is kernels/models' alone.
 *
 * Adding an architecture is one file in architectures/, of its name, and one line here.
 */
import type { Gguf } from '../gguf.ts';
import { gemma3 } from './architectures/gemma3.ts';
import { llama } from './architectures/llama.ts';
import { qwen2 } from './architectures/qwen2.ts';
import { qwen3 } from './architectures/qwen3.ts';
import { quoted } from './metadata.ts';

export interface GgufArchitecture {
  /** general.architecture. */
  readonly name: string;
  /** What config.json would say but for the tokens and types that every architecture has (model.ts). Throws naming the value that is missing or not computed. */
  config(file: Gguf): Readonly<Record<string, unknown>>;
  /** The tensor's place in the model; undefined for one that the model does not have. */
  place(name: string, file: Gguf): TensorPlace | undefined;
}

export interface TensorPlace {
  /** In Hugging Face's layout; undefined for a tensor that config() has read instead. */
  readonly name: string | undefined;
  /** What the file's writer did to it, undone: fp32 values or bits of a 16-bit type in, the same out. */
  readonly undo?: (elements: Float32Array | Uint16Array) => Float32Array | Uint16Array;
}

export const ggufArchitectures: readonly GgufArchitecture[] = [llama, qwen2, qwen3, gemma3];

/** The architecture that the file names; an error that lists the known ones otherwise. */
export function ggufArchitectureOf({ metadata }: Gguf): GgufArchitecture {
  const name = metadata.text('general.architecture');
  const found = ggufArchitectures.find((candidate) => candidate.name === name);
  if (found !== undefined) return found;
  throw new Error(name === undefined ? 'the metadata lacks general.architecture' : `general.architecture is ${quoted(name)}; known are ${ggufArchitectures.map((known) => known.name).join(', ')}`);
}
