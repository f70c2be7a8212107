/*
 * The product of LLM.int8(), row by row as ../int8-rows.ts states it:
 *
 *   codes of x: fp16(x) * (127 * (1 / scale)), halves to even, 0 where |fp16(x)| >= 6;  sum of codes * codes in 32 bits
 *   out = fl(sum) * (row scale * weight scale) * 1/127^2 (+ bias) + dot(x, w) over the row's outlier columns (+ residual)
 *
 * A weight's codes lie as codes + 128, unsigned, so that one instruction multiplies four of them with four signed codes of x; 128 times
 * the sum of the row's codes is taken off. All sums wrap at 32 bits, which the true one fits.
 */

static const float ONE_127TH = 7.874015718698502e-3f, ONE_127TH_SQUARED = 6.200124e-5f, OUTLIER_THRESHOLD = 6.0f;

/* A quantized row: `codes` [stride] int8; its outliers' columns and activations. */
struct int8_row { float scale; int32_t code_sum, outliers; int8_t *codes; int32_t *columns; float *values; };

/* |x| rounded to fp16, nearest, halves to even, for |x| < 65520. Adding 0.5 leaves units of 2^-24, those of fp16's denormals. */
static inline float fp16_magnitude(uint32_t magnitude) {
  uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1u)) & ~0x1fffu;
  float denormal = (bw_float(magnitude) + 0.5f) - 0.5f;
  return magnitude < 0x38800000u ? denormal : bw_float(normal);
}

/* How many values are beyond fp16; the row is quantized only if none is. */
static int32_t quantize_row(const float *x, int32_t cols, int32_t stride, struct int8_row *row, float *rest) {
  int32_t beyond = 0, outliers = 0;
  float largest = 0.0f;
  for (int32_t k = 0; k < stride; k++) {
    uint32_t magnitude = bw_bits(x[k]) & 0x7fffffffu;
    beyond += magnitude >= 0x477ff000u;
    float rounded = fp16_magnitude(magnitude);
    int outlier = rounded >= OUTLIER_THRESHOLD;
    outliers += outlier;
    float kept = outlier ? 0.0f : rounded;
    largest = kept > largest ? kept : largest;
    rest[k] = bw_float(bw_bits(kept) | (bw_bits(x[k]) & 0x80000000u));
  }
  if (beyond) return beyond;
  /* Adding and taking away 1.5 * 2^23 rounds to an integer, halves to even. */
  float factor = largest == 0.0f ? 0.0f : 127.0f * (1.0f / largest);
  int32_t sum = 0;
  for (int32_t k = 0; k < stride; k++) {
    int32_t code = (int32_t)((rest[k] * factor + 12582912.0f) - 12582912.0f);
    row->codes[k] = (int8_t)code;
    sum += code;
  }
  row->scale = largest;
  row->code_sum = sum;
  row->outliers = 0;
  if (outliers == 0) return 0;
  for (int32_t k = 0; k < cols; k++) {
    if (fp16_magnitude(bw_bits(x[k]) & 0x7fffffffu) < OUTLIER_THRESHOLD) continue;
    row->columns[row->outliers] = k;
    row->values[row->outliers++] = x[k];
  }
  return 0;
}

/* sums[o] += dot of the outlier columns, sixteen outputs at once, lanes by the outlier's place. */
static void add_outliers(const uint8_t *panel, const float *scales, const struct int8_row *row, float *sums) {
  _Alignas(64) float lanes[BW_LANES][BW_PANEL], t[BW_LANES][BW_PANEL];
  __builtin_memset(lanes, 0, sizeof lanes);
  for (int32_t from = 0; from < row->outliers; from += BW_BLOCK) {
    int32_t to = from + BW_BLOCK < row->outliers ? from + BW_BLOCK : row->outliers;
    __builtin_memset(t, 0, sizeof t);
    for (int32_t j = from; j < to; j++) {
      float *lane = t[(j & 31) >> 1];
      int32_t k = row->columns[j];
      const uint8_t *codes = panel + (size_t)(k >> 2) * 64 + (k & 3);
      float x = row->values[j];
      for (int o = 0; o < BW_PANEL; o++) {
        float w = ((float)((int32_t)codes[4 * o] - 128) * scales[o]) * ONE_127TH;
        lane[o] = lane[o] + w * x;
      }
    }
    for (int i = 0; i < BW_LANES; i++) for (int o = 0; o < BW_PANEL; o++) lanes[i][o] = lanes[i][o] + t[i][o];
  }
  for (int h = 8; h >= 1; h >>= 1) for (int i = 0; i < h; i++) for (int o = 0; o < BW_PANEL; o++) lanes[i][o] = lanes[i][o] + lanes[i + h][o];
  for (int o = 0; o < BW_PANEL; o++) sums[o] = sums[o] + lanes[0][o];
}

/* Scratch: rows; codes [row][stride]; outlier columns and values [row][stride]; one row. */
static size_t int8_scratch_bytes(const struct bw_op *op) {
  size_t rows = (size_t)op->row_block, stride = (size_t)op->x_stride;
  return rows * sizeof(struct int8_row) + 64 + rows * stride * (1 + 4 + 4) + stride * 4;
}

static void int8_panels(const struct bw_op *op, int32_t index, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch, struct bw_refusals *refusals) {
  const struct bw_weight *w = op->handle;
  const struct bw_vector *bias = op->handle2;
  int32_t rows = op->rows - row_from < op->row_block ? op->rows - row_from : op->row_block;
  size_t stride = (size_t)op->x_stride, block = (size_t)op->row_block;
  struct int8_row *row = (struct int8_row *)scratch->memory;
  int8_t *codes = (int8_t *)(((uintptr_t)(row + block) + 63) & ~(uintptr_t)63);
  int32_t *columns = (int32_t *)(codes + block * stride);
  float *values = (float *)(columns + block * stride), *rest = values + block * stride;
  if (!is_packed(op, row_from, rows, PACKED_CODES, program, scratch)) {
    for (int32_t r = 0; r < rows; r++) {
      row[r].codes = codes + (size_t)r * stride;
      row[r].columns = columns + (size_t)r * stride;
      row[r].values = values + (size_t)r * stride;
      int32_t beyond = quantize_row(op->x + (size_t)(row_from + r) * stride, op->cols, op->x_stride, &row[r], rest);
      if (beyond) {
        bw_refuse(refusals, index, row_from + r, beyond);
        __builtin_memset(row[r].codes, 0, stride);
        row[r].scale = 0.0f;
        row[r].code_sum = row[r].outliers = 0;
      }
    }
  }
  for (int32_t panel = from; panel < to; panel++) {
    const uint8_t *data = w->data + (size_t)panel * w->row_bytes;
    const float *scales = w->scales + (size_t)panel * BW_PANEL;
    for (int32_t r = 0; r < rows; ) {
      _Alignas(64) int32_t sums[INT8_ROWS * BW_PANEL];
      int32_t here = rows - r < INT8_ROWS ? rows - r : INT8_ROWS;
      if (here == INT8_ROWS) int8_product(data, row[r].codes, stride, w->blocks, INT8_ROWS, sums);
      else for (int32_t i = 0; i < here; i++) int8_product(data, row[r + i].codes, stride, w->blocks, 1, sums + i * BW_PANEL);
      for (int32_t i = 0; i < here; i++, r++) {
        float *out = op->out + (size_t)(row_from + r) * op->out_stride + (size_t)panel * BW_PANEL;
        const float *added = op->y ? op->y + (size_t)(row_from + r) * op->out_stride + (size_t)panel * BW_PANEL : NULL;
        _Alignas(64) float y[BW_PANEL];
        for (int o = 0; o < BW_PANEL; o++) {
          int32_t sum = (int32_t)((uint32_t)sums[i * BW_PANEL + o] - 128u * (uint32_t)row[r].code_sum);
          y[o] = ((float)sum * (row[r].scale * scales[o])) * ONE_127TH_SQUARED;
        }
        if (bias) for (int o = 0; o < BW_PANEL; o++) y[o] = y[o] + bias->values[panel * BW_PANEL + o];
        if (row[r].outliers) add_outliers(data, scales, &row[r], y);
        for (int o = 0; o < BW_PANEL; o++) out[o] = added ? y[o] + added[o] : y[o];
        for (int32_t o = op->out_cols - panel * BW_PANEL; o < BW_PANEL; o++) if (o >= 0) out[o] = 0.0f;
      }
    }
  }
  if (to == w->panels) clear_beyond(op, row_from, rows, w->panels);
}
