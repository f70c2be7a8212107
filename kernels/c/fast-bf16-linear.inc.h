/*
 * The product of many rows in bf16, summed in fp32.
 *
 *   pieces of K, so that what is decoded fits the first-level cache
 *     TILE_PANELS panels of 16 outputs: decode the piece
 *       TILE_GROUPS groups of 16 rows: sums += weights x rows
 *
 * The file that includes this says the sizes: TILE_PANELS, TILE_GROUPS, PIECE_BLOCKS (of a decoded piece), MOST_CHUNK_PANELS (an even number of
 * panels that are summed up at once), and how: BF16_BEGIN(), BF16_END() and
 *
 *   BF16_PRODUCT(weights, rows, group_bytes, steps, panels, groups, sums, panel_bytes, first)
 *
 * which adds so many steps of 32 columns to the sums of panels and groups, [panel][group] tiles, `panel_bytes` from one panel's to the next's, or
 * begins them where it is the `first`. Tile s of panel p lies at weights + (s TILE_PANELS + p) TILE_BYTES, of group g at rows + g group_bytes + s TILE_BYTES.
 */

static int is_bf16_product(const struct bw_op *op, int32_t least_rows) {
  enum bw_family family = ((const struct bw_weight *)op->handle)->family;
  return op->rows >= least_rows && (family == BW_FP16 || family == BW_BF16 || family == BW_TABLE4);
}

/* First block of a piece. */
static inline int32_t piece_at(const struct bw_weight *w, int32_t pieces, int32_t piece) { return (int32_t)((int64_t)w->blocks * piece / pieces); }

static size_t groups_of(int32_t rows) { return ((size_t)rows + 15) / 16; }

/* Scratch: packed rows; decoded piece; sums [panel][group]. */
static size_t bf16_linear_bytes(const struct bw_op *op) {
  size_t groups = groups_of(op->row_block);
  return groups * (size_t)op->x_stride * 32 + PIECE_BLOCKS * 2 * TILE_PANELS * TILE_BYTES + MOST_CHUNK_PANELS * groups * TILE_BYTES;
}

/* Up to MOST_CHUNK_PANELS panels. */
static void bf16_panels(const struct bw_op *op, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch) {
  const struct bw_weight *w = op->handle;
  int32_t rows = op->rows - row_from < op->row_block ? op->rows - row_from : op->row_block;
  int32_t groups = (int32_t)groups_of(rows), pieces = (w->blocks + PIECE_BLOCKS - 1) / PIECE_BLOCKS;
  size_t panel_bytes = (size_t)groups * TILE_BYTES;
  uint8_t *packed = scratch->memory, *tiles = packed + groups_of(op->row_block) * (size_t)op->x_stride * 32, *sums = tiles + PIECE_BLOCKS * 2 * TILE_PANELS * TILE_BYTES;
  if (!is_packed(op, row_from, rows, PACKED_BF16, program, scratch)) {
    /* By pieces, so that what is read together lies together: rows a power of two apart would share few sets of a cache. */
    uint8_t *place = packed;
    for (int32_t piece = 0; piece < pieces; piece++) {
      int32_t begin = piece_at(w, pieces, piece), here = piece_at(w, pieces, piece + 1) - begin;
      for (int32_t g = 0; g < groups; g++, place += (size_t)here * 2 * TILE_BYTES) {
        const float *x = op->x + (size_t)(row_from + 16 * g) * op->x_stride + (size_t)begin * BW_BLOCK;
        bf16_pack_tiles(x, rows - 16 * g < 16 ? rows - 16 * g : 16, op->x_stride, here, place);
      }
    }
  }
  BF16_BEGIN();
  for (int32_t piece = 0; piece < pieces; piece++) {
    int32_t begin = piece_at(w, pieces, piece), end = piece_at(w, pieces, piece + 1), steps = 2 * (end - begin);
    size_t group_bytes = (size_t)steps * TILE_BYTES;
    const uint8_t *rows_of_piece = packed + (size_t)begin * groups * 2 * TILE_BYTES;
    for (int32_t panel = from; panel < to; panel += TILE_PANELS) {
      int32_t panels = to - panel < TILE_PANELS ? to - panel : TILE_PANELS;
      for (int32_t p = 0; p < panels; p++) {
        switch (w->family) {
          case BW_FP16: bf16_decode_panel(w, BW_FP16, panel + p, begin, end, tiles + p * TILE_BYTES); break;
          case BW_BF16: bf16_decode_panel(w, BW_BF16, panel + p, begin, end, tiles + p * TILE_BYTES); break;
          default: bf16_decode_panel(w, BW_TABLE4, panel + p, begin, end, tiles + p * TILE_BYTES);
        }
      }
      for (int32_t g = 0; g < groups; g += TILE_GROUPS) {
        int32_t here = groups - g < TILE_GROUPS ? groups - g : TILE_GROUPS;
        uint8_t *to_sums = sums + (size_t)(panel - from) * panel_bytes + (size_t)g * TILE_BYTES;
        BF16_PRODUCT(tiles, rows_of_piece + (size_t)g * group_bytes, group_bytes, steps, panels, here, to_sums, panel_bytes, piece == 0);
        if (piece < pieces - 1) continue;
        for (int32_t p = 0; p < panels; p++) {
          for (int32_t i = g; i < g + here; i++) {
            bf16_finish(op, to_sums + (size_t)p * panel_bytes + (size_t)(i - g) * TILE_BYTES, row_from + 16 * i, rows - 16 * i < 16 ? rows - 16 * i : 16, panel + p);
          }
        }
      }
    }
  }
  BF16_END();
  if (to == w->panels) clear_beyond(op, row_from, rows, w->panels);
}

static void bf16_linear(const struct bw_op *op, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch) {
  for (int32_t panel = from; panel < to; panel += MOST_CHUNK_PANELS) {
    bf16_panels(op, row_from, panel, to - panel < MOST_CHUNK_PANELS ? to : panel + MOST_CHUNK_PANELS, program, scratch);
  }
}

/* Rows at once: as many as decode a weight seldom, in blocks of equal size whose tiles stay within this. Panels by twos. */
static void bf16_cut_linear(struct bw_op *op, int32_t threads) {
  enum { MOST_ROWS = 512, PACKED_BYTES_OF_TILES = 8 << 20 };
  const struct bw_weight *w = op->handle;
  int32_t most = PACKED_BYTES_OF_TILES / (op->x_stride * 2) / 32 * 32;
  most = most > MOST_ROWS ? MOST_ROWS : most < 32 ? 32 : most;
  int32_t blocks = (op->rows + most - 1) / most;
  op->row_block = ((op->rows + blocks - 1) / blocks + 15) / 16 * 16;
  blocks = (op->rows + op->row_block - 1) / op->row_block;
  op->units = w->panels;
  op->grain = op->units / (8 * threads) / 2 * 2;
  op->grain = op->grain < 2 ? 2 : op->grain > MOST_CHUNK_PANELS ? MOST_CHUNK_PANELS : op->grain;
  op->chunks = (op->units + op->grain - 1) / op->grain * blocks;
}
