/** NormalFloat 4-bit: 16 quantiles of a normal distribution, scaled to [-1, 1] (Dettmers et al., arXiv 2305.14314, appendix E). */
import { codeTable } from './blockwise4.ts';

/** fp32 bits of the 16 values, as bitsandbytes 0.50.2 has them. Codes ascend with the values. */
const BITS = [
  0xbf800000, 0xbf3239b1, 0xbf066b30, 0xbeca32a0, 0xbe91a24d, 0xbe3d353f, 0xbdba7871, 0x00000000,
  0x3da2faff, 0x3e24cae3, 0x3e7c04dd, 0x3ead033a, 0x3ee1a4b8, 0x3f1007ab, 0x3f3913b3, 0x3f800000,
];

export const NF4_TABLE = codeTable(new Float32Array(Uint32Array.from(BITS).buffer), BITS.map((_, code) => code));

/** Half of the widest gap, between -1 and its neighbour -0.6962; and one rounding of the product. */
export const NF4_RELATIVE_ERROR = (1 - 0.6961928) / 2 + 1e-6;
