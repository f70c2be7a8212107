/*
 * Attention of one row over the keys and values of its own sequence, in two passes without rescaling: attendRow() of ../row-ops.ts.
 *
 *   s_j = (q . k_j) scale;  e_j = exp(s_j - max s);  sum of e_j by 16 lanes, lane = j mod 16, folded
 *   out = (sum e_j v_j) rcp(sum), keys ascending in blocks of 64 positions: t from +0, t += e v; out += t per block
 *
 * Keys lie sixteen positions to a line, dimension by dimension, so that the lanes of a dot product are whole vectors of positions and fold
 * without moving between lanes.
 */

/* Floats from a cache's beginning to the keys of (layer, slot, kv head). */
static size_t head_at(const struct bw_cache *cache, int32_t layer, int32_t slot, int32_t head) {
  return (((size_t)layer * cache->slots + slot) * cache->kv_heads + head) * cache->head_floats;
}
static size_t values_at(const struct bw_cache *cache) { return (size_t)((cache->positions + 15) / 16) * 16 * cache->key_dim; }

static void remember(const struct bw_op *op, int32_t from, int32_t to) {
  const struct bw_cache *cache = op->handle;
  for (int32_t row = from; row < to; row++) {
    int32_t position = op->list2[row];
    for (int32_t h = 0; h < cache->kv_heads; h++) {
      const float *k = op->x + (size_t)row * op->x_stride + h * cache->head_dim, *v = op->y + (size_t)row * op->x_stride + h * cache->head_dim;
      float *keys = cache->data + head_at(cache, op->a2, op->list[row], h);
      float *values = keys + values_at(cache) + (size_t)position * cache->value_dim;
      keys += (size_t)(position / 16) * 16 * cache->key_dim + position % 16;
      for (int32_t d = 0; d < cache->head_dim; d++) keys[(size_t)d * 16] = k[d];
      __builtin_memcpy(values, v, (size_t)cache->head_dim * 4);
    }
  }
}

/* Lane `i` of a block of the dot product: t, for VW positions. Dimensions lie 16 floats apart. */
ALWAYS vf key_lane(const float *k, const float *q, const int i, const int steps) {
  vf t = vf_mul(vf_load(k + 16 * (2 * i)), vf_set(q[2 * i]));
  t = vf_add(t, vf_mul(vf_load(k + 16 * (2 * i + 1)), vf_set(q[2 * i + 1])));
  if (steps == 4) {
    t = vf_add(t, vf_mul(vf_load(k + 16 * (2 * i + 32)), vf_set(q[2 * i + 32])));
    t = vf_add(t, vf_mul(vf_load(k + 16 * (2 * i + 33)), vf_set(q[2 * i + 33])));
  }
  return t;
}

/* The fold of the lanes i, i + step, i + 2 step, ... of one block, in the tree's order, with few lanes alive at a time. (The lanes begin at
   +0 in the law; leaving that out could only turn a zero's sign, which neither the maximum nor exp can tell.) */
ALWAYS vf fold8(const float *k, const float *q, const int i, const int steps) { return vf_add(key_lane(k, q, i, steps), key_lane(k, q, i + 8, steps)); }
ALWAYS vf fold4(const float *k, const float *q, const int i, const int steps) { return vf_add(fold8(k, q, i, steps), fold8(k, q, i + 4, steps)); }
ALWAYS vf fold2(const float *k, const float *q, const int i, const int steps) { return vf_add(fold4(k, q, i, steps), fold4(k, q, i + 2, steps)); }
ALWAYS vf fold1(const float *k, const float *q, const int steps) { return vf_add(fold2(k, q, 0, steps), fold2(k, q, 1, steps)); }

/* Scores of VW positions. `q` is padded with +0 to key_dim: 32, or whole blocks. */
static inline vf key_scores(const float *k, const float *q, int32_t dim) {
  if (dim == 32) return fold1(k, q, 2);
  if (dim == 64) return fold1(k, q, 4);
  vf lanes[BW_LANES];
  for (int i = 0; i < BW_LANES; i++) lanes[i] = vf_set(0.0f);
  for (int32_t d = 0; d < dim; d += BW_BLOCK) for (int i = 0; i < BW_LANES; i++) lanes[i] = vf_add(lanes[i], key_lane(k + 16 * d, q + d, i, 4));
  for (int h = 8; h >= 1; h >>= 1) for (int i = 0; i < h; i++) lanes[i] = vf_add(lanes[i], lanes[i + h]);
  return lanes[0];
}

/* total += sum over `count` positions of e v, t from +0, for N vectors of dimensions. */
ALWAYS void value_block(const float *e, const float *v, int32_t dim, int32_t count, float *total, const int N) {
  vf t[N];
  for (int n = 0; n < N; n++) t[n] = vf_set(0.0f);
  for (int32_t j = 0; j < count; j++, v += dim) {
    vf weight = vf_set(e[j]);
    for (int n = 0; n < N; n++) t[n] = vf_add(t[n], vf_mul(weight, vf_loadu(v + n * VW)));
  }
  for (int n = 0; n < N; n++) vf_storeu(total + n * VW, vf_add(vf_loadu(total + n * VW), t[n]));
}

/* Scratch: one padded query; scores of all positions; totals. */
static size_t attend_scratch_bytes(const struct bw_op *op) {
  const struct bw_cache *cache = op->handle;
  return 4 * ((size_t)cache->key_dim + (size_t)(cache->positions + 15) / 16 * 16 + (size_t)cache->value_dim) + 256;
}

/* Units are (row, head), heads fastest. */
static void attend(const struct bw_op *op, int32_t from, int32_t to, struct bw_scratch *scratch) {
  const struct bw_cache *cache = op->handle;
  int32_t heads = op->a3, window = op->a4, group = heads / cache->kv_heads, head_dim = cache->head_dim;
  float *q = (float *)scratch->memory;
  float *total = q + cache->key_dim, *scores = total + cache->value_dim;
  scratch->packed_program = 0;
  for (int32_t unit = from; unit < to; unit++) {
    int32_t row = unit / heads, head = unit % heads;
    int32_t position = op->list2[row];
    int32_t first = window > 0 && position - window + 1 > 0 ? position - window + 1 : 0;
    int32_t base = first / 16 * 16, end = position / 16 * 16 + 16;
    const float *keys = cache->data + head_at(cache, op->a2, op->list[row], head / group);
    const float *values = keys + values_at(cache);
    __builtin_memcpy(q, op->x + (size_t)row * op->x_stride + head * head_dim, (size_t)head_dim * 4);
    for (int32_t d = head_dim; d < cache->key_dim; d++) q[d] = 0.0f;

    float *s = scores - base;
    for (int32_t j = base; j < end; j += 16) {
      const float *k = keys + (size_t)j * cache->key_dim;
      for (int g = 0; g < 16; g += VW) vf_store(s + j + g, vf_mul(key_scores(k + g, q, cache->key_dim), vf_set(op->f0)));
    }
    /* Masked positions, and places of the cache that hold nothing yet. */
    for (int32_t j = base; j < first; j++) s[j] = -__builtin_inff();
    for (int32_t j = position + 1; j < end; j++) s[j] = -__builtin_inff();

    vf most = vf_set(-__builtin_inff());
    for (int32_t j = base; j < end; j += VW) most = vf_max(vf_load(s + j), most);
    _Alignas(64) float lanes[BW_LANES];
    vf_store(lanes, most);
    float max = lanes[0];
    for (int i = 1; i < VW; i++) max = lanes[i] > max ? lanes[i] : max;

    for (int g = 0; g < 16; g += VW) vf_store(lanes + g, vf_set(0.0f));
    for (int32_t j = base; j < end; j += 16) {
      for (int g = 0; g < 16; g += VW) {
        vf e = vf_exp(vf_sub(vf_load(s + j + g), vf_set(max)));
        vf_store(s + j + g, e);
        vf_store(lanes + g, vf_add(vf_load(lanes + g), e));
      }
    }
    float r = bw_rcp(bw_fold(lanes));

    for (int32_t d = 0; d < cache->value_dim; d++) total[d] = 0.0f;
    for (int32_t j = first; j <= position; j = j / BW_BLOCK * BW_BLOCK + BW_BLOCK) {
      int32_t stop = j / BW_BLOCK * BW_BLOCK + BW_BLOCK;
      int32_t count = (stop > position + 1 ? position + 1 : stop) - j;
      const float *v = values + (size_t)j * cache->value_dim;
      int32_t d = 0;
      for (; d + 4 * VW <= cache->value_dim; d += 4 * VW) value_block(s + j, v + d, cache->value_dim, count, total + d, 4);
      for (; d < cache->value_dim; d += VW) value_block(s + j, v + d, cache->value_dim, count, total + d, 1);
    }
    float *out = op->out + (size_t)row * op->out_stride + head * head_dim;
    for (int32_t d = 0; d < head_dim; d++) out[d] = total[d] * r;
    if (head == heads - 1) for (int32_t k = op->cols; k < op->out_stride; k++) op->out[(size_t)row * op->out_stride + k] = 0.0f;
  }
}
