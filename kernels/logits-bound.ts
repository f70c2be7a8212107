/**
 * How far a whole model's logits may lie from the reference's under an engine that fuses and reorders fp32 sums, as a share of the largest of them. Each op has
 * a bound of its own that is derived (engines/fast-selftest.ts); of some dozen ops in sequence no derived bound is of use, so this one rests on tests: the conformance
 * suites hold such engines to it. It leaves room for other orders: 384 positions of the three bundled models by two CPU engines that fuse were 4.9e-7 apart at most.
 */
const FUSED = 2e-5;

/** A value near the border between two integers may go to the other one, and its product by a whole step with it; measured likewise: 9.6e-3 at most. */
const ROUNDED_TO_INTEGERS = 0.06;

/**
 * Of products of fp16 (webgpu-fast-f16): both factors are rounded to 11 bits and up to 16 products summed so, each by 2^-11 at most and in either direction, so that most of it cancels.
 */
const F16_PRODUCTS = 5e-3;

/** `engine`: where it is one whose products are of less than fp32. */
export const logitsBound = (format: string, engine?: string): number => format === 'int8' ? ROUNDED_TO_INTEGERS : engine === 'webgpu-fast-f16' ? F16_PRODUCTS : FUSED;
