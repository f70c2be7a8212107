/** What is asked of the timings: read by the configuration, obeyed by the stage. */

/** In `engines`, the study's own engine: what `engine:` in study.yaml says. */
export const OWN_ENGINE = 'auto';

export interface SpeedSettings {
  /** OWN_ENGINE and names of the register, each timed by itself. */
  readonly engines: readonly string[];
  readonly blocks: number;
  /** Least time of decoding in one timing. */
  readonly seconds: number;
  readonly warmUpTokens: number;
  readonly promptTokens: number;
  /** Of the random order. */
  readonly seed: number;
}

/** Positions after the prompt that decoding uses before it starts over: keys and values of a moderate length. */
export const DECODE_SPAN = 64;
