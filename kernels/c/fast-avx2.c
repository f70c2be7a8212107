/* The engine `fast` for x86-64 with AVX2 and FMA (Intel since 2013, AMD since 2015): products in fp32 with fused multiply-add. */
#define bw_avx2 bw_exact_within_fast_avx2
#include "avx2.c"

/* 12 accumulators and a row of 16 registers; weights come from the tile. */
#define FAST_TILE_ROWS 3
#define FAST_FEW_ROWS 4

static inline vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
/* b where a or b is not a number. */
static inline vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf vf_round(vf x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf vf_two_to(vf p, vf n) { return vf_mul(p, vf_of(vi_shl23(vi_add(vi_from(n), vi_set(127))))); }
static inline vf vf_quick_rcp(vf x) { return _mm256_div_ps(vf_set(1.0f), x); }

/* Four steps of eight lanes of block b, from lane g. A 4-bit weight is not yet scaled. */
static inline __attribute__((always_inline)) void fast_decode(const struct bw_weight *w, const enum bw_family family, const uint8_t *data, int32_t b, int g, vf out[BW_STEPS]) {
  if (family == BW_TABLE4) decode_codes(w->table, 1.0f, data + (size_t)b * BW_TABLE4_BYTES + g, out);
  else decode_block(w, family, data, b, g, out);
}

/* The sums of four vectors. */
static inline __m128 fast_sums(vf a, vf b, vf c, vf d) {
  vf all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}

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

const struct bw_kernels bw_fast_avx2 = { "fast-avx2", fast_execute, fast_scratch_bytes, count_not_finite, fast_cut };
