/*
 * Products of bf16: how weights and rows lie in cache for them. A tile of weights is 16 outputs x 32 columns, decoded from whatever the format
 * is; a tile of x is 32 columns x 16 rows, two columns of a row to a word. A block of 64 columns makes two tiles: its even columns, then its odd
 * ones, which is how the packed weights fall apart. A tile of sums is [output][row], in fp32, and is turned when it is done.
 * The file that includes this says how many panels of 16 outputs are decoded side by side: TILE_PANELS.
 */

enum { TILE_BYTES = 1024 };

static inline __m512i bf16_pairs(__m512 high, __m512 low) { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }

/* rows[i][j] to rows[j][i], words of 32 bits. */
static inline __attribute__((always_inline)) void transpose16(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  /* r[4i + j]: column j of each quarter, of rows 4i .. 4i + 3. */
  for (int j = 0; j < 4; j++) {
    t[j] = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xdd);
    t[8 + j] = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88);
    t[12 + j] = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xdd);
  }
  for (int j = 0; j < 4; j++) {
    r[j] = _mm512_shuffle_i32x4(t[j], t[8 + j], 0x88);
    r[8 + j] = _mm512_shuffle_i32x4(t[j], t[8 + j], 0xdd);
    r[4 + j] = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0x88);
    r[12 + j] = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0xdd);
  }
}

/* Where the even ones of 64 words lie. */
static inline __m512i even_words(void) {
  static const _Alignas(64) uint16_t index[32] = { 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62 };
  return _mm512_load_si512(index);
}

/* A block of x: its even columns and its odd ones. */
static inline void bf16_columns(const float *x, __m512i even_words, __m512i odd_words, __m512i *even, __m512i *odd) {
  __m512i first = bf16_pairs(_mm512_load_ps(x + 16), _mm512_load_ps(x)), second = bf16_pairs(_mm512_load_ps(x + 48), _mm512_load_ps(x + 32));
  *even = _mm512_permutex2var_epi16(first, even_words, second);
  *odd = _mm512_permutex2var_epi16(first, odd_words, second);
}

/* `blocks` blocks of up to sixteen rows, `stride` floats apart, to tiles: [block][even, odd][column pair][row]. */
static void bf16_pack_tiles(const float *x, int32_t rows, int32_t stride, int32_t blocks, uint8_t *packed) {
  const __m512i even_at = even_words(), odd_at = _mm512_add_epi16(even_at, _mm512_set1_epi16(1));
  for (int32_t k = 0; k < blocks * BW_BLOCK; k += BW_BLOCK, packed += 2 * TILE_BYTES) {
    __m512i even[16], odd[16];
    for (int r = 0; r < 16; r++) {
      if (r < rows) bf16_columns(x + (size_t)r * stride + k, even_at, odd_at, &even[r], &odd[r]);
      else even[r] = odd[r] = _mm512_setzero_si512();
    }
    transpose16(even);
    transpose16(odd);
    for (int p = 0; p < 16; p++) {
      _mm512_store_si512(packed + 64 * p, even[p]);
      _mm512_store_si512(packed + TILE_BYTES + 64 * p, odd[p]);
    }
  }
}

/* Block b of a row of weights in bf16: its even columns, then its odd ones. A 4-bit weight's are what bf16_table() made of its table. */
ALWAYS void bf16_decode(const enum bw_family family, const uint8_t *data, int32_t b, __m512i table, __m512i *even, __m512i *odd) {
  if (family == BW_TABLE4) {
    __m512i codes = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(data + (size_t)b * BW_TABLE4_BYTES)));
    *even = _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 4), table);
    *odd = _mm512_permutexvar_epi16(codes, table);
    return;
  }
  const uint16_t *p = (const uint16_t *)data + (size_t)b * BW_BLOCK;
  if (family == BW_FP16) {
    *even = bf16_pairs(vf_from_fp16(p + 32), vf_from_fp16(p));
    *odd = bf16_pairs(vf_from_fp16(p + 48), vf_from_fp16(p + 16));
  } else {
    __m512i first = _mm512_loadu_si512(p), second = _mm512_loadu_si512(p + 32);
    *even = _mm512_shuffle_i64x2(first, second, 0x44);
    *odd = _mm512_shuffle_i64x2(first, second, 0xee);
  }
}

/* Sixteen values in bf16, twice, since a permutation of 32 looks at five bits of an index. */
ALWAYS __m512i bf16_table(__m512 values) {
  __m256i entries = (__m256i)_mm512_cvtneps_pbh(values);
  return _mm512_inserti64x4(_mm512_castsi256_si512(entries), entries, 1);
}

/* Blocks [from, to) of a panel to tiles, [block][even, odd], one in TILE_PANELS places, scales multiplied in. */
ALWAYS void bf16_decode_panel(const struct bw_weight *w, const enum bw_family family, int32_t panel, int32_t from, int32_t to, uint8_t *tiles) {
  const __m512 values = _mm512_loadu_ps(w->table);
  for (int o = 0; o < BW_PANEL; o++) {
    const uint8_t *data = row_of(w, panel * BW_PANEL + o);
    uint8_t *place = tiles + 64 * o;
    for (int32_t b = from; b < to; b++, place += 2 * TILE_PANELS * TILE_BYTES) {
      __m512i even, odd, table = family == BW_TABLE4 ? bf16_table(_mm512_mul_ps(values, _mm512_set1_ps(fast_scale(data, b)))) : _mm512_setzero_si512();
      bf16_decode(family, data, b, table, &even, &odd);
      _mm512_store_si512(place, even);
      _mm512_store_si512(place + TILE_PANELS * TILE_BYTES, odd);
    }
  }
}

/* A tile of sums [output][row] to the rows from `row` on. */
static void bf16_finish(const struct bw_op *op, const uint8_t *sums, int32_t row, int32_t rows, int32_t panel) {
  __m512i r[16];
  for (int i = 0; i < 16; i++) r[i] = _mm512_load_si512(sums + 64 * i);
  transpose16(r);
  _Alignas(64) float turned[16][BW_PANEL];
  for (int i = 0; i < 16; i++) _mm512_store_si512(turned[i], r[i]);
  for (int32_t i = 0; i < rows; i++) finish_panel(op, row + i, panel, turned[i]);
}
