/** What is asked of the timings: read by the configuration, obeyed by the stage. */

export interface SpeedSettings {
  readonly blocks: number;
  /** Least duration of one timing. */
  readonly seconds: number;
  readonly warmUpTokens: number;
  readonly promptTokens: number;
  /** Of the random order. */
  readonly seed: number;
}

/** Positions after the prompt that decoding may use before it starts over: keys and values of a moderate length. */
export const DECODE_SPAN = 64;
