/** nf4-dq: nf4 whose absmax values are quantized to 8 bits in their turn. */
import { double4 } from './double4.ts';
import { NF4_RELATIVE_ERROR, NF4_TABLE } from './nf4-table.ts';

export const nf4dq = double4('nf4', 'NormalFloat 4-bit, double-quantized', NF4_TABLE, NF4_RELATIVE_ERROR);
