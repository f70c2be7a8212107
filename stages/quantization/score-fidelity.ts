/**
 * How far a format's next-token distribution is from the base's, token by token, over the full vocabulary at temperature 1
 * (kernels/statistics.ts, `fidelity`, defines each number):
 *   nll     -log p(token)                                          nats
 *   kl      sum_v p_base(v) (log p_base(v) - log p_format(v))      nats, KL(base || format)
 *   entropy -sum_v p(v) log p(v)                                   nats
 *   top1    the most probable token
 */

/** Of the base; one value per scored position, in order of (window, position). */
export interface BaseColumns {
  readonly token: Int32Array;
  readonly nllBase: Float64Array;
  readonly entropyBase: Float64Array;
  readonly top1Base: Int32Array;
}

/** Of a format at the same positions. */
export interface FormatColumns {
  readonly nll: Float64Array;
  readonly kl: Float64Array;
  readonly entropy: Float64Array;
  readonly top1: Int32Array;
}

export interface FidelityColumns extends BaseColumns, FormatColumns {}

export function baseColumns(positions: number): BaseColumns {
  return { token: new Int32Array(positions), nllBase: new Float64Array(positions), entropyBase: new Float64Array(positions), top1Base: new Int32Array(positions) };
}

export function formatColumns(positions: number): FormatColumns {
  return { nll: new Float64Array(positions), kl: new Float64Array(positions), entropy: new Float64Array(positions), top1: new Int32Array(positions) };
}
