/** Collects the positions that the null of equal size is computed on: every `stride`-th with enough context. */
import type { Place, WindowedText } from './score-lane.ts';
import type { NullSample } from './score-null.ts';
import { CONTEXT_TOKENS } from './score-output.ts';

export class NullSampler {
  readonly sample: NullSample;
  /** Sampled positions of each window. */
  readonly perWindow: number;
  readonly #stride: number;
  readonly #windowTokens: number;

  constructor(vocabulary: number, text: WindowedText, stride: number) {
    this.#stride = stride;
    this.#windowTokens = text.windowTokens;
    let perWindow = 0;
    for (let index = 0; index < text.positions; index++) if (this.has(index)) perWindow++;
    const count = perWindow * text.windows;
    this.perWindow = perWindow;
    this.sample = {
      vocabulary, count, window: new Int32Array(count), index: new Int32Array(count),
      base: new Float32Array(count * vocabulary), judge: new Float32Array(count * vocabulary),
    };
  }

  /** True for a sampled position, given its place among the window's scored ones. */
  has(index: number): boolean {
    return index + 1 >= CONTEXT_TOKENS && (index + 1) % this.#stride === 0;
  }

  /** Where a sampled position is among all of them. */
  slot({ window, index }: Place): number {
    const first = Math.ceil(CONTEXT_TOKENS / this.#stride);
    return window * this.perWindow + (index + 1) / this.#stride - first;
  }

  take(place: Place, base: Float32Array, judge: Float32Array): void {
    const { window, index, ...sample } = this.sample;
    const slot = this.slot(place);
    window[slot] = place.window;
    index[slot] = place.window * this.#windowTokens + place.index + 1;
    this.takeRow(place, base, sample.base);
    this.takeRow(place, judge, sample.judge);
  }

  /** Copies one model's logits of a sampled position into its own rows. */
  takeRow(place: Place, logits: Float32Array, into: Float32Array): void {
    const { vocabulary } = this.sample;
    into.set(logits.subarray(place.at, place.at + vocabulary), this.slot(place) * vocabulary);
  }
}
