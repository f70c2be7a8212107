/*
 * The kernels for x86-64 with AVX2 and F16C (Intel since 2013, AMD since 2015): two vectors are the sixteen lanes of a dot product. These
 * processors fuse multiply and add too; the law does not, and -ffp-contract=off keeps the compiler from it. Compiled with those flags;
 * called only where the processor has them.
 */
#include <immintrin.h>
#include "bitwidth.h"
#include "program.h"

#define VW 8
/* Of 16 registers: few rows: 2 accumulators a row, 4 steps of weights, 4 planes of the table; a tile: 8 accumulators and 4 steps of a row. */
#define FEW_ROWS 4
#define TILE_ROWS 1
#define TILE_OUTPUTS 8
#define INT8_ROWS 4
#define HEADS_AT_ONCE 2

typedef __m256 vf;
typedef __m256i vi;

static inline vf vf_load(const float *p) { return _mm256_load_ps(p); }
static inline vf vf_loadu(const float *p) { return _mm256_loadu_ps(p); }
static inline vf vf_kept(vf x) { return x; }
static inline void vf_store(float *p, vf x) { _mm256_store_ps(p, x); }
static inline void vf_storeu(float *p, vf x) { _mm256_storeu_ps(p, x); }
static inline vf vf_set(float x) { return _mm256_set1_ps(x); }
static inline vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
/* a > b ? a : b, also where one is not a number. */
static inline vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf vf_floor(vf x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
/* a < b ? x : y */
static inline vf vf_less(vf a, vf b, vf x, vf y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
static inline vi vi_set(int32_t x) { return _mm256_set1_epi32(x); }
static inline vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
static inline vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
static inline vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
static inline vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
static inline vi vi_shl23(vi x) { return _mm256_slli_epi32(x, 23); }
static inline vi vi_of(vf x) { return _mm256_castps_si256(x); }
static inline vf vf_of(vi x) { return _mm256_castsi256_ps(x); }
/* Of a whole number. */
static inline vi vi_from(vf x) { return _mm256_cvttps_epi32(x); }
static inline vf vf_from_fp16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
static inline vf vf_from_bf16(const uint16_t *p) { return vf_of(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16)); }

/* Sixteen values as four planes: of each byte of an fp32, all sixteen, in both halves. A byte shuffle looks up 32 codes in a plane. */
static inline void planes_of(const float *table, __m256i plane[4]) {
  /* Bytes to planes within each four values, then the planes of the four fours together. */
  const __m128i by_byte = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m128i v[4];
  for (int i = 0; i < 4; i++) v[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(table + 4 * i)), by_byte);
  __m128i low = _mm_unpacklo_epi32(v[0], v[1]), low2 = _mm_unpacklo_epi32(v[2], v[3]), high = _mm_unpackhi_epi32(v[0], v[1]), high2 = _mm_unpackhi_epi32(v[2], v[3]);
  plane[0] = _mm256_broadcastsi128_si256(_mm_unpacklo_epi64(low, low2));
  plane[1] = _mm256_broadcastsi128_si256(_mm_unpackhi_epi64(low, low2));
  plane[2] = _mm256_broadcastsi128_si256(_mm_unpacklo_epi64(high, high2));
  plane[3] = _mm256_broadcastsi128_si256(_mm_unpackhi_epi64(high, high2));
}
/* Four steps of eight lanes: high and low nibbles of eight bytes, then of those sixteen bytes on, looked up and scaled. (The planes of a loop
   that stores nothing are made once, before it.) */
static inline void decode_codes(const float *table, float scale, const uint8_t *bytes, vf out[BW_STEPS]) {
  __m256i plane[4];
  planes_of(table, plane);
  /* All 32 codes in one vector, lanes 0 to 3 in its lower half and 4 to 7 in its upper, four by four of a step. */
  int64_t first, second;
  __builtin_memcpy(&first, bytes, 8);
  __builtin_memcpy(&second, bytes + 16, 8);
  __m256i both = _mm256_blend_epi32(_mm256_set1_epi64x(first), _mm256_set1_epi64x(second), 0xcc);
  __m256i codes = _mm256_shuffle_epi8(both, _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11, 4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15));
  codes = _mm256_and_si256(_mm256_srlv_epi32(codes, _mm256_setr_epi32(4, 0, 4, 0, 4, 0, 4, 0)), _mm256_set1_epi8(15));
  __m256i b0 = _mm256_shuffle_epi8(plane[0], codes), b1 = _mm256_shuffle_epi8(plane[1], codes);
  __m256i b2 = _mm256_shuffle_epi8(plane[2], codes), b3 = _mm256_shuffle_epi8(plane[3], codes);
  __m256i lower = _mm256_unpacklo_epi8(b0, b1), lower2 = _mm256_unpackhi_epi8(b0, b1), upper = _mm256_unpacklo_epi8(b2, b3), upper2 = _mm256_unpackhi_epi8(b2, b3);
  const vf by = vf_set(scale);
  out[0] = vf_mul(vf_of(_mm256_unpacklo_epi16(lower, upper)), by);
  out[1] = vf_mul(vf_of(_mm256_unpackhi_epi16(lower, upper)), by);
  out[2] = vf_mul(vf_of(_mm256_unpacklo_epi16(lower2, upper2)), by);
  out[3] = vf_mul(vf_of(_mm256_unpackhi_epi16(lower2, upper2)), by);
}

/* Natural order to blocks of [step][lane]. */
static void pack_row(const float *x, int32_t blocks, float *packed) {
  for (int32_t half = 0; half < 2 * blocks; half++, x += 32, packed += 32) {
    for (int g = 0; g < 2; g++) {
      vf a = _mm256_load_ps(x + 16 * g), b = _mm256_load_ps(x + 16 * g + 8);
      vf low = _mm256_permute2f128_ps(a, b, 0x20), high = _mm256_permute2f128_ps(a, b, 0x31);
      /* low: 0 1 2 3 8 9 10 11, high: 4 5 6 7 12 13 14 15 */
      _mm256_store_ps(packed + 8 * g, _mm256_shuffle_ps(low, high, 0x88));
      _mm256_store_ps(packed + 16 + 8 * g, _mm256_shuffle_ps(low, high, 0xdd));
    }
  }
}

/* Lanes [16 outputs][16] to sixteen sums, each folded 8, 4, 2, 1: the folds of two outputs share a vector, then of four, then of eight. */
static void fold_panel(const float *lanes, float *sums) {
  for (int eight = 0; eight < 2; eight++, lanes += 8 * BW_LANES, sums += 8) {
    vf a[4], b[2];
    /* Outputs i and i + 4 together, so that at the end each is in its place. */
    for (int i = 0; i < 4; i++) {
      const float *p = lanes + i * BW_LANES, *q = p + 4 * BW_LANES;
      vf first = vf_add(vf_load(p), vf_load(p + 8)), second = vf_add(vf_load(q), vf_load(q + 8));
      a[i] = vf_add(_mm256_permute2f128_ps(first, second, 0x20), _mm256_permute2f128_ps(first, second, 0x31));
    }
    for (int i = 0; i < 2; i++) b[i] = vf_add(_mm256_shuffle_ps(a[2 * i], a[2 * i + 1], 0x44), _mm256_shuffle_ps(a[2 * i], a[2 * i + 1], 0xee));
    vf_store(sums, vf_add(_mm256_shuffle_ps(b[0], b[1], 0x88), _mm256_shuffle_ps(b[0], b[1], 0xdd)));
  }
}

/*
 * Sums of codes of R rows, `stride` bytes apart, with a panel: sums [row][output]. The instruction that multiplies bytes saturates its sums
 * of two at 16 bits, which 255 * 127 * 2 exceeds; so the even and the odd columns are widened and multiplied apart, two to a 32-bit sum.
 */
static inline __attribute__((always_inline)) void int8_product(const uint8_t *panel, const int8_t *codes, size_t stride, int32_t blocks, const int R, int32_t *sums) {
  const __m256i low_bytes = _mm256_set1_epi16(255);
  __m256i acc[2 * INT8_ROWS];
  for (int i = 0; i < 2 * R; i++) acc[i] = _mm256_setzero_si256();
  for (int32_t k = 0; k < blocks * 16; k++, panel += 64) {
    __m256i even[2], odd[2];
    for (int h = 0; h < 2; h++) {
      __m256i w = _mm256_loadu_si256((const __m256i *)(panel + 32 * h));
      even[h] = _mm256_and_si256(w, low_bytes);
      odd[h] = _mm256_srli_epi16(w, 8);
    }
    for (int r = 0; r < R; r++) {
      int32_t four;
      __builtin_memcpy(&four, codes + r * stride + 4 * k, 4);
      __m256i x = _mm256_set1_epi32(four), x_even = _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8), x_odd = _mm256_srai_epi16(x, 8);
      for (int h = 0; h < 2; h++) acc[2 * r + h] = _mm256_add_epi32(acc[2 * r + h], _mm256_add_epi32(_mm256_madd_epi16(even[h], x_even), _mm256_madd_epi16(odd[h], x_odd)));
    }
  }
  for (int i = 0; i < 2 * R; i++) _mm256_store_si256((__m256i *)(sums + 8 * i), acc[i]);
}

#include "functions.inc.h"
#include "rows.inc.h"
#include "linear.inc.h"
#include "int8.inc.h"
#include "attention.inc.h"
#include "sample.inc.h"
#include "execute.inc.h"

const struct bw_kernels bw_avx2 = { "avx2", execute, scratch_bytes, count_not_finite };
