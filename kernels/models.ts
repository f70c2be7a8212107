/**
 * The register of architectures, and the contract that each one keeps.
 *
 * Adding an architecture is one file in models/ and one line here; test/conformance/models.test.ts finds it by this list.
 */
import type { Checkpoint } from './checkpoint.ts';
import { falcon } from './models/falcon.ts';
import { gemma3Text } from './models/gemma3-text.ts';
import { gptNeox } from './models/gpt-neox.ts';
import { llama } from './models/llama.ts';
import { mistral } from './models/mistral.ts';
import { qwen2 } from './models/qwen2.ts';
import { qwen3 } from './models/qwen3.ts';
import type { Activation, KvCache, Ops, Rotary, Rows, Vector, Weight } from './ops.ts';
import type { RotaryTables } from './rotary.ts';
import { isTied } from './tied-head.ts';

export interface ModelShape {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly feedForwardSize: number;
  readonly vocabulary: number;
  readonly contextTokens: number;
  readonly tiedEmbeddings: boolean;
}

/** Where a network takes its tensors from: the session decides which come from the checkpoint and which from an artifact. */
export interface TensorSource {
  /** A matrix [outFeatures, inFeatures]; throws unless the checkpoint has it in that shape. */
  weight(name: string, outFeatures: number, inFeatures: number): Weight;
  /** The output head, a matrix as the embeddings are. Where config.json ties it to them it is those, but for a checkpoint with another head (tied-head.ts). */
  head(name: string, embeddings: { readonly name: string; readonly weight: Weight }, tied: boolean): Weight;
  /** A vector, widened to fp32; fl32(value + plus) where `plus` is given. */
  vector(name: string, length: number, plus?: number): Vector;
  /** A rotary table, which is in no checkpoint. */
  rotary(tables: RotaryTables): Rotary;
}

/** A model in an engine's memory. */
export interface Network {
  readonly shape: ModelShape;
  /** Appends one step to the program of the engine that has the model: the logits [wanted.length, vocabulary] of the wanted rows (all when absent). */
  forward(ops: Ops, rows: Rows, cache: KvCache, wanted?: Int32Array): Activation;
}

export interface Architecture {
  /** The config's model_type. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Matrices of a layer's feed-forward network: 3 where it is gated. */
  readonly feedForwardMatrices: 2 | 3;
  /** Reads a parsed config.json. Throws ModelConfigError, naming every setting that this code does not compute as transformers does. */
  shape(config: ModelConfig): ModelShape;
  /** The linear layers that quantization replaces: all but the output head, as transformers does with bitsandbytes. In layer order. */
  linearNames(config: ModelConfig): readonly string[];
  /** Takes every tensor that it computes with, once. `positions`: how many the rotary table must hold. */
  load(config: ModelConfig, source: TensorSource, positions: number): Network;
}

/** config.json, parsed. */
export type ModelConfig = Readonly<Record<string, unknown>>;

export const architectures: readonly Architecture[] = [llama, mistral, qwen2, qwen3, falcon, gptNeox, gemma3Text];

/** What the study asks of a checkpoint's architecture. Throws as architectureNamed() and shape() do. */
export function architectureOf(checkpoint: { readonly architecture: string; readonly config: ModelConfig }): {
  readonly name: string;
  readonly shape: ModelShape;
  readonly linearNames: readonly string[];
} {
  const architecture = architectureNamed(checkpoint.architecture);
  return { name: architecture.name, shape: architecture.shape(checkpoint.config), linearNames: architecture.linearNames(checkpoint.config) };
}

/**
 * The tensors that a model is computed with, in the order of loading, and whether its embeddings are its head. A checkpoint may have more: masks
 * and frequencies that older versions of transformers wrote down, a head that is the embeddings once more.
 */
export function tensorsOf(architecture: Architecture, checkpoint: Checkpoint): { readonly names: readonly string[]; readonly tiedEmbeddings: boolean } {
  const names: string[] = [];
  let tiedEmbeddings = false;
  architecture.load(checkpoint.config, {
    weight(name, outFeatures, inFeatures) {
      names.push(name);
      return { outFeatures, inFeatures, format: 'fp32' };
    },
    head(name, embeddings, tied) {
      tiedEmbeddings = tied && isTied(checkpoint, name, embeddings.name);
      if (!tiedEmbeddings) names.push(name);
      return embeddings.weight;
    },
    vector(name, length) {
      names.push(name);
      return { length };
    },
    rotary: ({ positions, halfDim }) => ({ positions, halfDim }),
  }, 1);
  return { names, tiedEmbeddings };
}

/** The architecture of that model_type; an error that lists the known ones otherwise. */
export function architectureNamed(name: string): Architecture {
  const found = architectures.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`config.json: unknown model_type ${JSON.stringify(name)}; known are ${architectures.map((a) => a.name).join(', ')}`);
  return found;
}
