/*
 * The product with the dot product of bf16 pairs: sums in fp32, 32 products to an instruction.
 *
 * Many rows: of the tiles of fast-bf16-tiles.inc.h, a word of weights (two columns of an output) meets the words of sixteen rows. Eight outputs and
 * three groups of rows are 24 sums, three vectors of rows and one of weights.
 * Few rows: a weight is decoded into registers and meets each row at once, lying as the tiles have it: a block's even columns, then its odd ones. A
 * 4-bit weight's scale is applied in fp32 to the sum of its block.
 */

/* Adds to the sums of eight outputs and G groups. */
ALWAYS void bf16_eight(const uint8_t *weights, const uint8_t *rows, size_t group_bytes, int32_t steps, const int G, uint8_t *sums, int first) {
  enum { OUTPUTS = 8 };
  vf acc[OUTPUTS * TILE_GROUPS];
  for (int o = 0; o < OUTPUTS; o++) for (int g = 0; g < G; g++) acc[o * G + g] = first ? vf_set(0.0f) : vf_load((const float *)(sums + g * TILE_BYTES + 64 * o));
  for (int32_t s = 0; s < steps; s++, weights += TILE_PANELS * TILE_BYTES, rows += TILE_BYTES) {
#pragma GCC unroll 4
    for (int p = 0; p < 16; p++) {
      __m512bh x[TILE_GROUPS];
      for (int g = 0; g < G; g++) x[g] = (__m512bh)_mm512_load_si512(rows + g * group_bytes + 64 * p);
      for (int o = 0; o < OUTPUTS; o++) {
        int32_t pair;
        __builtin_memcpy(&pair, weights + 64 * o + 4 * p, 4);
        __m512bh w = (__m512bh)_mm512_set1_epi32(pair);
        for (int g = 0; g < G; g++) acc[o * G + g] = _mm512_dpbf16_ps(acc[o * G + g], w, x[g]);
      }
    }
  }
  for (int o = 0; o < OUTPUTS; o++) for (int g = 0; g < G; g++) vf_store((float *)(sums + g * TILE_BYTES + 64 * o), acc[o * G + g]);
}

static void bf16_product(const uint8_t *weights, const uint8_t *rows, size_t group_bytes, int32_t steps, int32_t panels, int32_t groups, uint8_t *sums, size_t panel_bytes, int first) {
  for (int32_t p = 0; p < panels; p++, weights += TILE_BYTES, sums += panel_bytes) {
    for (int half = 0; half < TILE_BYTES; half += TILE_BYTES / 2) {
      if (groups == 3) bf16_eight(weights + half, rows, group_bytes, steps, 3, sums + half, first);
      else if (groups == 2) bf16_eight(weights + half, rows, group_bytes, steps, 2, sums + half, first);
      else bf16_eight(weights + half, rows, group_bytes, steps, 1, sums + half, first);
    }
  }
}

/* Rows packed for few: [row][block][even columns, odd columns]; a line more to a row, so that rows do not share few sets of a cache. */
static inline size_t bf16_row_bytes(const struct bw_op *op) { return (size_t)op->x_stride * 2 + 64; }

static void bf16_pack_rows(const struct bw_op *op, uint8_t *packed) {
  const __m512i even_at = even_words(), odd_at = _mm512_add_epi16(even_at, _mm512_set1_epi16(1));
  for (int32_t r = 0; r < op->rows; r++) {
    const float *x = op->x + (size_t)r * op->x_stride;
    uint8_t *to = packed + (size_t)r * bf16_row_bytes(op);
    for (int32_t k = 0; k < op->x_stride; k += BW_BLOCK, to += 128) bf16_columns(x + k, even_at, odd_at, (__m512i *)to, (__m512i *)(to + 64));
  }
}

/* How far ahead weights are asked for. From so many rows of x on, multiplying the table by a block's scale takes less than multiplying each row's sum. */
enum { BF16_AHEAD = 8192, SCALED_TABLE_ROWS = 4 };

/* Lane sums of N outputs from `o` on with R rows, `row_bytes` apart: of output o + n and row r into result[n][r]. */
ALWAYS void bf16_dots(const struct bw_weight *w, const enum bw_family family, int32_t o, const uint8_t *packed, size_t row_bytes, const int R, const int N, vf result[][BF16_FEW_ROWS]) {
  const int scale_table = family == BW_TABLE4 && R >= SCALED_TABLE_ROWS, scale_sum = family == BW_TABLE4 && R < SCALED_TABLE_ROWS;
  const vf values = _mm512_loadu_ps(w->table);
  const __m512i unscaled = bf16_table(values);
  const uint8_t *data = row_of(w, o);
  vf acc[4 * BF16_FEW_ROWS];
  for (int i = 0; i < N * R; i++) acc[i] = vf_set(0.0f);
  for (int32_t b = 0; b < w->blocks; b++) {
    prefetch_weights(data, family, b, N, BF16_AHEAD);
    for (int n = 0; n < N; n++) {
      const uint8_t *row = data + n * w->row_bytes;
      __m512i even, odd;
      bf16_decode(family, row, b, scale_table ? bf16_table(vf_mul(values, vf_set(fast_scale(row, b)))) : unscaled, &even, &odd);
      for (int r = 0; r < R; r++) {
        const uint8_t *x = packed + (size_t)r * row_bytes + (size_t)b * 128;
        vf t = scale_sum ? vf_set(0.0f) : acc[n * R + r];
        t = _mm512_dpbf16_ps(t, (__m512bh)even, (__m512bh)_mm512_load_si512(x));
        t = _mm512_dpbf16_ps(t, (__m512bh)odd, (__m512bh)_mm512_load_si512(x + 64));
        acc[n * R + r] = scale_sum ? vf_fma(t, vf_set(fast_scale(row, b)), acc[n * R + r]) : t;
      }
    }
  }
  for (int n = 0; n < N; n++) for (int r = 0; r < R; r++) result[n][r] = acc[n * R + r];
}

/* sums: [row][output]. Four outputs at once hide what one waits for; more rows of x do so too, and leave registers for one. */
ALWAYS void bf16_panel_few(const struct bw_weight *w, const enum bw_family family, int32_t panel, const uint8_t *packed, size_t row_bytes, const int R, float *sums) {
  const int N = R < SCALED_TABLE_ROWS ? 4 : 1;
  for (int c = 0; c < BW_PANEL; c += 4) {
    vf dots[4][BF16_FEW_ROWS];
    for (int i = 0; i < 4; i += N) bf16_dots(w, family, panel * BW_PANEL + c + i, packed, row_bytes, R, N, dots + i);
    for (int r = 0; r < R; r++) _mm_store_ps(sums + r * BW_PANEL + c, fast_sums(dots[0][r], dots[1][r], dots[2][r], dots[3][r]));
  }
}

#define BF16_FEW(R, FAMILY) case R: bf16_panel_few(w, FAMILY, panel, packed, row_bytes, R, sums); break;
#define BF16_FOR_SOME(FAMILY) BF16_FEW(5, FAMILY) BF16_FEW(6, FAMILY) BF16_FEW(7, FAMILY) BF16_FEW(8, FAMILY)

static void bf16_few(const struct bw_op *op, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch) {
  const struct bw_weight *w = op->handle;
  const size_t row_bytes = bf16_row_bytes(op);
  uint8_t *packed = scratch->memory;
  _Alignas(64) float sums[BF16_FEW_ROWS * BW_PANEL];
  /* What the loops, which ask for what lies ahead, will not have asked for. */
  const uint8_t *begin = row_of(w, from * BW_PANEL), *end = row_of(w, to * BW_PANEL);
  for (const uint8_t *line = begin; line < end && line < begin + BF16_AHEAD; line += 64) __builtin_prefetch(line, 0, 2);
  if (!is_packed(op, 0, op->rows, PACKED_BF16_ROWS, program, scratch)) bf16_pack_rows(op, packed);
  for (int32_t panel = from; panel < to; panel++) {
    switch (w->family) {
      case BW_FP16: switch (op->rows) { BF16_FOR_SOME(BW_FP16) } break;
      case BW_BF16: switch (op->rows) { BF16_FOR_SOME(BW_BF16) } break;
      default: switch (op->rows) { BF16_FEW(1, BW_TABLE4) BF16_FEW(2, BW_TABLE4) BF16_FEW(3, BW_TABLE4) BF16_FEW(4, BW_TABLE4) BF16_FOR_SOME(BW_TABLE4) }
    }
    for (int32_t r = 0; r < op->rows; r++) finish_panel(op, r, panel, sums + (size_t)r * BW_PANEL);
  }
  if (to == w->panels) clear_beyond(op, 0, op->rows, w->panels);
}
