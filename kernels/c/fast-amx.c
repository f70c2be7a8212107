/*
 * The engine `fast` for x86-64 with AMX tiles and AVX512-BF16 (Intel's servers since 2023): from four rows on, products with 4-bit and 16-bit weights are
 * of bf16 and summed in fp32, and so is attention of eight rows on. Fewer rows, and weights in fp32, are computed as in fast-avx512.c.
 */
#define bw_avx512 bw_exact_within_fast_amx
#include "avx512.c"
#include "fast-avx512.inc.h"
#include "fast-functions.inc.h"
#include "fast-linear.inc.h"

enum { LEAST_TILE_ROWS = 4, TILE_PANELS = 2, TILE_GROUPS = 2, PIECE_BLOCKS = 10, MOST_CHUNK_PANELS = 8 };

#include "fast-bf16-tiles.inc.h"
#include "fast-amx.inc.h"

#define BF16_BEGIN use_tiles
#define BF16_END _tile_release
#define BF16_PRODUCT amx_product
#include "fast-bf16-linear.inc.h"

static void amx_linear(const struct bw_op *op, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch) {
  if (is_bf16_product(op, LEAST_TILE_ROWS)) bf16_linear(op, row_from, from, to, program, scratch);
  else fast_linear(op, row_from, from, to, program, scratch);
}

static size_t amx_linear_bytes(const struct bw_op *op) { return is_bf16_product(op, LEAST_TILE_ROWS) ? bf16_linear_bytes(op) : fast_linear_bytes(op); }

#define FAST_LINEAR amx_linear
#define FAST_LINEAR_BYTES amx_linear_bytes
#define FAST_ATTEND_RUN amx_attend_rows
#define FAST_ATTEND_BYTES amx_attend_bytes
static void amx_attend_rows(const struct bw_op *op, int32_t from, int32_t to, int32_t kv_head, float *memory);
#include "fast-attention.inc.h"
#include "fast-amx-attention.inc.h"
#include "fast.inc.h"

static void fast_cut(struct bw_op *op, int32_t threads) {
  if (op->code == BW_ATTEND) fast_cut_attend(op, threads);
  if (op->code == BW_LINEAR && is_bf16_product(op, LEAST_TILE_ROWS)) bf16_cut_linear(op, threads);
}

const struct bw_kernels bw_fast_amx = { "fast-amx", fast_execute, fast_scratch_bytes, count_not_finite, fast_cut };
