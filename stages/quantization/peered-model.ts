/** A model, by what peers are asked of it, and what is made of that: shared by those who declare the cells of peers. */
import type { Cell, CellDeclaration, InputRef } from '../dag/index.ts';
import type { StudyModel } from './config.ts';
import { aliasOf } from './model-cells.ts';
import type { Peer, PeerIdentity, PeerOnGpu, PeerSettings } from './peers.ts';
import type { SpeedSettings } from './speed-settings.ts';

/** A peer that the study names, and what of it is installed here. */
export interface StudyPeer {
  readonly peer: Peer;
  readonly settings: PeerSettings;
  readonly found: PeerIdentity | { readonly missing: string };
  /** Of one that takes GPUs to which processes can be bound: these. */
  readonly cards?: readonly PeerOnGpu[];
}

export interface PeeredModel {
  readonly model: StudyModel;
  readonly fetched: Cell;
  /** By text. */
  readonly tokens: ReadonlyMap<string, Cell>;
  /** Quantize cells by format, aliases and the base among them. */
  readonly quantized: ReadonlyMap<string, Cell>;
  /** Generate cells by format, aliases not among them. */
  readonly written: ReadonlyMap<string, readonly Cell[]>;
  readonly judge: { readonly model: StudyModel; readonly fetched: Cell };
}

export interface PeerSweep {
  readonly windows: number;
  readonly windowTokens: number;
  readonly speed: SpeedSettings;
  /** The study's, on which ours is timed beside a peer. */
  readonly engine: string;
  readonly prompts: number;
  readonly maxNewTokens: readonly number[];
}

export interface PeerCells {
  readonly scored: readonly Cell[];
  readonly timed: readonly Cell[];
  readonly written: readonly Cell[];
  readonly summarized: readonly Cell[];
  readonly summarizedTexts: readonly Cell[];
  readonly ratios: readonly Cell[];
}

/** What cells of one peer and model have in common. */
export interface PeerPlace {
  /** '<model>/<peer>', which is also their batch. */
  readonly at: string;
  readonly params: { readonly [name: string]: string };
  readonly inputs: { readonly [name: string]: InputRef };
  /** The peer's own code, and what it computes with. */
  readonly uses: readonly string[];
  /** Where the cells of a format are computed; without one, where all are timed. */
  readonly on: (format?: string) => Pick<CellDeclaration, 'facts' | 'gpus' | 'gpu' | 'anyGpu'>;
}

/** The format in which we compute the same weights: the base of an alias, and of the file as it was published, which the base decodes; undefined: none. */
export function oursOf({ model, quantized }: Pick<PeeredModel, 'model' | 'quantized'>, peer: Peer, format: string): string | undefined {
  if (format === model.baseFormat || format === peer.publishedFormat || aliasOf(model, format) !== undefined) return model.baseFormat;
  return quantized.has(format) ? format : undefined;
}

export const filesOf = ({ files }: StudyModel): 'safetensors' | 'gguf' => files.config === undefined ? 'gguf' : 'safetensors';
