/*
 * Encoding of weights (kernels/formats/) from fp32 values or from the bits of a 16-bit type, whose values are never written down, and
 * comparing what was made with them (kernels/artifact.ts). The bits of those functions, whatever the number of threads.
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

struct bw_encode8 {
  const void *values;
  enum bw_stored stored;
  size_t rows, columns;
  int8_t *codes;
  /* One to a row. */
  float *scales;
};

struct bw_convert {
  const void *values;
  enum bw_stored stored;
  size_t count;
  /* NULL: the values are only looked at. */
  void *to;
  enum bw_stored type;
};

/* Each answers 0 where a value is not finite, or is none in the type that it is rounded to: what was written is then undefined. */
int bw_encode4(const struct bw_encode4 *task, int threads);
int bw_encode8(const struct bw_encode8 *task, int threads);
int bw_convert(const struct bw_convert *task, int threads);

struct bw_compare {
  const void *values;
  enum bw_stored stored;
  size_t count;
  /* BW_CODES_TABLE4: pairs of codes, a scale to `block` elements, `table`. BW_CODES_ROWS8: signed codes, a scale to `block` elements, a row. BW_CODES_PLAIN: numbers of `type`. */
  enum { BW_CODES_TABLE4, BW_CODES_ROWS8, BW_CODES_PLAIN } kind;
  const void *codes;
  const float *scales;
  size_t block;
  float table[16];
  enum bw_stored type;
  /* Room for 4 numbers of each piece (bw_compare_pieces). */
  double *pieces;
};

/*
 * Adds to `sums` the squares of the values and of the errors, takes along the largest error, and sets the last to 1 where a decoded value has other bits
 * than the one that it stands for. Sums are taken within each piece in 16 lanes, then over lanes, then over pieces, in order.
 */
void bw_compare(const struct bw_compare *task, double sums[4], int threads);
size_t bw_compare_pieces(size_t count);

#endif
