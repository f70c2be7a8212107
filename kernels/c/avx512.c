/*
 * The kernels for x86-64 with AVX-512 (F, BW, DQ, VL and VNNI: Intel since 2019, AMD since 2022): one vector is the sixteen lanes of a dot
 * product. Compiled with those flags; called only where the processor has them.
 */
#include <immintrin.h>
#include "bitwidth.h"
#include "program.h"

#define VW 16
/* Of 32 registers: few rows: 4 accumulators, 4 steps of weights, the table; a tile: 2 x 4 accumulators and 2 x 4 steps of rows; values of 3 heads: 12 sums. */
#define FEW_ROWS 4
#define TILE_ROWS 2
#define TILE_OUTPUTS 4
#define HEADS_AT_ONCE 3
#define INT8_AHEAD_BYTES 2048
#define INT8_ROWS 8

typedef __m512 vf;
typedef __m512i vi;

static inline vf vf_load(const float *p) { return _mm512_load_ps(p); }
static inline vf vf_loadu(const float *p) { return _mm512_loadu_ps(p); }
/* Stays in a register: a compiler makes a loaded value that is used twice an operand in memory twice, and Zen loads one vector a cycle. */
static inline vf vf_kept(vf x) {
  __asm__("" : "+v"(x));
  return x;
}
static inline void vf_store(float *p, vf x) { _mm512_store_ps(p, x); }
static inline void vf_storeu(float *p, vf x) { _mm512_storeu_ps(p, x); }
static inline vf vf_set(float x) { return _mm512_set1_ps(x); }
static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
/* a > b ? a : b, also where one is not a number. */
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_floor(vf x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
/* a < b ? x : y */
static inline vf vf_less(vf a, vf b, vf x, vf y) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x); }
static inline vi vi_set(int32_t x) { return _mm512_set1_epi32(x); }
static inline vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
static inline vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
static inline vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
static inline vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
static inline vi vi_shl23(vi x) { return _mm512_slli_epi32(x, 23); }
static inline vi vi_of(vf x) { return _mm512_castps_si512(x); }
static inline vf vf_of(vi x) { return _mm512_castsi512_ps(x); }
/* Of a whole number. */
static inline vi vi_from(vf x) { return _mm512_cvttps_epi32(x); }
static inline vf vf_from_fp16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
static inline vf vf_from_bf16(const uint16_t *p) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16)); }

/* Four steps of sixteen lanes: high and low nibbles of sixteen bytes, then of the sixteen behind them, looked up and scaled. The scaled table is
   a permutation's source; a permutation looks at the low four bits of an index only. */
static inline void decode_codes(const float *table, float scale, const uint8_t *bytes, vf out[BW_STEPS]) {
  const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(table), _mm512_set1_ps(scale));
  for (int half = 0; half < 2; half++) {
    __m512i codes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(bytes + 16 * half)));
    out[2 * half] = _mm512_permutexvar_ps(_mm512_srli_epi32(codes, 4), scaled);
    out[2 * half + 1] = _mm512_permutexvar_ps(codes, scaled);
  }
}

/* Natural order to blocks of [step][lane]. */
static void pack_row(const float *x, int32_t blocks, float *packed) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  for (int32_t half = 0; half < 2 * blocks; half++, x += 32, packed += 32) {
    vf a = _mm512_load_ps(x), b = _mm512_load_ps(x + 16);
    _mm512_store_ps(packed, _mm512_permutex2var_ps(a, even, b));
    _mm512_store_ps(packed + 16, _mm512_permutex2var_ps(a, odd, b));
  }
}

/* The folds 8 and 4 of four outputs: their four lanes each, side by side. The folds of two outputs share a vector, then of four, ... */
static inline vf fold_four(const vf lanes[4]) {
  vf p = _mm512_add_ps(_mm512_shuffle_f32x4(lanes[0], lanes[1], 0x44), _mm512_shuffle_f32x4(lanes[0], lanes[1], 0xee));
  vf q = _mm512_add_ps(_mm512_shuffle_f32x4(lanes[2], lanes[3], 0x44), _mm512_shuffle_f32x4(lanes[2], lanes[3], 0xee));
  return _mm512_add_ps(_mm512_shuffle_f32x4(p, q, 0x88), _mm512_shuffle_f32x4(p, q, 0xdd));
}

/* The folds 2 and 1 of sixteen outputs, four to a vector. */
static inline void fold_rest(vf a, vf b, vf c, vf d, float *sums) {
  vf p = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
  vf q = _mm512_add_ps(_mm512_shuffle_ps(c, d, 0x44), _mm512_shuffle_ps(c, d, 0xee));
  vf all = _mm512_add_ps(_mm512_shuffle_ps(p, q, 0x88), _mm512_shuffle_ps(p, q, 0xdd));
  /* Output 4m + j is now at place 4j + m. */
  _mm512_store_ps(sums, _mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), all));
}

/* Sixteen outputs whose fours are folded already, at every fourth vector. */
static inline void fold_fours(const float *lanes, float *sums) {
  fold_rest(_mm512_load_ps(lanes), _mm512_load_ps(lanes + 64), _mm512_load_ps(lanes + 128), _mm512_load_ps(lanes + 192), sums);
}

/* Lanes [16 outputs][16] to sixteen sums, each folded 8, 4, 2, 1. */
static inline void fold_panel(const float *lanes, float *sums) {
  vf four[4];
  for (int m = 0; m < 4; m++) {
    vf a[4];
    for (int j = 0; j < 4; j++) a[j] = _mm512_load_ps(lanes + 16 * (4 * m + j));
    four[m] = fold_four(a);
  }
  fold_rest(four[0], four[1], four[2], four[3], sums);
}

/* Sums of codes of R rows, `stride` bytes apart, with a panel: sums [row][output]. */
static inline __attribute__((always_inline)) void int8_product(const uint8_t *panel, const int8_t *codes, size_t stride, int32_t blocks, const int R, int32_t *sums) {
  __m512i acc[INT8_ROWS];
  if (R == 1) {
    /* One row alone: four sums hide the latency of one. */
    for (int i = 0; i < 4; i++) acc[i] = _mm512_setzero_si512();
    for (int32_t k = 0; k < blocks * 16; k += 4, panel += 256) {
      for (int i = 0; i < 4; i++) {
        __builtin_prefetch(panel + INT8_AHEAD_BYTES + 64 * i, 0, 2);
        int32_t four;
        __builtin_memcpy(&four, codes + 4 * (k + i), 4);
        acc[i] = _mm512_dpbusd_epi32(acc[i], _mm512_loadu_si512(panel + 64 * i), _mm512_set1_epi32(four));
      }
    }
    _mm512_store_si512(sums, _mm512_add_epi32(_mm512_add_epi32(acc[0], acc[1]), _mm512_add_epi32(acc[2], acc[3])));
    return;
  }
  for (int r = 0; r < R; r++) acc[r] = _mm512_setzero_si512();
  for (int32_t k = 0; k < blocks * 16; k++, panel += 64) {
    __m512i w = _mm512_loadu_si512(panel);
    for (int r = 0; r < R; r++) {
      int32_t four;
      __builtin_memcpy(&four, codes + r * stride + 4 * k, 4);
      acc[r] = _mm512_dpbusd_epi32(acc[r], w, _mm512_set1_epi32(four));
    }
  }
  for (int r = 0; r < R; r++) _mm512_store_si512(sums + r * BW_PANEL, acc[r]);
}

#include "functions.inc.h"
#include "rows.inc.h"
#include "linear.inc.h"
#include "int8.inc.h"
#include "attention.inc.h"
#include "sample.inc.h"
#include "execute.inc.h"

const struct bw_kernels bw_avx512 = { "avx512", execute, scratch_bytes, count_not_finite };
