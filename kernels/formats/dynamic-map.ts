/**
 * The signed dynamic 8-bit map that double quantization stores absmax values in, and its encoder
 * (bitsandbytes 0.50.2: create_dynamic_map and the CPU's quantize_blockwise; test/conformance/formats-golden.test.ts holds the bits).
 *
 * Seven decades; decade i has 2^i values on either side of zero, the midpoints of 2^i equal parts of [0.1, 1] times 10^(i - 6);
 * then 0 and 1. So 127 + 127 + 2 = 256 values.
 */

/** The decades' powers of ten, in fp32. */
const POWERS = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1].map(Math.fround);

/** torch.linspace(0.1, 1, parts + 1) in fp32: from the start in its lower half, from the end in its upper, each rounded once. */
function boundaries(parts: number): number[] {
  const start = Math.fround(0.1);
  const step = Math.fround(Math.fround(1 - start) / parts);
  return Array.from({ length: parts + 1 }, (_, i) =>
    i < (parts + 1) / 2 ? Math.fround(start + step * i) : Math.fround(1 - step * (parts - i)));
}

function makeMap(): Float32Array<ArrayBuffer> {
  const values = [0, 1];
  for (const [decade, power] of POWERS.entries()) {
    const bounds = boundaries(1 << decade);
    for (let i = 0; i + 1 < bounds.length; i++) {
      const mean = Math.fround(bounds[i]! + bounds[i + 1]!) / 2;
      const value = Math.fround(power * mean);
      values.push(value, -value);
    }
  }
  return Float32Array.from(values).sort();
}

/** The 256 values, ascending. */
export const DYNAMIC_MAP = makeMap();

const GRID = 65535;
let codeOfGridPoint: Uint8Array | undefined;

/** For each of 65,536 grid points in [-1, 1], how many midpoints of the map lie below it: bitsandbytes' table, not the nearest code. */
function gridTable(): Uint8Array {
  if (codeOfGridPoint !== undefined) return codeOfGridPoint;
  const table = new Uint8Array(GRID + 1);
  let code = 0;
  for (let i = 0; i <= GRID; i++) {
    const point = Math.fround(-1 + Math.fround(Math.fround(2 * i) / GRID));
    while (code < 255 && Math.fround(DYNAMIC_MAP[code]! + DYNAMIC_MAP[code + 1]!) / 2 < point) code++;
    table[i] = code;
  }
  codeOfGridPoint = table;
  return table;
}

/** Codes of `values` and the largest magnitude of each block of `blockSize`. A block of zeros gets codes 0. */
export function encodeDynamic(values: Float32Array, blockSize: number): { codes: Uint8Array<ArrayBuffer>; absmax: Float32Array<ArrayBuffer> } {
  const grid = gridTable();
  const codes = new Uint8Array(values.length);
  const absmax = new Float32Array(Math.ceil(values.length / blockSize));
  for (let block = 0; block < absmax.length; block++) {
    const begin = block * blockSize;
    const end = Math.min(begin + blockSize, values.length);
    let largest = 0;
    for (let i = begin; i < end; i++) largest = Math.max(largest, Math.abs(values[i]!));
    absmax[block] = largest;
    if (largest === 0) continue;
    const reciprocal = Math.fround(1 / largest);
    for (let i = begin; i < end; i++) {
      const scaled = Math.min(1, Math.max(-1, Math.fround(values[i]! * reciprocal)));
      codes[i] = grid[Math.trunc(Math.fround(Math.fround(Math.fround(Math.fround(scaled + 1) * 0.5) * GRID) + 0.5))]!;
    }
  }
  return { codes, absmax };
}

/** map[code] * absmax of its block, rounded to fp32. */
export function decodeDynamic(codes: Uint8Array, absmax: Float32Array, blockSize: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = DYNAMIC_MAP[codes[i]!]! * absmax[Math.floor(i / blockSize)]!;
  return values;
}
