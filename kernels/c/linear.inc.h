/*
 * The product with weights: the hot loops of the engine. They replace, for each row and output,
 *
 *   acc[0..15] = 0;  for each block, lane i:  t = w x;  t += w x  three times more, k = 2i, 2i+1, 32+2i, 33+2i;  acc[i] += t
 *   fold h = 8, 4, 2, 1:  acc[i] += acc[i + h];   out = acc[0] (+ bias) (+ residual)
 *
 * with w decoded on the way: fl32(code value * scale). Few rows (decoding): a weight is decoded into registers and meets all rows. Many rows
 * (prefill, batches): a panel of 16 outputs is decoded once into a tile of fp32, which stays in the first-level cache while the
 * rows pass. Both add in the same order, so rows have the same bits alone and in a crowd.
 */

/* Blocks of a tile: 16 outputs x 6 blocks x 64 = 24 KB, which with some rows fits a first-level cache of 32 KB. */
enum { TILE_BLOCKS = 6 };

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS const uint8_t *row_of(const struct bw_weight *w, int32_t o) { return w->data + (size_t)o * w->row_bytes; }

/* Lanes g .. g + VW of the four steps of block b. */
ALWAYS void decode_block(const struct bw_weight *w, const enum bw_family family, const uint8_t *row, int32_t b, const int g, vf out[BW_STEPS]) {
  if (family == BW_FP32) {
    const float *p = (const float *)row + (size_t)b * BW_BLOCK + g;
    for (int s = 0; s < BW_STEPS; s++) out[s] = vf_loadu(p + 16 * s);
  } else if (family == BW_FP16) {
    const uint16_t *p = (const uint16_t *)row + (size_t)b * BW_BLOCK + g;
    for (int s = 0; s < BW_STEPS; s++) out[s] = vf_from_fp16(p + 16 * s);
  } else if (family == BW_BF16) {
    const uint16_t *p = (const uint16_t *)row + (size_t)b * BW_BLOCK + g;
    for (int s = 0; s < BW_STEPS; s++) out[s] = vf_from_bf16(p + 16 * s);
  } else {
    const uint8_t *p = row + (size_t)b * BW_TABLE4_BYTES;
    float scale;
    __builtin_memcpy(&scale, p + 32, 4);
    decode_codes(w->table, scale, p + g, out);
  }
}

/* Weights stream from memory: a line that comes some thousand bytes later is asked for now. Of 2 to 16 KB, and of one, two and four rows at a time, this
   and one row were the fastest for long rows and short ones; a short row is nothing to what follows it. */
enum { AHEAD_BYTES = 6144 };

/* Of block b of so many outputs from `row` on, which are read side by side but lie one after the other, and are asked for in that order: asked for side by side, they came a fifth
   slower. */
ALWAYS void prefetch_weights(const uint8_t *row, const enum bw_family family, int32_t b, const int outputs, const int ahead) {
  const int bytes = outputs * (family == BW_FP32 ? 256 : family == BW_TABLE4 ? BW_TABLE4_BYTES : 128);
  const uint8_t *at = row + (size_t)b * bytes + ahead;
  for (int i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
}

/* Lane sums of output `o` with R rows, packed `stride` apart, into lanes[r * lanes_stride]. */
ALWAYS void dot_few(const struct bw_weight *w, const enum bw_family family, int32_t o, const float *packed, int32_t stride, const int R, float *lanes, size_t lanes_stride) {
  enum { G = BW_LANES / VW };
  const uint8_t *row = row_of(w, o);
  vf acc[G * FEW_ROWS];
  for (int i = 0; i < G * R; i++) acc[i] = vf_set(0.0f);
  for (int32_t b = 0; b < w->blocks; b++) {
    prefetch_weights(row, family, b, 1, AHEAD_BYTES);
    for (int g = 0; g < G; g++) {
      vf v[BW_STEPS];
      decode_block(w, family, row, b, g * VW, v);
      for (int r = 0; r < R; r++) {
        const float *x = packed + (size_t)r * stride + (size_t)b * BW_BLOCK + g * VW;
        vf t = vf_mul(v[0], vf_load(x));
        t = vf_add(t, vf_mul(v[1], vf_load(x + 16)));
        t = vf_add(t, vf_mul(v[2], vf_load(x + 32)));
        t = vf_add(t, vf_mul(v[3], vf_load(x + 48)));
        acc[g * R + r] = vf_add(acc[g * R + r], t);
      }
    }
  }
  for (int g = 0; g < G; g++) for (int r = 0; r < R; r++) vf_store(lanes + (size_t)r * lanes_stride + g * VW, acc[g * R + r]);
}

ALWAYS void panel_few(const struct bw_weight *w, const enum bw_family family, int32_t panel, const float *packed, int32_t stride, const int R, float *lanes) {
  for (int c = 0; c < BW_PANEL; c++) dot_few(w, family, panel * BW_PANEL + c, packed, stride, R, lanes + c * BW_LANES, BW_PANEL * BW_LANES);
}

/*
 * R rows and C outputs of a tile of `blocks` blocks; `tile` and `x` begin at lane group g. Adds to what lanes hold unless `first`. Where a vector
 * is a whole set of lanes, the last piece folds four outputs into one vector before they leave the registers.
 */
ALWAYS void tile_product(const float *tile, const float *x, int32_t x_stride, int32_t blocks, const int R, const int C, float *lanes, const int first, const int last) {
  vf acc[TILE_ROWS * TILE_OUTPUTS];
  for (int r = 0; r < R; r++) for (int c = 0; c < C; c++) acc[r * C + c] = first ? vf_set(0.0f) : vf_load(lanes + (size_t)(r * BW_PANEL + c) * BW_LANES);
  for (int32_t b = 0; b < blocks; b++) {
    vf v[TILE_ROWS * BW_STEPS];
    for (int r = 0; r < R; r++) for (int s = 0; s < BW_STEPS; s++) v[r * BW_STEPS + s] = vf_load(x + (size_t)r * x_stride + 16 * s);
    for (int c = 0; c < C; c++) {
      const float *w = tile + c * BW_BLOCK;
      vf w0 = vf_kept(vf_load(w)), w1 = vf_kept(vf_load(w + 16)), w2 = vf_kept(vf_load(w + 32)), w3 = vf_kept(vf_load(w + 48));
      for (int r = 0; r < R; r++) {
        vf t = vf_mul(w0, v[r * BW_STEPS]);
        t = vf_add(t, vf_mul(w1, v[r * BW_STEPS + 1]));
        t = vf_add(t, vf_mul(w2, v[r * BW_STEPS + 2]));
        t = vf_add(t, vf_mul(w3, v[r * BW_STEPS + 3]));
        acc[r * C + c] = vf_add(acc[r * C + c], t);
      }
    }
    tile += BW_PANEL * BW_BLOCK;
    x += BW_BLOCK;
  }
#if VW == 16
  if (last) {
    for (int r = 0; r < R; r++) for (int c = 0; c < C; c += 4) vf_store(lanes + (size_t)(r * BW_PANEL + c) * BW_LANES, fold_four(&acc[r * C + c]));
    return;
  }
#endif
  (void)last;
  for (int r = 0; r < R; r++) for (int c = 0; c < C; c++) vf_store(lanes + (size_t)(r * BW_PANEL + c) * BW_LANES, acc[r * C + c]);
}

ALWAYS void tile_rows(const float *tile, const float *x, int32_t x_stride, int32_t blocks, int32_t rows, float *lanes, const int first, const int last) {
  for (int g = 0; g < BW_LANES; g += VW) {
    int32_t r = 0;
    for (; r + TILE_ROWS <= rows; r += TILE_ROWS) {
      for (int c = 0; c < BW_PANEL; c += TILE_OUTPUTS) {
        tile_product(tile + c * BW_BLOCK + g, x + (size_t)r * x_stride + g, x_stride, blocks, TILE_ROWS, TILE_OUTPUTS, lanes + ((size_t)r * BW_PANEL + c) * BW_LANES + g, first, last);
      }
    }
    for (; r < rows; r++) {
      for (int c = 0; c < BW_PANEL; c += TILE_OUTPUTS) {
        tile_product(tile + c * BW_BLOCK + g, x + (size_t)r * x_stride + g, x_stride, blocks, 1, TILE_OUTPUTS, lanes + ((size_t)r * BW_PANEL + c) * BW_LANES + g, first, last);
      }
    }
  }
}

static void tile_piece(const float *tile, const float *x, int32_t x_stride, int32_t blocks, int32_t rows, float *lanes, int first, int last) {
  if (first && last) tile_rows(tile, x, x_stride, blocks, rows, lanes, 1, 1);
  else if (first) tile_rows(tile, x, x_stride, blocks, rows, lanes, 1, 0);
  else if (last) tile_rows(tile, x, x_stride, blocks, rows, lanes, 0, 1);
  else tile_rows(tile, x, x_stride, blocks, rows, lanes, 0, 0);
}

/* Decodes blocks from .. to of a panel into a tile [block][output][step][lane]: a product finds all of it at constant distances. */
ALWAYS void decode_tile(const struct bw_weight *w, const enum bw_family family, int32_t panel, int32_t from, int32_t to, float *tile) {
  for (int c = 0; c < BW_PANEL; c++) {
    const uint8_t *row = row_of(w, panel * BW_PANEL + c);
    float *to_block = tile + c * BW_BLOCK;
    for (int32_t b = from; b < to; b++, to_block += BW_PANEL * BW_BLOCK) {
      for (int g = 0; g < BW_LANES; g += VW) {
        vf v[BW_STEPS];
        decode_block(w, family, row, b, g, v);
        for (int s = 0; s < BW_STEPS; s++) vf_store(to_block + 16 * s + g, v[s]);
      }
    }
  }
}

ALWAYS void panel_many(const struct bw_weight *w, const enum bw_family family, int32_t panel, const float *packed, int32_t stride, int32_t rows, float *lanes, float *tile) {
  int32_t pieces = (w->blocks + TILE_BLOCKS - 1) / TILE_BLOCKS;
  for (int32_t piece = 0, from = 0; piece < pieces; piece++) {
    int32_t to = (int32_t)((int64_t)w->blocks * (piece + 1) / pieces);
    decode_tile(w, family, panel, from, to, tile);
    tile_piece(tile, packed + (size_t)from * BW_BLOCK, stride, to - from, rows, lanes, piece == 0, piece == pieces - 1);
    from = to;
  }
}

#define FOR_FAMILY(FUNCTION, ...) \
  switch (w->family) { \
    case BW_FP32: FUNCTION(w, BW_FP32, __VA_ARGS__); break; \
    case BW_FP16: FUNCTION(w, BW_FP16, __VA_ARGS__); break; \
    case BW_BF16: FUNCTION(w, BW_BF16, __VA_ARGS__); break; \
    default: FUNCTION(w, BW_TABLE4, __VA_ARGS__); break; \
  }

/* Sixteen outputs of a row: adds bias and residual; the last panel's missing outputs stay +0. */
static void finish_panel(const struct bw_op *op, int32_t row, int32_t panel, const float *sums) {
  const struct bw_vector *bias = op->handle2;
  size_t at = (size_t)row * op->out_stride + (size_t)panel * BW_PANEL;
  int32_t here = op->out_cols - panel * BW_PANEL;
  float *out = op->out + at;
  if (here >= BW_PANEL) {
    for (int g = 0; g < BW_PANEL; g += VW) {
      vf y = vf_load(sums + g);
      if (bias) y = vf_add(y, vf_load(bias->values + (size_t)panel * BW_PANEL + g));
      if (op->y) y = vf_add(y, vf_load(op->y + at + g));
      vf_store(out + g, y);
    }
    return;
  }
  for (int c = 0; c < BW_PANEL; c++) {
    float y = c < here ? sums[c] : 0.0f;
    if (c < here && bias) y = y + bias->values[panel * BW_PANEL + c];
    if (c < here && op->y) y = y + op->y[at + c];
    out[c] = y;
  }
}

/* The last panel clears what lies behind it, up to whole blocks. */
static void clear_beyond(const struct bw_op *op, int32_t row_from, int32_t rows, int32_t panels) {
  for (int32_t row = row_from; row < row_from + rows; row++) {
    for (int32_t k = panels * BW_PANEL; k < op->out_stride; k++) op->out[(size_t)row * op->out_stride + k] = 0.0f;
  }
}

/* Whether this thread has just prepared these rows so; if not, it is taken to do so now. x does not change within a round. */
static int is_packed(const struct bw_op *op, int32_t row_from, int32_t rows, int32_t family, uint64_t program, struct bw_scratch *scratch) {
  if (scratch->packed_program == program && scratch->packed_round == op->round && scratch->packed_x == op->x && scratch->packed_first == row_from
    && scratch->packed_rows == rows && scratch->packed_stride == op->x_stride && scratch->packed_family == family) return 1;
  scratch->packed_program = program;
  scratch->packed_round = op->round;
  scratch->packed_x = op->x;
  scratch->packed_first = row_from;
  scratch->packed_rows = rows;
  scratch->packed_stride = op->x_stride;
  scratch->packed_family = family;
  return 0;
}

/* What rows may be prepared as. PACKED_BF16: by the engine `fast`. */
enum { PACKED_FLOATS = 1, PACKED_CODES, PACKED_BF16 };

/* Packs the rows of a block, unless this thread has just done so. */
static void pack_rows(const struct bw_op *op, int32_t row_from, int32_t rows, uint64_t program, struct bw_scratch *scratch, float *packed) {
  if (is_packed(op, row_from, rows, PACKED_FLOATS, program, scratch)) return;
  size_t stride = (size_t)op->x_stride;
  for (int32_t r = 0; r < rows; r++) pack_row(op->x + (size_t)(row_from + r) * stride, op->x_stride / BW_BLOCK, packed + (size_t)r * stride);
}

/* Scratch: packed rows; tile; lanes [row][output][lane]. */
static size_t linear_scratch_bytes(const struct bw_op *op) {
  size_t rows = (size_t)op->row_block;
  return 4 * (rows * (size_t)op->x_stride + (size_t)BW_PANEL * TILE_BLOCKS * BW_BLOCK + rows * BW_PANEL * BW_LANES);
}

static void linear_panels(const struct bw_op *op, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch) {
  const struct bw_weight *w = op->handle;
  int32_t rows = op->rows - row_from < op->row_block ? op->rows - row_from : op->row_block;
  int32_t stride = op->x_stride;
  float *packed = (float *)scratch->memory;
  float *tile = packed + (size_t)op->row_block * (size_t)stride;
  float *lanes = tile + (size_t)BW_PANEL * TILE_BLOCKS * BW_BLOCK;
  pack_rows(op, row_from, rows, program, scratch, packed);
  for (int32_t panel = from; panel < to; panel++) {
    if (rows > FEW_ROWS) FOR_FAMILY(panel_many, panel, packed, stride, rows, lanes, tile)
    else if (rows == 1) FOR_FAMILY(panel_few, panel, packed, stride, 1, lanes)
#if FEW_ROWS > 1
    else if (rows == 2) FOR_FAMILY(panel_few, panel, packed, stride, 2, lanes)
#endif
#if FEW_ROWS > 2
    else if (rows == 3) FOR_FAMILY(panel_few, panel, packed, stride, 3, lanes)
#endif
#if FEW_ROWS > 3
    else if (rows == 4) FOR_FAMILY(panel_few, panel, packed, stride, 4, lanes)
#endif
    for (int32_t r = 0; r < rows; r++) {
      _Alignas(64) float sums[BW_PANEL];
#if VW == 16
      if (rows > FEW_ROWS) fold_fours(lanes + (size_t)r * BW_PANEL * BW_LANES, sums);
      else
#endif
      fold_panel(lanes + (size_t)r * BW_PANEL * BW_LANES, sums);
      finish_panel(op, row_from + r, panel, sums);
    }
  }
  if (to == w->panels) clear_beyond(op, row_from, rows, w->panels);
}

/* Rows of a weight by token, in natural order. */
static void embed(const struct bw_op *op, int32_t from, int32_t to) {
  const struct bw_weight *w = op->handle;
  for (int32_t r = from; r < to; r++) {
    const uint8_t *row = row_of(w, op->list[r]);
    float *out = op->out + (size_t)r * op->out_stride;
    for (int32_t b = 0; b < w->blocks; b++, out += BW_BLOCK) {
      _Alignas(64) float packed[BW_BLOCK];
      for (int g = 0; g < BW_LANES; g += VW) {
        vf v[BW_STEPS];
        FOR_FAMILY(decode_block, row, b, g, v)
        for (int s = 0; s < BW_STEPS; s++) vf_store(packed + 16 * s + g, v[s]);
      }
      for (int i = 0; i < BW_LANES; i++) {
        out[2 * i] = packed[i];
        out[2 * i + 1] = packed[16 + i];
        out[32 + 2 * i] = packed[32 + i];
        out[33 + 2 * i] = packed[48 + i];
      }
    }
  }
}
