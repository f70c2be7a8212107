/*
 * The product on AMX tiles: bf16 times bf16, summed in fp32. Tiles of two panels and of two groups of sixteen rows meet in four tiles of sums.
 */

struct tile_config { uint8_t palette, start_row, reserved[14]; uint16_t row_bytes[16]; uint8_t rows[16]; };

/* Eight whole tiles. Given back by _tile_release(), so that the system need not save them. */
static inline void use_tiles(void) {
  static const struct tile_config config = { .palette = 1, .row_bytes = { 64, 64, 64, 64, 64, 64, 64, 64 }, .rows = { 16, 16, 16, 16, 16, 16, 16, 16 } };
  _tile_loadconfig(&config);
}

/* Sums of P panels and G groups of rows over `steps` tiles. `sums`: [panel][group] tiles, `panel_bytes` from one panel's to the next's; added to
   unless `first`. Tile s of a panel lies at weights + 2 s TILE_BYTES (panel 1: one tile behind), of a group at rows + s TILE_BYTES. */
ALWAYS void amx_tiles(const uint8_t *weights, const uint8_t *rows, size_t group_bytes, int32_t steps, const int P, const int G, uint8_t *sums, size_t panel_bytes, int first) {
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

static void amx_product(const uint8_t *weights, const uint8_t *rows, size_t group_bytes, int32_t steps, int32_t panels, int32_t groups, uint8_t *sums, size_t panel_bytes, int first) {
  if (panels == 2 && groups == 2) amx_tiles(weights, rows, group_bytes, steps, 2, 2, sums, panel_bytes, first);
  else if (panels == 2) amx_tiles(weights, rows, group_bytes, steps, 2, 1, sums, panel_bytes, first);
  else if (groups == 2) amx_tiles(weights, rows, group_bytes, steps, 1, 2, sums, panel_bytes, first);
  else amx_tiles(weights, rows, group_bytes, steps, 1, 1, sums, panel_bytes, first);
}
