/*
 * The product with weights in fp32, fused and in whatever order is fast. Weights lie as the exact engines have them, rows of x are packed
 * like them, and a dot product runs flat over both. One row (decoding) is bound by memory: a weight is decoded into registers and used at once.
 * Many rows: a panel of 16 outputs is decoded once into a tile of fp32, and FAST_TILE_ROWS rows meet four outputs at a time.
 * The file that includes this has vf_fma, fast_decode() and fast_sums(), which gives the sums of four vectors.
 */

enum { FAST_TILE_BLOCKS = 9, FAST_TILE_OUTPUTS = 4 };

ALWAYS float fast_scale(const uint8_t *data, int32_t b) {
  float scale;
  __builtin_memcpy(&scale, data + (size_t)b * BW_TABLE4_BYTES + 32, 4);
  return scale;
}

/* Lane sums of output `o` with R rows, packed `stride` apart: of row r into result[4 r]. */
ALWAYS void fast_dots(const struct bw_weight *w, const enum bw_family family, int32_t o, const float *packed, int32_t stride, const int R, vf *result) {
  const uint8_t *data = row_of(w, o);
  vf acc[FAST_FEW_ROWS];
  for (int r = 0; r < R; r++) acc[r] = vf_set(0.0f);
  for (int32_t b = 0; b < w->blocks; b++) {
    prefetch_weights(data, family, b, 1, AHEAD_BYTES);
    for (int g = 0; g < BW_LANES; g += VW) {
      vf v[BW_STEPS];
      fast_decode(w, family, data, b, g, v);
      for (int r = 0; r < R; r++) {
        const float *x = packed + (size_t)r * stride + (size_t)b * BW_BLOCK + g;
        if (family == BW_TABLE4) {
          vf t = vf_mul(v[0], vf_load(x));
          for (int s = 1; s < BW_STEPS; s++) t = vf_fma(v[s], vf_load(x + 16 * s), t);
          acc[r] = vf_fma(t, vf_set(fast_scale(data, b)), acc[r]);
        } else {
          vf t = vf_fma(v[1], vf_load(x + 16), vf_mul(v[0], vf_load(x))), u = vf_fma(v[3], vf_load(x + 48), vf_mul(v[2], vf_load(x + 32)));
          acc[r] = vf_add(acc[r], vf_add(t, u));
        }
      }
    }
  }
  for (int r = 0; r < R; r++) result[4 * r] = acc[r];
}

/* sums: [row][output]. */
ALWAYS void fast_panel_few(const struct bw_weight *w, const enum bw_family family, int32_t panel, const float *packed, int32_t stride, const int R, float *sums) {
  for (int c = 0; c < BW_PANEL; c += 4) {
    vf acc[4 * FAST_FEW_ROWS];
    for (int i = 0; i < 4; i++) fast_dots(w, family, panel * BW_PANEL + c + i, packed, stride, R, acc + i);
    for (int r = 0; r < R; r++) _mm_store_ps(sums + r * BW_PANEL + c, fast_sums(acc[4 * r], acc[4 * r + 1], acc[4 * r + 2], acc[4 * r + 3]));
  }
}

/* R rows and four outputs over `count` floats of a tile and of x. Adds to the sums unless `first`. */
ALWAYS void fast_tile_product(const float *tile, size_t tile_stride, const float *x, int32_t x_stride, int32_t count, const int R, float *sums, int first) {
  vf acc[FAST_TILE_ROWS * FAST_TILE_OUTPUTS];
  for (int i = 0; i < R * FAST_TILE_OUTPUTS; i++) acc[i] = vf_set(0.0f);
  for (int32_t k = 0; k < count; k += VW) {
    vf w[FAST_TILE_OUTPUTS];
    for (int c = 0; c < FAST_TILE_OUTPUTS; c++) w[c] = vf_load(tile + c * tile_stride + k);
    for (int r = 0; r < R; r++) {
      vf v = vf_load(x + (size_t)r * x_stride + k);
      for (int c = 0; c < FAST_TILE_OUTPUTS; c++) acc[r * FAST_TILE_OUTPUTS + c] = vf_fma(w[c], v, acc[r * FAST_TILE_OUTPUTS + c]);
    }
  }
  for (int r = 0; r < R; r++) {
    __m128 sum = fast_sums(acc[4 * r], acc[4 * r + 1], acc[4 * r + 2], acc[4 * r + 3]);
    _mm_store_ps(sums + r * BW_PANEL, first ? sum : _mm_add_ps(sum, _mm_load_ps(sums + r * BW_PANEL)));
  }
}

static void fast_tile_rows(const float *tile, size_t tile_stride, const float *x, int32_t x_stride, int32_t count, int32_t rows, float *sums, int first) {
  for (int32_t r = 0; r < rows; ) {
    const int here = rows - r >= FAST_TILE_ROWS ? FAST_TILE_ROWS : rows - r >= 2 ? 2 : 1;
    for (int c = 0; c < BW_PANEL; c += FAST_TILE_OUTPUTS) {
      const float *t = tile + c * tile_stride, *v = x + (size_t)r * x_stride;
      float *to = sums + (size_t)r * BW_PANEL + c;
      if (here == FAST_TILE_ROWS) fast_tile_product(t, tile_stride, v, x_stride, count, FAST_TILE_ROWS, to, first);
      else if (here == 2) fast_tile_product(t, tile_stride, v, x_stride, count, 2, to, first);
      else fast_tile_product(t, tile_stride, v, x_stride, count, 1, to, first);
    }
    r += here;
  }
}

ALWAYS void fast_panel_many(const struct bw_weight *w, const enum bw_family family, int32_t panel, const float *packed, int32_t stride, int32_t rows, float *sums, float *tile) {
  int32_t pieces = (w->blocks + FAST_TILE_BLOCKS - 1) / FAST_TILE_BLOCKS;
  for (int32_t piece = 0, from = 0; piece < pieces; piece++) {
    int32_t to = (int32_t)((int64_t)w->blocks * (piece + 1) / pieces), count = (to - from) * BW_BLOCK;
    const uint8_t *data = w->data + (size_t)panel * BW_PANEL * w->row_bytes;
    const float *x = packed + (size_t)from * BW_BLOCK;
    if (family == BW_FP32) fast_tile_rows((const float *)data + (size_t)from * BW_BLOCK, w->row_bytes / 4, x, stride, count, rows, sums, piece == 0);
    else {
      float *place = tile;
      for (int c = 0; c < BW_PANEL; c++, data += w->row_bytes) {
        for (int32_t b = from; b < to; b++, place += BW_BLOCK) {
          for (int g = 0; g < BW_LANES; g += VW) {
            vf v[BW_STEPS];
            fast_decode(w, family, data, b, g, v);
            for (int s = 0; s < BW_STEPS; s++) vf_store(place + 16 * s + g, family == BW_TABLE4 ? vf_mul(v[s], vf_set(fast_scale(data, b))) : v[s]);
          }
        }
      }
      fast_tile_rows(tile, (size_t)count, x, stride, count, rows, sums, piece == 0);
    }
    from = to;
  }
}

/* Scratch: packed rows; tile; sums [row][output]. */
static size_t fast_linear_bytes(const struct bw_op *op) {
  size_t rows = (size_t)op->row_block;
  return 4 * (rows * (size_t)op->x_stride + (size_t)BW_PANEL * FAST_TILE_BLOCKS * BW_BLOCK + rows * BW_PANEL);
}

static void fast_linear(const struct bw_op *op, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch) {
  const struct bw_weight *w = op->handle;
  int32_t rows = op->rows - row_from < op->row_block ? op->rows - row_from : op->row_block;
  int32_t stride = op->x_stride;
  float *packed = (float *)scratch->memory;
  float *tile = packed + (size_t)op->row_block * (size_t)stride;
  float *sums = tile + (size_t)BW_PANEL * FAST_TILE_BLOCKS * BW_BLOCK;
  pack_rows(op, row_from, rows, program, scratch, packed);
  for (int32_t panel = from; panel < to; panel++) {
    switch (rows) {
      case 1: FOR_FAMILY(fast_panel_few, panel, packed, stride, 1, sums) break;
      case 2: FOR_FAMILY(fast_panel_few, panel, packed, stride, 2, sums) break;
      case 3: FOR_FAMILY(fast_panel_few, panel, packed, stride, 3, sums) break;
      case 4: FOR_FAMILY(fast_panel_few, panel, packed, stride, 4, sums) break;
      default: FOR_FAMILY(fast_panel_many, panel, packed, stride, rows, sums, tile)
    }
    for (int32_t r = 0; r < rows; r++) finish_panel(op, row_from + r, panel, sums + (size_t)r * BW_PANEL);
  }
  if (to == w->panels) clear_beyond(op, row_from, rows, w->panels);
}
