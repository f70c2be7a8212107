/*
 * Ops on single rows and single elements: embedding, norms, rotary, activations, sums, taking rows. Each replaces the loop of the same
 * name in ../row-ops.ts and ../engines/reference.ts.
 */

/* sum over blocks of x y, both packed, in dot order. */
static float packed_dot(const float *x, const float *y, int32_t blocks) {
  _Alignas(64) float lanes[BW_LANES];
  for (int g = 0; g < BW_LANES; g += VW) {
    vf acc = vf_set(0.0f);
    for (int32_t b = 0; b < blocks; b++) {
      const float *p = x + (size_t)b * BW_BLOCK + g, *q = y + (size_t)b * BW_BLOCK + g;
      vf t = vf_mul(vf_load(p), vf_load(q));
      t = vf_add(t, vf_mul(vf_load(p + 16), vf_load(q + 16)));
      t = vf_add(t, vf_mul(vf_load(p + 32), vf_load(q + 32)));
      t = vf_add(t, vf_mul(vf_load(p + 48), vf_load(q + 48)));
      acc = vf_add(acc, t);
    }
    vf_store(lanes + g, acc);
  }
  return bw_fold(lanes);
}

static void clear_tail(float *row, int32_t cols) {
  for (int32_t k = cols; k < bw_stride(cols); k++) row[k] = 0.0f;
}

static void rms_norm(const struct bw_op *op, int32_t from, int32_t to, float *packed) {
  const float *weight = ((const struct bw_vector *)op->handle)->values;
  int32_t blocks = op->x_stride / BW_BLOCK;
  for (int32_t row = from; row < to; row++) {
    const float *x = op->x + (size_t)row * op->x_stride;
    float *out = op->out + (size_t)row * op->out_stride;
    pack_row(x, blocks, packed);
    vf r = vf_set(bw_rsqrt(packed_dot(packed, packed, blocks) * op->f0 + op->f1));
    for (int32_t k = 0; k < op->x_stride; k += VW) vf_store(out + k, vf_mul(vf_mul(vf_load(x + k), r), vf_load(weight + k)));
  }
}

/* RMSNorm of each run of a1 columns alone. A run need not begin at a vector's place, so it is computed in a padded copy, after the packed one. */
static void head_norm(const struct bw_op *op, int32_t from, int32_t to, float *packed) {
  const float *weight = ((const struct bw_vector *)op->handle)->values;
  int32_t width = op->a1, padded = bw_stride(width), blocks = padded / BW_BLOCK;
  float *head = packed + padded;
  for (int32_t row = from; row < to; row++) {
    const float *x = op->x + (size_t)row * op->x_stride;
    float *out = op->out + (size_t)row * op->out_stride;
    for (int32_t at = 0; at < op->cols; at += width) {
      __builtin_memcpy(head, x + at, (size_t)width * 4);
      clear_tail(head, width);
      pack_row(head, blocks, packed);
      vf r = vf_set(bw_rsqrt(packed_dot(packed, packed, blocks) * op->f0 + op->f1));
      for (int32_t k = 0; k < padded; k += VW) vf_store(head + k, vf_mul(vf_mul(vf_load(head + k), r), vf_load(weight + k)));
      __builtin_memcpy(out + at, head, (size_t)width * 4);
    }
    clear_tail(out, op->cols);
  }
}

static void layer_norm(const struct bw_op *op, int32_t from, int32_t to, float *packed) {
  const float *weight = ((const struct bw_vector *)op->handle)->values, *bias = ((const struct bw_vector *)op->handle2)->values;
  int32_t blocks = op->x_stride / BW_BLOCK;
  float *ones = packed + op->x_stride;
  for (int32_t row = from; row < to; row++) {
    const float *x = op->x + (size_t)row * op->x_stride;
    float *out = op->out + (size_t)row * op->out_stride;
    for (int32_t k = 0; k < op->x_stride; k++) out[k] = k < op->cols ? 1.0f : 0.0f;
    pack_row(out, blocks, ones);
    pack_row(x, blocks, packed);
    vf mean = vf_set(packed_dot(ones, packed, blocks) * op->f0);
    for (int32_t k = 0; k < op->x_stride; k += VW) vf_store(out + k, vf_sub(vf_load(x + k), mean));
    clear_tail(out, op->cols);
    pack_row(out, blocks, packed);
    vf r = vf_set(bw_rsqrt(packed_dot(packed, packed, blocks) * op->f0 + op->f1));
    for (int32_t k = 0; k < op->x_stride; k += VW) vf_store(out + k, vf_add(vf_mul(vf_mul(vf_load(out + k), r), vf_load(weight + k)), vf_load(bias + k)));
    clear_tail(out, op->cols);
  }
}

/* Rotary embedding, "half" layout; elements that do not turn are copied. */
static void rotate(const struct bw_op *op, int32_t from, int32_t to) {
  const struct bw_rotary *tables = op->handle;
  int32_t head_dim = op->a1, half = op->a2;
  for (int32_t row = from; row < to; row++) {
    const float *x = op->x + (size_t)row * op->x_stride;
    float *out = op->out + (size_t)row * op->out_stride;
    const float *cosines = tables->cos + (size_t)op->list[row] * half, *sines = tables->sin + (size_t)op->list[row] * half;
    for (int32_t at = 0; at < op->cols; at += head_dim) {
      const float *a = x + at, *b = a + half;
      float *p = out + at, *q = p + half;
      int32_t i = 0;
      for (; i + VW <= half; i += VW) {
        vf first = vf_loadu(a + i), second = vf_loadu(b + i), c = vf_loadu(cosines + i), s = vf_loadu(sines + i);
        vf_storeu(p + i, vf_sub(vf_mul(first, c), vf_mul(second, s)));
        vf_storeu(q + i, vf_add(vf_mul(second, c), vf_mul(first, s)));
      }
      for (; i < half; i++) {
        float first = a[i], second = b[i];
        p[i] = first * cosines[i] - second * sines[i];
        q[i] = second * cosines[i] + first * sines[i];
      }
      for (i = 2 * half; i < head_dim; i++) p[i] = a[i];
    }
    clear_tail(out, op->cols);
  }
}

static void take(const struct bw_op *op, int32_t from, int32_t to) {
  for (int32_t row = from; row < to; row++) {
    __builtin_memcpy(op->out + (size_t)row * op->out_stride, op->x + (size_t)op->list[row] * op->x_stride, (size_t)op->x_stride * 4);
  }
}

/* Of each run of a1 columns those from a2, a3 of them. */
static void columns(const struct bw_op *op, int32_t from, int32_t to) {
  for (int32_t row = from; row < to; row++) {
    const float *x = op->x + (size_t)row * op->x_stride + op->a2;
    float *out = op->out + (size_t)row * op->out_stride;
    for (int32_t at = 0; at < op->out_cols; at += op->a3, x += op->a1) __builtin_memcpy(out + at, x, (size_t)op->a3 * 4);
    clear_tail(out, op->out_cols);
  }
}

/* Units are blocks of 64 elements, whatever their row. Padding is +0 before and after: silu(0) 0, gelu(0), 0 + 0, 0 0 and 0 times a positive factor are. */
static void silu_mul(const struct bw_op *op, int32_t from, int32_t to) {
  for (size_t k = (size_t)from * BW_BLOCK; k < (size_t)to * BW_BLOCK; k += VW) {
    vf x = vf_load(op->x + k);
    vf_store(op->out + k, vf_mul(vf_mul(x, vf_sigmoid(x)), vf_load(op->y + k)));
  }
}

static void gelu(const struct bw_op *op, int32_t from, int32_t to) {
  for (size_t k = (size_t)from * BW_BLOCK; k < (size_t)to * BW_BLOCK; k += VW) {
    vf x = vf_load(op->x + k);
    vf_store(op->out + k, op->a1 ? vf_gelu_erf(x) : vf_gelu_tanh(x));
  }
}

static void add(const struct bw_op *op, int32_t from, int32_t to) {
  for (size_t k = (size_t)from * BW_BLOCK; k < (size_t)to * BW_BLOCK; k += VW) vf_store(op->out + k, vf_add(vf_load(op->x + k), vf_load(op->y + k)));
}

static void mul(const struct bw_op *op, int32_t from, int32_t to) {
  for (size_t k = (size_t)from * BW_BLOCK; k < (size_t)to * BW_BLOCK; k += VW) vf_store(op->out + k, vf_mul(vf_load(op->x + k), vf_load(op->y + k)));
}

static void scale(const struct bw_op *op, int32_t from, int32_t to) {
  vf factor = vf_set(op->f0);
  for (size_t k = (size_t)from * BW_BLOCK; k < (size_t)to * BW_BLOCK; k += VW) vf_store(op->out + k, vf_mul(vf_load(op->x + k), factor));
}

static int64_t count_not_finite(const float *x, int32_t rows, int32_t cols, int32_t stride) {
  int64_t count = 0;
  for (int32_t row = 0; row < rows; row++, x += stride) {
    int32_t found = 0;
    for (int32_t k = 0; k < cols; k++) found += (bw_bits(x[k]) & 0x7f800000u) == 0x7f800000u;
    count += found;
  }
  return count;
}
