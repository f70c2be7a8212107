/** nf4: NormalFloat 4-bit, one fp32 absmax per block. */
import { NF4_RELATIVE_ERROR, NF4_TABLE } from './nf4-table.ts';
import { plain4 } from './plain4.ts';

export const nf4 = plain4('nf4', 'NormalFloat 4-bit', NF4_TABLE, NF4_RELATIVE_ERROR);
