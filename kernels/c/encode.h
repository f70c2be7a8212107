/*
 * Encoding of 4-bit blocks (kernels/formats/blockwise4.ts, encodeBlocks), from fp32 values or from the bits of a 16-bit type, whose values are
 * never written down. The bits of that function, whatever the number of threads.
 */
#ifndef BW_ENCODE_H
#define BW_ENCODE_H
#include <stdint.h>
#include <stddef.h>

enum bw_stored { BW_STORED_FP32, BW_STORED_FP16, BW_STORED_BF16 };

struct bw_encode4 {
  const void *values;
  enum bw_stored stored;
  size_t count, block;
  /* Midpoints between neighbouring values, ascending; the code of each slot between them. */
  float bounds[15];
  int32_t order[16];
  /* Two to a byte, the even element in the high nibble; one absmax to a block. */
  uint8_t *codes;
  float *absmax;
};

/* Answers 0 where a value is not finite: what was written is then undefined. */
int bw_encode4(const struct bw_encode4 *task, int threads);
struct bw_compare4 {
  const void *values;
  enum bw_stored stored;
  size_t count, block;
  const uint8_t *codes;
  const float *scales;
  float table[16];
  /* The decoded values. */
  float *decoded;
  /* Sums of squares of the values and of the errors, added to in the order of the values, and the largest error. */
  double *sums;
};

/* Decodes whole blocks (the last may be ragged), and adds up what they lack of the values (kernels/artifact.ts, errorOf). */
void bw_compare4(const struct bw_compare4 *task);

#endif
