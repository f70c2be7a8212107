/**
 * How far a whole model's logits may lie from the reference's under an engine that fuses and reorders fp32 sums, as a share of the largest of them. Each op has
 * a bound of its own that is derived (engines/fast-selftest.ts); of some dozen ops in sequence no derived bound is of use, so this one rests on tests: the conformance
 * suites hold such engines to it. It leaves room for other orders: 384 positions of the three bundled models by two CPU engines that fuse were 4.9e-7 apart at most.
 */
const FUSED = 2e-5;

/** A value near the border between two integers may go to the other one, and its product by a whole step with it; measured likewise: 9.6e-3 at most. */
const ROUNDED_TO_INTEGERS = 0.06;

/**
 * Of fp16 products (webgpu-fast-f16): each factor, product and sum of up to 16 is rounded by 2^-11 at most, in either direction, and most of it cancels in a row: 384
 * positions of the three bundled models in fp16, nf4 and fp4 were 2.7e-3 from the reference at most. Room for other orders, and for adapters that take small numbers for zero.
 */
const F16_PRODUCTS = 0.01;

/** `engine`: where its products are of less than fp32. */
export function logitsBound(format: string, engine?: string): number {
  if (format === 'int8') return ROUNDED_TO_INTEGERS;
  return engine === 'webgpu-fast-f16' ? F16_PRODUCTS : FUSED;
}
