/*
 * The engine `fast` for x86-64 with AVX512-BF16 (AMD's since 2022): products with 4-bit weights, and from five rows on with 16-bit ones, are of bf16 and
 * summed in fp32. Fewer rows of 16-bit weights are bound by memory anyway: those, weights in fp32 and attention are computed as in fast-avx512.c.
 */
#define bw_avx512 bw_exact_within_fast_avx512_bf16
#include "avx512.c"
#include "fast-avx512.inc.h"
#include "fast-functions.inc.h"
#include "fast-linear.inc.h"

enum { BF16_FEW_ROWS = 8, PACKED_BF16_ROWS = PACKED_BF16 + 1 };
enum { TILE_PANELS = 1, TILE_GROUPS = 3, PIECE_BLOCKS = 9, MOST_CHUNK_PANELS = 4 };

#include "fast-bf16-tiles.inc.h"
#include "fast-avx512-bf16.inc.h"

#define BF16_BEGIN()
#define BF16_END()
#define BF16_PRODUCT bf16_product
#include "fast-bf16-linear.inc.h"

static int is_few(const struct bw_op *op) {
  return op->rows <= BF16_FEW_ROWS && is_bf16_product(op, ((const struct bw_weight *)op->handle)->family == BW_TABLE4 ? 1 : FAST_FEW_ROWS + 1);
}

static int is_many(const struct bw_op *op) { return is_bf16_product(op, BF16_FEW_ROWS + 1); }

static void dot_linear(const struct bw_op *op, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch) {
  if (is_many(op)) bf16_linear(op, row_from, from, to, program, scratch);
  else if (is_few(op)) bf16_few(op, from, to, program, scratch);
  else fast_linear(op, row_from, from, to, program, scratch);
}

static size_t dot_linear_bytes(const struct bw_op *op) {
  return is_many(op) ? bf16_linear_bytes(op) : is_few(op) ? (size_t)op->rows * bf16_row_bytes(op) : fast_linear_bytes(op);
}

#define FAST_LINEAR dot_linear
#define FAST_LINEAR_BYTES dot_linear_bytes
#define FAST_ATTEND_RUN fast_attend_rows
#define FAST_ATTEND_BYTES fast_attend_bytes
#include "fast-attention.inc.h"
#include "fast.inc.h"

static void fast_cut(struct bw_op *op, int32_t threads) {
  if (op->code == BW_ATTEND) fast_cut_attend(op, threads);
  if (op->code == BW_LINEAR && is_many(op)) bf16_cut_linear(op, threads);
}

const struct bw_kernels bw_fast_avx512_bf16 = { "fast-avx512-bf16", fast_execute, fast_scratch_bytes, count_not_finite, fast_cut };
