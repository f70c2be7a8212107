/**
 * A recorded step: what RecordedOps hands to a device (native code, WebAssembly) to be run in one call.
 *
 * An op is WORDS 32-bit words. Activations are padded natural rows (rows of ceil(cols / 64) * 64 floats, +0 behind cols) in the
 * device's workspace, named by the line of 64 bytes at which they begin. kernels/c/program.h and
 * kernels/wasm/assembly/program.ts read the same words.
 */

/** 32-bit words of an op. */
export const WORDS = 16;
/** Bytes of a line of the workspace. */
export const LINE_BYTES = 64;

/** What an op does. Columns: x's; "list": an offset into the program's lists. */
export const OPCODE = {
  /** out = rows of weight HANDLE named by tokens at list A0. */
  embed: 1,
  /** out = (x rsqrt(sum x^2 F0 + F1)) vector HANDLE */
  rmsNorm: 2,
  /** As rmsNorm, of x - mean, + vector HANDLE2. */
  layerNorm: 3,
  /** out [rows, A0] = x weight HANDLE^T (+ vector HANDLE2) (+ Y). */
  linear: 4,
  /** Rotary HANDLE at the positions at list A0; A1: headDim; A2: half of what turns. */
  rotate: 5,
  /** Stores X (keys) and Y (values) in cache HANDLE at (slots at list A0, positions at list A1) of layer A2. */
  remember: 6,
  /** out = attention of queries X over cache HANDLE; lists and layer as for remember; A3: heads; A4: window; F0: 1 / sqrt(headDim). */
  attend: 7,
  /** out = silu(X) Y */
  siluMul: 8,
  /** A0: 1 for the erf form, 0 for the tanh form. */
  gelu: 9,
  add: 10,
  /** out row i = X's row list[A0 + i]. */
  take: 11,
  /**
   * out = one 32-bit token per row of logits X: list A0 holds, per row, the bits of the temperature (fp32), top_k, prompt key, seed and position.
   * A row with a logit that is not finite gives -1 - (how many).
   */
  sample: 12,
  /** As rmsNorm, of each run of A1 columns alone; vector HANDLE has A1 elements, F0 is 1 / A1. */
  headNorm: 13,
  /** out = X Y */
  mul: 14,
  /** out = X F0 */
  scale: 15,
  /** out = of each run of A1 columns those from A2, A3 of them. */
  columns: 16,
} as const;

/** Places of an op's words. */
export const AT = {
  code: 0,
  /** 1: waits until every op before it is done; 0: nothing it touches is touched by ops since the last wait. */
  wait: 1,
  /** Lines; -1: none. */
  out: 2, x: 3, y: 4,
  /** A weight, vector, rotary table or cache of the device; -1: none. */
  handle: 5, handle2: 6,
  rows: 7,
  /** Of X (of the looked-up rows, for embed). */
  cols: 8,
  a0: 9, a1: 10, a2: 11, a3: 12, a4: 13,
  /** Bits of an fp32. */
  f0: 14, f1: 15,
} as const;

/** Words per row of the list of a `sample` op. */
export const SAMPLE_WORDS = 5;

export interface Program {
  /** WORDS per op; only the first `ops` count. */
  readonly words: Int32Array;
  readonly ops: number;
  /** Only the first `listLength` count. */
  readonly lists: Int32Array;
  readonly listLength: number;
  /** Lines of workspace that it needs. */
  readonly lines: number;
  /** Where what will be read lies: a device from which reading costs a round trip sends it along. */
  readonly result: { readonly line: number; readonly lines: number };
}

/** An op that could not be computed: activations of an int8 product beyond fp16, so many in the first such row. */
export interface Refusal {
  readonly op: number;
  readonly count: number;
}
