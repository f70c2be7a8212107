/**
 * The ops of a recorded program, each cut into units that can be computed in any order by any thread: whole output elements.
 *
 * An op may have work that comes first (`prepare`): a product's rows are packed, or quantized for int8, where all its units find them.
 */
import { attend, attendScratchBytes, remember } from './attention';
import { add, clearTails, gelu, mul, pickColumns, rotate, scale, siluMul } from './elementwise';
import { int8Linear, int8ScratchBytes, quantizedBytes, quantizeRow } from './int8';
import { packRows, rowBytes, unpackOutput } from './layout';
import { linear } from './linear';
import { headNorm, layerNorm, rmsNorm } from './norm';
import { sample, sampleScratchBytes } from './sample';
import { blocksOf, INT8, kindOf, panelOf, panelsOf } from './weights';
import {
  ADD, argument, ATTEND, blocksIn, codeOf, colsOf, COLUMNS, EMBED, f0Of, f1Of, GELU, handle2Of, handleOf, HEAD_NORM, LAYER_NORM, LINE_SHIFT, LINEAR, MUL, outOf,
  REMEMBER, RMS_NORM, ROTATE, rowsOf, SAMPLE, SAMPLE_BYTES, SCALE, SILU_MUL, strideOf, TAKE, xOf, yOf,
} from './words';

// A cache as the host describes it.
// @ts-ignore: decorator
@inline
function cacheAt(cache: usize, layer: i32): usize { return load<usize>(cache) + <usize>layer * load<usize>(cache, 4); }
// @ts-ignore: decorator
@inline
function capacityOf(cache: usize): i32 { return load<i32>(cache, 8); }
// @ts-ignore: decorator
@inline
function kvHeadsOf(cache: usize): i32 { return load<i32>(cache, 12); }
// @ts-ignore: decorator
@inline
function headDimOf(cache: usize): i32 { return load<i32>(cache, 16); }
/** headDim as it lies in the cache. */
// @ts-ignore: decorator
@inline
function dimOf(cache: usize): i32 { return load<i32>(cache, 20); }

// @ts-ignore: decorator
@inline
function isInt8(op: usize): bool { return kindOf(handleOf(op)) == INT8; }

/** Units of an op. */
export function unitsOf(op: usize): i32 {
  const code = codeOf(op);
  if (code == LINEAR) return rowsOf(op) > 0 ? panelsOf(handleOf(op)) : 0;
  if (code == ATTEND) return rowsOf(op) * kvHeadsOf(handleOf(op));
  return rowsOf(op);
}

/** What an op costs, in multiply-adds of a product, roughly. */
export function costOf(op: usize, lists: usize): i64 {
  const elements: i64 = <i64>rowsOf(op) * colsOf(op);
  const code = codeOf(op);
  if (code == LINEAR) return elements * argument(op, 0);
  // The positions of the last row stand for all.
  if (code == ATTEND) return elements * 4 * (load<i32>(lists + (<usize>(argument(op, 1) + rowsOf(op) - 1) << 2)) + 1);
  return code == SAMPLE ? elements * 64 : elements * 8;
}

/** Whether two products need the same rows prepared in the same way. */
export function sharesRows(op: usize, other: usize): bool {
  return xOf(op) == xOf(other) && rowsOf(op) == rowsOf(other) && colsOf(op) == colsOf(other) && isInt8(op) == isInt8(other);
}

/** Bytes of a product's prepared rows. */
export function preparedBytes(op: usize): usize {
  const blocks = blocksIn(colsOf(op));
  return <usize>rowsOf(op) * (isInt8(op) ? quantizedBytes(blocks) : rowBytes(blocks));
}

/** Prepares rows [from, to) of a product. */
export function prepare(op: usize, from: i32, to: i32, prepared: usize, workspace: usize): void {
  const blocks = blocksIn(colsOf(op));
  const stride = rowBytes(blocks);
  const x: usize = workspace + (<usize>xOf(op) << LINE_SHIFT);
  if (!isInt8(op)) return packRows(x + <usize>from * stride, to - from, blocks, prepared + <usize>from * stride);
  for (let row = from; row < to; row++) quantizeRow(x + <usize>row * stride, blocks, prepared + <usize>row * quantizedBytes(blocks));
}

/** Bytes of scratch that a thread needs for any unit of an op. */
export function scratchBytes(op: usize): usize {
  const code = codeOf(op);
  if (code == LINEAR) {
    const blocks = blocksIn(colsOf(op));
    return isInt8(op) ? int8ScratchBytes(blocks) : 256 + (rowBytes(blocks) << 2);
  }
  if (code == EMBED) return strideOf(colsOf(op)) << 2;
  if (code == LAYER_NORM) return strideOf(colsOf(op));
  if (code == HEAD_NORM) return strideOf(argument(op, 1));
  if (code == SAMPLE) return sampleScratchBytes(colsOf(op));
  if (code != ATTEND) return 0;
  const cache = handleOf(op);
  return attendScratchBytes(argument(op, 3) / kvHeadsOf(cache), dimOf(cache), capacityOf(cache));
}

/** Units [from, to) of an op. `prepared`: a product's rows. */
export function compute(op: usize, from: i32, to: i32, prepared: usize, lists: usize, workspace: usize, scratch: usize): void {
  const code = codeOf(op);
  const handle = handleOf(op);
  const count = to - from;
  const columns = colsOf(op);
  const blocks = blocksIn(columns);
  const stride = strideOf(columns);
  const skipped: usize = <usize>from * stride;
  const bytes: usize = <usize>count * stride;
  const x: usize = workspace + (<usize>xOf(op) << LINE_SHIFT);
  const y: usize = workspace + (<usize>yOf(op) << LINE_SHIFT);
  const out: usize = workspace + (<usize>outOf(op) << LINE_SHIFT);
  const a0: usize = lists + (<usize>argument(op, 0) << 2);
  const a1: usize = lists + (<usize>argument(op, 1) << 2);
  switch (code) {
    case EMBED: {
      for (let row = from; row < to; row++) {
        const token = load<i32>(a0 + (<usize>row << 2));
        unpackOutput(panelOf(handle, token >> 2, scratch), token & 3, blocks, out + <usize>row * stride);
      }
      break;
    }
    case RMS_NORM: {
      rmsNorm(x + skipped, count, blocks, handle, f0Of(op), f1Of(op), out + skipped);
      break;
    }
    case LAYER_NORM: {
      layerNorm(x + skipped, count, <usize>columns, blocks, handle, handle2Of(op), scratch, f0Of(op), f1Of(op), out + skipped);
      break;
    }
    case LINEAR: {
      const outFeatures = argument(op, 0);
      const outStride = strideOf(outFeatures);
      const bias: usize = handle2Of(op) == <usize>-1 ? 0 : handle2Of(op);
      const residual: usize = yOf(op) < 0 ? 0 : y;
      if (kindOf(handle) == INT8) int8Linear(handle, from, to, prepared, rowsOf(op), bias, residual, out, outStride, scratch);
      else linear(handle, from, to, prepared, rowsOf(op), bias, residual, out, outStride, scratch);
      if (to == panelsOf(handle)) clearTails(out, rowsOf(op), <usize>outFeatures, outStride);
      break;
    }
    case ROTATE: {
      const headDim = argument(op, 1), half = argument(op, 2);
      rotate(x + skipped, count, stride, columns / headDim, headDim, half, a0 + (<usize>from << 2), load<usize>(handle), load<usize>(handle, 4), out + skipped);
      break;
    }
    case REMEMBER: {
      const layer = cacheAt(handle, argument(op, 2));
      const row: usize = <usize>from << 2;
      remember(layer, capacityOf(handle), kvHeadsOf(handle), headDimOf(handle), dimOf(handle), x + skipped, y + skipped, count, stride, a0 + row, a1 + row);
      break;
    }
    case ATTEND: {
      const layer = cacheAt(handle, argument(op, 2));
      const kvHeads = kvHeadsOf(handle);
      attend(
        layer, capacityOf(handle), kvHeads, headDimOf(handle), dimOf(handle), argument(op, 3), argument(op, 4), f0Of(op), x, from, to, stride, a0, a1, out, scratch,
      );
      // The row's last unit clears behind its columns, where no other writes.
      const first = from / kvHeads;
      clearTails(out + <usize>first * stride, to / kvHeads - first, <usize>columns, stride);
      break;
    }
    case SILU_MUL: {
      siluMul(x + skipped, y + skipped, bytes, out + skipped);
      break;
    }
    case GELU: {
      gelu(x + skipped, argument(op, 0), bytes, out + skipped);
      break;
    }
    case ADD: {
      add(x + skipped, y + skipped, bytes, out + skipped);
      break;
    }
    case HEAD_NORM: {
      headNorm(x + skipped, count, <usize>columns, stride, <usize>argument(op, 1), handle, scratch, f0Of(op), f1Of(op), out + skipped);
      break;
    }
    case MUL: {
      mul(x + skipped, y + skipped, bytes, out + skipped);
      break;
    }
    case SCALE: {
      scale(x + skipped, f0Of(op), bytes, out + skipped);
      break;
    }
    case COLUMNS: {
      const every = argument(op, 1), width = argument(op, 3);
      const runs = columns / every, outStride = strideOf(runs * width);
      pickColumns(x + skipped, count, stride, runs, every, argument(op, 2), width, outStride, out + <usize>from * outStride);
      break;
    }
    case TAKE: {
      for (let row = from; row < to; row++) memory.copy(out + <usize>row * stride, x + <usize>load<i32>(a0 + (<usize>row << 2)) * stride, stride);
      break;
    }
    case SAMPLE: {
      for (let row = from; row < to; row++) {
        store<i32>(out + (<usize>row << 2), sample(x + <usize>row * stride, columns, a0 + <usize>row * SAMPLE_BYTES, scratch));
      }
      break;
    }
    default: unreachable();
  }
}
