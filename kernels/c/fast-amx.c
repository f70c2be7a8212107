/*
 * The engine `fast` for x86-64 with AMX tiles and AVX512-BF16 (Intel's servers since 2023): from four rows on, products with 4-bit and 16-bit weights are
 * of bf16 and summed in fp32, and so is attention of eight rows on. Fewer rows, and weights in fp32, are computed as in fast-avx512.c.
 */
#define bw_avx512 bw_exact_within_fast_amx
#include "avx512.c"
#include "fast-avx512.inc.h"
#include "fast-functions.inc.h"
#include "fast-linear.inc.h"
#include "fast-amx.inc.h"

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
  if (op->code == BW_LINEAR && uses_tiles(op)) amx_cut_linear(op, threads);
}

const struct bw_kernels bw_fast_amx = { "fast-amx", fast_execute, fast_scratch_bytes, count_not_finite, fast_cut };
