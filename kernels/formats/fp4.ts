/** fp4: 4-bit float, one fp32 absmax per block. */
import { FP4_RELATIVE_ERROR, FP4_TABLE } from './fp4-table.ts';
import { plain4 } from './plain4.ts';

export const fp4 = plain4('fp4', '4-bit float', FP4_TABLE, FP4_RELATIVE_ERROR);
