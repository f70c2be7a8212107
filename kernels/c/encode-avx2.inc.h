/*
 * Part of encode.c: encoding in 4 bits and comparing, by hand for processors with AVX2 and more. Compilers make of the loops there what takes three to
 * eight times as long: a code is found by four comparisons instead of fifteen, and looked up in a register. The bits are the same.
 */
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 static inline __attribute__((always_inline))

/* Eight values from element `at` on. */
AVX2_INLINE __m256 widen8(const void *values, enum bw_stored stored, size_t at) {
  if (stored == BW_STORED_FP32) return _mm256_loadu_ps((const float *)values + at);
  __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)((const uint16_t *)values + at)));
  if (stored == BW_STORED_BF16) return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
  __m256i sign = _mm256_slli_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x8000)), 16), size = _mm256_slli_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x7fff)), 13);
  /* As widen() does it. */
  return _mm256_or_ps(_mm256_mul_ps(_mm256_castsi256_ps(size), _mm256_set1_ps(0x1p112f)), _mm256_castsi256_ps(sign));
}

AVX2_INLINE uint32_t largest_of(__m256i words) {
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return (uint32_t)_mm_cvtsi128_si32(_mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

/* Bounds by the step of the search that asks for them. How many were passed is counted downwards from 0, so what is looked up stands in reverse. */
struct search { __m256 middle, quarters[2], eighths, last; __m256i order; };

AVX2_INLINE struct search search_of(const float bounds[15], const int32_t order[16]) {
  float eighths[8] = {0}, last[8];
  uint8_t codes[16];
  for (int i = 0; i < 4; i++) eighths[-i & 7] = bounds[1 + 4 * i];
  for (int i = 0; i < 8; i++) last[-i & 7] = bounds[2 * i];
  for (int i = 0; i < 16; i++) codes[-i & 15] = (uint8_t)order[i];
  return (struct search){
    _mm256_set1_ps(bounds[7]), { _mm256_set1_ps(bounds[3]), _mm256_set1_ps(bounds[11]) }, _mm256_loadu_ps(eighths), _mm256_loadu_ps(last),
    _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)codes)),
  };
}

/* Minus the number of bounds below each value. */
AVX2_INLINE __m256i passed(const struct search *search, __m256 v) {
  __m256 over = _mm256_cmp_ps(v, search->middle, _CMP_GT_OQ);
  __m256i count = _mm256_castps_si256(over);
  over = _mm256_cmp_ps(v, _mm256_blendv_ps(search->quarters[0], search->quarters[1], over), _CMP_GT_OQ);
  count = _mm256_add_epi32(_mm256_add_epi32(count, count), _mm256_castps_si256(over));
  over = _mm256_cmp_ps(v, _mm256_permutevar8x32_ps(search->eighths, count), _CMP_GT_OQ);
  count = _mm256_add_epi32(_mm256_add_epi32(count, count), _mm256_castps_si256(over));
  over = _mm256_cmp_ps(v, _mm256_permutevar8x32_ps(search->last, count), _CMP_GT_OQ);
  return _mm256_add_epi32(_mm256_add_epi32(count, count), _mm256_castps_si256(over));
}

AVX2_INLINE int encode_full_block(const struct bw_encode4 *task, enum bw_stored stored, const struct search *search, size_t index) {
  static const uint32_t beyond[] = { 0x7f800000, 0x47800000, 0x7f800000 };
  size_t from = index * task->block, end = from + task->block;
  const __m256i size = _mm256_set1_epi32(0x7fffffff);
  __m256i most = _mm256_setzero_si256();
  for (size_t at = from; at < end; at += 8) most = _mm256_max_epi32(most, _mm256_and_si256(_mm256_castps_si256(widen8(task->values, stored, at)), size));
  uint32_t largest_bits = largest_of(most);
  float largest;
  memcpy(&largest, &largest_bits, sizeof largest);
  task->absmax[index] = largest;
  __m256 reciprocal = _mm256_set1_ps(1.0f / (largest > SMALLEST_ABSMAX ? largest : SMALLEST_ABSMAX));
  for (size_t at = from; at < end; at += 32) {
    __m256i count[4];
    for (size_t i = 0; i < 4; i++) count[i] = passed(search, _mm256_mul_ps(widen8(task->values, stored, at + 8 * i), reciprocal));
    /* Packing works on each half by itself, and leaves groups of four in the order 0, 2, 4, 6, 1, 3, 5, 7. */
    __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(count[0], count[1]), _mm256_packs_epi32(count[2], count[3]));
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    __m256i codes = _mm256_shuffle_epi8(search->order, _mm256_and_si256(bytes, _mm256_set1_epi8(15)));
    __m256i pairs = _mm256_maddubs_epi16(codes, _mm256_set1_epi16(0x0110));
    __m128i packed = _mm_packus_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    _mm_storeu_si128((__m128i *)(task->codes + at / 2), packed);
  }
  return largest_bits < beyond[stored];
}

AVX2_INLINE int encode_blocks_of(const struct bw_encode4 *task, enum bw_stored stored, size_t from, size_t to) {
  struct search search = search_of(task->bounds, task->order);
  int finite = 1;
  for (size_t block = from; block < to; block++) {
    if ((block + 1) * task->block <= task->count) finite &= encode_full_block(task, stored, &search, block);
    else finite &= encode_block(task, block);
  }
  return finite;
}

AVX2 static int encode_blocks_avx2(const struct bw_encode4 *task, size_t from, size_t to) {
  switch (task->stored) {
    case BW_STORED_FP32: return encode_blocks_of(task, BW_STORED_FP32, from, to);
    case BW_STORED_FP16: return encode_blocks_of(task, BW_STORED_FP16, from, to);
    default: return encode_blocks_of(task, BW_STORED_BF16, from, to);
  }
}

/* Lanes by fours. */
struct sums16 { __m256d squares[4], errors[4], largest[4]; __m256i different; };

AVX2_INLINE void add4(struct sums16 *sums, size_t lane, __m128 v, __m128 d) {
  __m256d value = _mm256_cvtps_pd(v), error = _mm256_andnot_pd(_mm256_set1_pd(-0.0), _mm256_sub_pd(_mm256_cvtps_pd(d), value));
  sums->squares[lane] = _mm256_add_pd(sums->squares[lane], _mm256_mul_pd(value, value));
  sums->errors[lane] = _mm256_add_pd(sums->errors[lane], _mm256_mul_pd(error, error));
  sums->largest[lane] = _mm256_max_pd(error, sums->largest[lane]);
}

/* Elements 8 * half.. of 16. */
AVX2_INLINE void add_half(struct sums16 *sums, size_t half, __m256 v, __m256 d) {
  add4(sums, 2 * half, _mm256_castps256_ps128(v), _mm256_castps256_ps128(d));
  add4(sums, 2 * half + 1, _mm256_extractf128_ps(v, 1), _mm256_extractf128_ps(d, 1));
  sums->different = _mm256_or_si256(sums->different, _mm256_xor_si256(_mm256_castps_si256(v), _mm256_castps_si256(d)));
}

/* Of eight codes, in bytes of 0 to 15. */
AVX2_INLINE __m256 looked_up(__m256 low, __m256 high, __m128i codes) {
  __m256i index = _mm256_cvtepu8_epi32(codes);
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, index), _mm256_permutevar8x32_ps(high, index), _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}

/* A whole number of 32 elements of one block. */
AVX2_INLINE void compare_codes(const struct bw_compare *task, enum bw_stored stored, struct sums16 *sums, size_t from, size_t n) {
  __m256 scale = _mm256_set1_ps(task->scales[from / task->block]);
  __m256 low = _mm256_mul_ps(_mm256_loadu_ps(task->table), scale), high = _mm256_mul_ps(_mm256_loadu_ps(task->table + 8), scale);
  const __m128i nibble = _mm_set1_epi8(15);
  for (size_t at = from; at < from + n; at += 32) {
    __m128i pairs = _mm_loadu_si128((const __m128i *)((const uint8_t *)task->codes + at / 2));
    __m128i even = _mm_and_si128(_mm_srli_epi16(pairs, 4), nibble), odd = _mm_and_si128(pairs, nibble);
    __m128i codes[2] = { _mm_unpacklo_epi8(even, odd), _mm_unpackhi_epi8(even, odd) };
    for (size_t i = 0; i < 2; i++) {
      add_half(sums, 0, widen8(task->values, stored, at + 16 * i), looked_up(low, high, codes[i]));
      add_half(sums, 1, widen8(task->values, stored, at + 16 * i + 8), looked_up(low, high, _mm_srli_si128(codes[i], 8)));
    }
  }
}

AVX2_INLINE void compare_blocks(const struct bw_compare *task, enum bw_stored stored, struct sums16 *sums, size_t from, size_t end) {
  for (; from < end; from += task->block) compare_codes(task, stored, sums, from, end - from < task->block ? end - from : task->block);
}

/* compare_piece(), with the same sums. */
AVX2 static void compare_piece_avx2(const struct bw_compare *task, size_t piece) {
  _Alignas(64) float v[STRIP], decoded[STRIP];
  struct sums16 sums = {0};
  size_t from = piece * SUMMED, end = task->count - from < SUMMED ? task->count : from + SUMMED;
  if (task->kind == BW_CODES_TABLE4) {
    /* A piece begins with a block. What is left has less than 32. */
    size_t whole = from + (end - from) / 32 * 32;
    if (task->stored == BW_STORED_BF16) compare_blocks(task, BW_STORED_BF16, &sums, from, whole);
    else if (task->stored == BW_STORED_FP16) compare_blocks(task, BW_STORED_FP16, &sums, from, whole);
    else compare_blocks(task, BW_STORED_FP32, &sums, from, whole);
    from = whole;
  }
  for (; from < end; from += STRIP) {
    size_t n = end - from < STRIP ? end - from : STRIP;
    widen(task->values, task->stored, from, n, v);
    decode_strip(task, from, n, decoded);
    for (; n % LANES != 0; n++) v[n] = decoded[n] = 0;
    for (size_t i = 0; i < n; i += 8) add_half(&sums, i / 8 % 2, _mm256_load_ps(v + i), _mm256_load_ps(decoded + i));
  }
  double *to = task->pieces + 4 * piece, squares[LANES], errors[LANES], largest[LANES];
  for (size_t lane = 0; lane < LANES / 4; lane++) {
    _mm256_storeu_pd(squares + 4 * lane, sums.squares[lane]);
    _mm256_storeu_pd(errors + 4 * lane, sums.errors[lane]);
    _mm256_storeu_pd(largest + 4 * lane, sums.largest[lane]);
  }
  to[0] = to[1] = to[2] = 0;
  to[3] = !_mm256_testz_si256(sums.different, sums.different);
  for (size_t lane = 0; lane < LANES; lane++) {
    to[0] += squares[lane];
    to[1] += errors[lane];
    to[2] = largest[lane] > to[2] ? largest[lane] : to[2];
  }
}

AVX2 static int compare_pieces_avx2(const struct bw_compare *task, size_t from, size_t to) {
  for (size_t piece = from; piece < to; piece++) compare_piece_avx2(task, piece);
  return 1;
}
