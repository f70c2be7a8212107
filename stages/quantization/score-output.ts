/**
 * Output `scores` of the score stage, written and read, and the table rows made of it.
 *
 *   fidelity  safetensors: tensors [windows, positions] (F64: nll_base, nll, kl, entropy_base, entropy; I32: token, bytes, top1_base,
 *             top1), where position p of a window is its token p + 1: the first token has no context and is not scored
 *   sampling  JSON SamplingScores: per window, sums over the positions with at least CONTEXT_TOKENS of context
 *   null      JSON NullScores: likewise, over a sample of those positions
 *
 * Each says of itself what it scored, so that an aggregate needs the bytes and nothing else. Columns of rows are those of data/schema.sql.
 */
import { elementsOfStored, readSafetensors, writeSafetensors } from '../../kernels/safetensors.ts';
import type { Dtype, StoredTensor } from '../../kernels/index.ts';
import type { Json } from '../dag/index.ts';
import type { FidelityColumns } from './score-fidelity.ts';

/** Positions with fewer tokens before them are scored, but left out of intervals, claims and sampling. */
export const CONTEXT_TOKENS = 32;

export interface ScoredCell { readonly model: string; readonly format: string; readonly text: string }

export interface FidelityScores extends ScoredCell, FidelityColumns {
  readonly windows: number;
  /** Scored positions per window: the window's tokens less the first. */
  readonly positions: number;
  /** UTF-8 bytes of each scored token. */
  readonly bytes: Int32Array;
}

export interface SamplingScores extends ScoredCell {
  readonly temperature: number;
  /** 0: all tokens. */
  readonly topK: number;
  /** Positions summed over, per window; then the sums, per window (score-sampling.ts says of what). */
  readonly scoredTokens: readonly number[];
  readonly totalVariation: readonly number[];
  readonly outsideMass: readonly number[];
  /** With topK 0 only. */
  readonly qualityShift?: readonly number[];
  readonly baseEntropy?: readonly number[];
  readonly baseQuality?: readonly number[];
}

export interface NullScores extends ScoredCell {
  readonly temperature: number;
  /** Standard deviation of the noise, in logits; mean KL of the format and of the noise, nats. */
  readonly sigma: number;
  readonly formatKl: number;
  readonly noiseKl: number;
  /** Sampled positions per window; and per draw the quality shift of the noise, nats, summed over them. */
  readonly scoredTokens: readonly number[];
  readonly draws: readonly (readonly number[])[];
}

const COLUMNS: readonly { readonly name: string; readonly dtype: Dtype; readonly key: keyof FidelityColumns | 'bytes' }[] = [
  { name: 'token', dtype: 'I32', key: 'token' },
  { name: 'bytes', dtype: 'I32', key: 'bytes' },
  { name: 'nll_base', dtype: 'F64', key: 'nllBase' },
  { name: 'nll', dtype: 'F64', key: 'nll' },
  { name: 'kl', dtype: 'F64', key: 'kl' },
  { name: 'entropy_base', dtype: 'F64', key: 'entropyBase' },
  { name: 'entropy', dtype: 'F64', key: 'entropy' },
  { name: 'top1_base', dtype: 'I32', key: 'top1Base' },
  { name: 'top1', dtype: 'I32', key: 'top1' },
];

export function writeFidelity(scores: FidelityScores): Uint8Array<ArrayBuffer> {
  const shape = [scores.windows, scores.positions];
  const tensors = COLUMNS.map(({ name, dtype, key }): StoredTensor => {
    const { buffer, byteOffset, byteLength } = scores[key];
    return { name, dtype, shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
  });
  return writeSafetensors(tensors, new Map([['model', scores.model], ['format', scores.format], ['text', scores.text]]));
}

export function readFidelity(bytes: Uint8Array): FidelityScores {
  const { metadata, tensors } = readSafetensors(bytes, 'scores');
  const said = (name: string): string => {
    const value = metadata.get(name);
    if (value === undefined) throw new Error(`scores: metadata has no "${name}"`);
    return value;
  };
  const tensor = (name: string): StoredTensor => {
    const found = tensors.get(name);
    if (found === undefined) throw new Error(`scores: there is no tensor "${name}"`);
    return found;
  };
  const columns = Object.fromEntries(COLUMNS.map(({ name, dtype, key }) => [key, dtype === 'F64' ? doubles(tensor(name)) : elementsOfStored(tensor(name))]));
  const [windows, positions] = tensor('token').shape;
  return {
    model: said('model'), format: said('format'), text: said('text'), windows: windows!, positions: positions!,
    ...columns as unknown as FidelityColumns & { readonly bytes: Int32Array },
  };
}

function doubles({ bytes }: StoredTensor): Float64Array {
  const copy = bytes.slice();
  return new Float64Array(copy.buffer, 0, copy.length / 8);
}

export function readJson<T>(bytes: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(bytes)) as T;
}

type Row = { readonly [column: string]: Json };

/** Rows of table windows: sums over all scored positions of each window. */
export function* windowRows(cell: string, bytes: Uint8Array): Generator<Row> {
  const scores = readFidelity(bytes);
  const { model, format, text, positions } = scores;
  for (let window = 0; window < scores.windows; window++) {
    const sums = { bytes: 0, nllBase: 0, nll: 0, kl: 0, same: 0, rightToWrong: 0, wrongToRight: 0 };
    for (let i = window * positions; i < (window + 1) * positions; i++) {
      const token = scores.token[i]!;
      const base = scores.top1Base[i]!;
      const top = scores.top1[i]!;
      sums.bytes += scores.bytes[i]!;
      sums.nllBase += scores.nllBase[i]!;
      sums.nll += scores.nll[i]!;
      sums.kl += scores.kl[i]!;
      if (top === base) sums.same++;
      else if (base === token) sums.rightToWrong++;
      else if (top === token) sums.wrongToRight++;
    }
    yield {
      model, format, text, window, scored_tokens: positions, scored_bytes: sums.bytes, nll_base: sums.nllBase, nll: sums.nll, kl: sums.kl,
      same_top1: sums.same, right_to_wrong: sums.rightToWrong, wrong_to_right: sums.wrongToRight, cell,
    };
  }
}

/** Rows of table token_scores; `position` is the token's index in its window, from 1: the number of tokens before it. */
export function* tokenScoreRows(cell: string, bytes: Uint8Array): Generator<Row> {
  const s = readFidelity(bytes);
  const { model, format, text, positions } = s;
  for (let i = 0; i < s.windows * positions; i++) {
    yield {
      model, format, text, window: Math.floor(i / positions), position: (i % positions) + 1, token: s.token[i]!,
      nll_base: s.nllBase[i]!, nll: s.nll[i]!, kl: s.kl[i]!, entropy_base: s.entropyBase[i]!, entropy: s.entropy[i]!,
      top1_base: s.top1Base[i]!, top1: s.top1[i]!, cell,
    };
  }
}

/** Rows of table sampling_windows. */
export function* samplingWindowRows(cell: string, bytes: Uint8Array): Generator<Row> {
  const s = readJson<SamplingScores>(bytes);
  const { model, format, text } = s;
  for (let window = 0; window < s.scoredTokens.length; window++) {
    yield {
      model, format, text, window, temperature: s.temperature, top_k: s.topK, scored_tokens: s.scoredTokens[window]!,
      total_variation: s.totalVariation[window]!, outside_mass: s.outsideMass[window]!,
      quality_shift: s.qualityShift?.[window] ?? null, base_entropy: s.baseEntropy?.[window] ?? null, cell,
    };
  }
}
