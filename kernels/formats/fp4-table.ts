/** FP4 as bitsandbytes has it: sign, two exponent bits, one mantissa bit, scaled to [-1, 1]. Its subnormal is not that of OCP E2M1. */
import { codeTable } from './blockwise4.ts';

/** Magnitudes by the three low bits; the fourth is the sign. Code 8, "minus zero", is +0. */
const MAGNITUDES = [0, 0.0625 / 12, 8 / 12, 1, 4 / 12, 0.5, 2 / 12, 0.25];
const VALUES = Float32Array.from([...MAGNITUDES, 0, ...MAGNITUDES.slice(1).map((magnitude) => -magnitude)]);

/** Codes in ascending order of value. Of the two zeros, 0 stands below 8, so a tiny positive value gets code 8. */
const ORDER = [11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3];

export const FP4_TABLE = codeTable(VALUES, ORDER);

/** Half of the widest gap, between 8/12 and 1; and one rounding of the product. */
export const FP4_RELATIVE_ERROR = 1 / 6 + 1e-6;
