/** Which of the native library's instruction sets engines take: by default the best that the processor has. No exact result depends on it. */

/** Forces one: for tests, benches, and for telling whether one of them is wrong. */
export const INSTRUCTION_SET_VARIABLE = 'BITWIDTH_INSTRUCTION_SET';
/** The same of the engine `fast`. */
export const FAST_INSTRUCTION_SET_VARIABLE = 'BITWIDTH_FAST_INSTRUCTION_SET';
