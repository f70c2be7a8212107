/** fp4-dq: fp4 whose absmax values are quantized to 8 bits in their turn. */
import { double4 } from './double4.ts';
import { FP4_RELATIVE_ERROR, FP4_TABLE } from './fp4-table.ts';

export const fp4dq = double4('fp4', '4-bit float, double-quantized', FP4_TABLE, FP4_RELATIVE_ERROR);
