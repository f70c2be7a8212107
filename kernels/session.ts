/**
 * A loaded model: checkpoint + format + engine. The plain-script face of the kernels: load, step, score, generate.
 *
 * (Contract only here while the engines are being built; the implementation replaces this comment.)
 */
import type { Rows } from './ops.ts';

export interface ModelShape {
  readonly layers: number; readonly hiddenSize: number; readonly heads: number; readonly kvHeads: number; readonly headDim: number;
  readonly feedForwardSize: number; readonly vocabulary: number; readonly contextTokens: number; readonly tiedEmbeddings: boolean;
}

export interface Session {
  readonly architecture: string;
  readonly shape: ModelShape;
  readonly format: string;
  readonly engine: { readonly name: string; readonly build: string; readonly canonical: boolean };
  /** Starts `slots` empty sequences of at most `positions` tokens; gives the cache of the call before back. */
  reset(slots: number, positions: number): void;
  /**
   * Feeds rows (ascending positions within a slot; the keys of earlier positions must have been fed) and returns logits
   * [wanted.length, vocabulary] fp32 of the wanted rows (all when absent).
   */
  step(rows: Rows, wanted?: Int32Array): Promise<Float32Array<ArrayBuffer>>;
  memory(): { readonly weights: number; readonly decodedCopies: number; readonly tables: number; readonly kvCache: number; readonly workspace: number };
  dispose(): void;
}
