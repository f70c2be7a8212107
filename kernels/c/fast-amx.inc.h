/*
 * The product on AMX tiles: bf16 times bf16, summed in fp32. A tile of weights is 16 outputs x 32 columns, decoded into cache from whatever the
 * format is, with the scale multiplied into it; a tile of x is 32 columns x 16 rows, two columns of a row to a word. Two by two of them
 * meet in four tiles of sums [output][row], which are turned when they are done.
 *
 *   pieces of K, so that what is decoded fits the first-level cache
 *     pairs of panels of 16 outputs: decode the piece
 *       pairs of 16 rows: sums += weights x rows
 *
 * A block of 64 columns makes two tiles: its even columns, then its odd ones, which is how the packed weights fall apart.
 */

enum { TILE_BYTES = 1024, PIECE_BLOCKS = 10, MOST_TILE_PANELS = 8, LEAST_TILE_ROWS = 4 };

struct tile_config { uint8_t palette, start_row, reserved[14]; uint16_t row_bytes[16]; uint8_t rows[16]; };

/* Eight whole tiles. Given back by _tile_release(), so that the system need not save them. */
static inline void use_tiles(void) {
  static const struct tile_config config = { .palette = 1, .row_bytes = { 64, 64, 64, 64, 64, 64, 64, 64 }, .rows = { 16, 16, 16, 16, 16, 16, 16, 16 } };
  _tile_loadconfig(&config);
}

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

/* `blocks` blocks of up to sixteen rows, `stride` floats apart, to tiles: [block][even, odd][column pair][row]. */
static void amx_pack_rows(const float *x, int32_t rows, int32_t stride, int32_t blocks, uint8_t *packed) {
  __m512i even_words, odd_words;
  { uint16_t index[32]; for (int i = 0; i < 32; i++) index[i] = (uint16_t)(2 * i); even_words = _mm512_loadu_si512(index); odd_words = _mm512_add_epi16(even_words, _mm512_set1_epi16(1)); }
  for (int32_t k = 0; k < blocks * BW_BLOCK; k += BW_BLOCK, packed += 2 * TILE_BYTES) {
    __m512i even[16], odd[16];
    for (int r = 0; r < 16; r++) {
      if (r >= rows) {
        even[r] = odd[r] = _mm512_setzero_si512();
        continue;
      }
      const float *p = x + (size_t)r * stride + k;
      __m512i first = bf16_pairs(_mm512_load_ps(p + 16), _mm512_load_ps(p)), second = bf16_pairs(_mm512_load_ps(p + 48), _mm512_load_ps(p + 32));
      even[r] = _mm512_permutex2var_epi16(first, even_words, second);
      odd[r] = _mm512_permutex2var_epi16(first, odd_words, second);
    }
    transpose16(even);
    transpose16(odd);
    for (int p = 0; p < 16; p++) {
      _mm512_store_si512(packed + 64 * p, even[p]);
      _mm512_store_si512(packed + TILE_BYTES + 64 * p, odd[p]);
    }
  }
}

/* Blocks [from, to) of a panel to tiles, [block][even, odd] `2 * TILE_BYTES` apart. */
ALWAYS void amx_decode(const struct bw_weight *w, const enum bw_family family, int32_t panel, int32_t from, int32_t to, uint8_t *tiles) {
  const __m512 table = _mm512_loadu_ps(w->table);
  for (int o = 0; o < BW_PANEL; o++) {
    const uint8_t *data = row_of(w, panel * BW_PANEL + o);
    uint8_t *place = tiles + 64 * o;
    for (int32_t b = from; b < to; b++, place += 4 * TILE_BYTES) {
      __m512i even, odd;
      if (family == BW_TABLE4) {
        __m256i entries = (__m256i)_mm512_cvtneps_pbh(_mm512_mul_ps(table, _mm512_set1_ps(fast_scale(data, b))));
        /* Twice, since a permutation of 32 looks at five bits of an index. */
        __m512i twice = _mm512_inserti64x4(_mm512_castsi256_si512(entries), entries, 1);
        __m512i codes = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(data + (size_t)b * BW_TABLE4_BYTES)));
        even = _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 4), twice);
        odd = _mm512_permutexvar_epi16(codes, twice);
      } else {
        const uint16_t *p = (const uint16_t *)data + (size_t)b * BW_BLOCK;
        if (family == BW_FP16) {
          even = bf16_pairs(vf_from_fp16(p + 32), vf_from_fp16(p));
          odd = bf16_pairs(vf_from_fp16(p + 48), vf_from_fp16(p + 16));
        } else {
          __m512i first = _mm512_loadu_si512(p), second = _mm512_loadu_si512(p + 32);
          even = _mm512_shuffle_i64x2(first, second, 0x44);
          odd = _mm512_shuffle_i64x2(first, second, 0xee);
        }
      }
      _mm512_store_si512(place, even);
      _mm512_store_si512(place + 2 * TILE_BYTES, odd);
    }
  }
}

/* Sums of P panels and G groups of rows over `steps` tiles. `sums`: [panel][group] tiles, `panel_bytes` from one panel's to the next's; added to
   unless `first`. Tile s of a panel lies at weights + 2 s TILE_BYTES (panel 1: one tile behind), of a group at rows + s TILE_BYTES. */
ALWAYS void amx_product(const uint8_t *weights, const uint8_t *rows, size_t group_bytes, int32_t steps, const int P, const int G, uint8_t *sums, size_t panel_bytes, int first) {
  _tile_zero(0);
  if (G > 1) _tile_zero(1);
  if (P > 1) _tile_zero(2);
  if (P > 1 && G > 1) _tile_zero(3);
  if (!first) {
    _tile_loadd(0, sums, 64);
    if (G > 1) _tile_loadd(1, sums + TILE_BYTES, 64);
    if (P > 1) _tile_loadd(2, sums + panel_bytes, 64);
    if (P > 1 && G > 1) _tile_loadd(3, sums + panel_bytes + TILE_BYTES, 64);
  }
  for (int32_t s = 0; s < steps; s++, weights += 2 * TILE_BYTES, rows += TILE_BYTES) {
    _tile_loadd(4, weights, 64);
    _tile_loadd(6, rows, 64);
    _tile_dpbf16ps(0, 4, 6);
    if (G > 1) {
      _tile_loadd(7, rows + group_bytes, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (P > 1) {
      _tile_loadd(5, weights + TILE_BYTES, 64);
      _tile_dpbf16ps(2, 5, 6);
      if (G > 1) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, sums, 64);
  if (G > 1) _tile_stored(1, sums + TILE_BYTES, 64);
  if (P > 1) _tile_stored(2, sums + panel_bytes, 64);
  if (P > 1 && G > 1) _tile_stored(3, sums + panel_bytes + TILE_BYTES, 64);
}

/* A tile of sums [output][row] to the rows from `row` on. */
static void amx_finish(const struct bw_op *op, const uint8_t *sums, int32_t row, int32_t rows, int32_t panel) {
  __m512i r[16];
  for (int i = 0; i < 16; i++) r[i] = _mm512_load_si512(sums + 64 * i);
  transpose16(r);
  _Alignas(64) float turned[16][BW_PANEL];
  for (int i = 0; i < 16; i++) _mm512_store_si512(turned[i], r[i]);
  for (int32_t i = 0; i < rows; i++) finish_panel(op, row + i, panel, turned[i]);
}

static int uses_tiles(const struct bw_op *op) {
  enum bw_family family = ((const struct bw_weight *)op->handle)->family;
  return op->rows >= LEAST_TILE_ROWS && (family == BW_FP16 || family == BW_BF16 || family == BW_TABLE4);
}

/* First block of a piece. */
static inline int32_t piece_at(const struct bw_weight *w, int32_t pieces, int32_t piece) { return (int32_t)((int64_t)w->blocks * piece / pieces); }

static size_t groups_of(int32_t rows) { return ((size_t)rows + 15) / 16; }

/* Scratch: packed rows; decoded piece; sums [panel][group]. */
static size_t amx_linear_bytes(const struct bw_op *op) {
  if (!uses_tiles(op)) return fast_linear_bytes(op);
  size_t groups = groups_of(op->row_block);
  return groups * (size_t)op->x_stride * 32 + PIECE_BLOCKS * 4 * TILE_BYTES + MOST_TILE_PANELS * groups * TILE_BYTES;
}

static void amx_linear(const struct bw_op *op, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch) {
  if (!uses_tiles(op)) {
    fast_linear(op, row_from, from, to, program, scratch);
    return;
  }
  const struct bw_weight *w = op->handle;
  int32_t rows = op->rows - row_from < op->row_block ? op->rows - row_from : op->row_block;
  int32_t groups = (int32_t)groups_of(rows), pieces = (w->blocks + PIECE_BLOCKS - 1) / PIECE_BLOCKS;
  size_t panel_bytes = (size_t)groups * TILE_BYTES;
  uint8_t *packed = scratch->memory, *tiles = packed + groups_of(op->row_block) * (size_t)op->x_stride * 32, *sums = tiles + PIECE_BLOCKS * 4 * TILE_BYTES;
  if (!is_packed(op, row_from, rows, PACKED_BF16, program, scratch)) {
    /* By pieces, so that what is read together lies together: rows a power of two apart would share few sets of a cache. */
    uint8_t *place = packed;
    for (int32_t piece = 0; piece < pieces; piece++) {
      int32_t begin = piece_at(w, pieces, piece), here = piece_at(w, pieces, piece + 1) - begin;
      for (int32_t g = 0; g < groups; g++, place += (size_t)here * 2 * TILE_BYTES) {
        const float *x = op->x + (size_t)(row_from + 16 * g) * op->x_stride + (size_t)begin * BW_BLOCK;
        amx_pack_rows(x, rows - 16 * g < 16 ? rows - 16 * g : 16, op->x_stride, here, place);
      }
    }
  }
  use_tiles();
  for (int32_t piece = 0; piece < pieces; piece++) {
    int32_t begin = piece_at(w, pieces, piece), end = piece_at(w, pieces, piece + 1), steps = 2 * (end - begin);
    size_t group_bytes = (size_t)steps * TILE_BYTES;
    const uint8_t *rows_of_piece = packed + (size_t)begin * groups * 2 * TILE_BYTES;
    for (int32_t panel = from; panel < to; panel += 2) {
      int32_t both = panel + 1 < to;
      for (int32_t p = 0; p <= both; p++) {
        switch (w->family) {
          case BW_FP16: amx_decode(w, BW_FP16, panel + p, begin, end, tiles + p * TILE_BYTES); break;
          case BW_BF16: amx_decode(w, BW_BF16, panel + p, begin, end, tiles + p * TILE_BYTES); break;
          default: amx_decode(w, BW_TABLE4, panel + p, begin, end, tiles + p * TILE_BYTES);
        }
      }
      for (int32_t g = 0; g < groups; g += 2) {
        const uint8_t *x = rows_of_piece + (size_t)g * group_bytes;
        uint8_t *to_sums = sums + (size_t)(panel - from) * panel_bytes + (size_t)g * TILE_BYTES;
        int pair = g + 1 < groups;
        if (both && pair) amx_product(tiles, x, group_bytes, steps, 2, 2, to_sums, panel_bytes, piece == 0);
        else if (both) amx_product(tiles, x, group_bytes, steps, 2, 1, to_sums, panel_bytes, piece == 0);
        else if (pair) amx_product(tiles, x, group_bytes, steps, 1, 2, to_sums, panel_bytes, piece == 0);
        else amx_product(tiles, x, group_bytes, steps, 1, 1, to_sums, panel_bytes, piece == 0);
        if (piece < pieces - 1) continue;
        for (int32_t p = 0; p <= both; p++) {
          for (int32_t i = g; i <= g + pair; i++) {
            amx_finish(op, to_sums + (size_t)p * panel_bytes + (size_t)(i - g) * TILE_BYTES, row_from + 16 * i, rows - 16 * i < 16 ? rows - 16 * i : 16, panel + p);
          }
        }
      }
    }
  }
  _tile_release();
  if (to == w->panels) clear_beyond(op, row_from, rows, w->panels);
}

/* Rows at once: as many as decode a weight seldom, in blocks of equal size whose tiles stay within this. Panels by twos. */
static void amx_cut_linear(struct bw_op *op, int32_t threads) {
  enum { MOST_ROWS = 512, PACKED_BYTES_OF_TILES = 8 << 20 };
  const struct bw_weight *w = op->handle;
  int32_t most = PACKED_BYTES_OF_TILES / (op->x_stride * 2) / 32 * 32;
  most = most > MOST_ROWS ? MOST_ROWS : most < 32 ? 32 : most;
  int32_t blocks = (op->rows + most - 1) / most;
  op->row_block = ((op->rows + blocks - 1) / blocks + 15) / 16 * 16;
  blocks = (op->rows + op->row_block - 1) / op->row_block;
  op->units = w->panels;
  op->grain = op->units / (8 * threads) / 2 * 2;
  op->grain = op->grain < 2 ? 2 : op->grain > MOST_TILE_PANELS ? MOST_TILE_PANELS : op->grain;
  op->chunks = (op->units + op->grain - 1) / op->grain * blocks;
}
