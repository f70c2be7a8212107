/* What the fused kernels need of AVX-512 besides what the exact ones do. */

/* 24 accumulators, 4 weights and a row of 32 registers. */
#define FAST_TILE_ROWS 6
#define FAST_FEW_ROWS 4

static inline vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
/* b where a or b is not a number. */
static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vf_round(vf x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf vf_two_to(vf p, vf n) { return _mm512_scalef_ps(p, n); }
/* Within 2^-14, then a step of Newton's. */
static inline vf vf_quick_rcp(vf x) {
  vf r = _mm512_rcp14_ps(x);
  return _mm512_mul_ps(r, _mm512_fnmadd_ps(x, r, _mm512_set1_ps(2.0f)));
}

/* Four steps of sixteen lanes of block b. A 4-bit weight is not yet scaled. */
static inline __attribute__((always_inline)) void fast_decode(const struct bw_weight *w, const enum bw_family family, const uint8_t *data, int32_t b, int g, vf out[BW_STEPS]) {
  (void)g;
  if (family == BW_TABLE4) {
    const vf table = _mm512_loadu_ps(w->table);
    const uint8_t *p = data + (size_t)b * BW_TABLE4_BYTES;
    for (int half = 0; half < 2; half++) {
      __m512i codes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p + 16 * half)));
      out[2 * half] = _mm512_permutexvar_ps(_mm512_srli_epi32(codes, 4), table);
      out[2 * half + 1] = _mm512_permutexvar_ps(codes, table);
    }
  } else if (family == BW_FP32) {
    for (int s = 0; s < BW_STEPS; s++) out[s] = _mm512_loadu_ps((const float *)data + (size_t)b * BW_BLOCK + 16 * s);
  } else {
    const uint16_t *p = (const uint16_t *)data + (size_t)b * BW_BLOCK;
    for (int s = 0; s < BW_STEPS; s++) out[s] = family == BW_FP16 ? vf_from_fp16(p + 16 * s) : vf_from_bf16(p + 16 * s);
  }
}

/* The sums of four vectors. */
static inline __m128 fast_sums(vf a, vf b, vf c, vf d) {
  vf ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)), cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  /* Of each quarter: two of a and b in turn, two of c and d; then one of each. */
  vf all = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
  __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
