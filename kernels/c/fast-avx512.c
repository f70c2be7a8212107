/*
 * The engine `fast` for x86-64 with AVX-512: products in fp32 with fused multiply-add. (On the first processors with AVX512-BF16, Intel's of 2023, a
 * bf16 dot product of 32 takes longer than two fused multiply-adds of 16: it would cost accuracy and win nothing.)
 */
#define bw_avx512 bw_exact_within_fast_avx512
#include "avx512.c"
#include "fast-avx512.inc.h"

#define FAST_LINEAR fast_linear
#define FAST_LINEAR_BYTES fast_linear_bytes
#define FAST_ATTEND_RUN fast_attend_rows
#define FAST_ATTEND_BYTES fast_attend_bytes
#include "fast-functions.inc.h"
#include "fast-linear.inc.h"
#include "fast-attention.inc.h"
#include "fast.inc.h"

static void fast_cut(struct bw_op *op, int32_t threads) {
  if (op->code == BW_ATTEND) fast_cut_attend(op, threads);
}

const struct bw_kernels bw_fast_avx512 = { "fast-avx512", fast_execute, fast_scratch_bytes, count_not_finite, fast_cut };
