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

/* Lane `i` of a block of the dot product of H queries, `apart` floats from one to the next: t, for VW positions. Dimensions lie 16 floats apart. */
ALWAYS void key_lane(const float *k, const float *q, int32_t apart, const int H, const int i, const int steps, vf *t) {
  vf first = vf_load(k + 16 * (2 * i)), second = vf_load(k + 16 * (2 * i + 1));
  for (int h = 0; h < H; h++) t[h] = vf_add(vf_mul(first, vf_set(q[h * apart + 2 * i])), vf_mul(second, vf_set(q[h * apart + 2 * i + 1])));
  if (steps != 4) return;
  vf third = vf_load(k + 16 * (2 * i + 32)), fourth = vf_load(k + 16 * (2 * i + 33));
  for (int h = 0; h < H; h++) t[h] = vf_add(vf_add(t[h], vf_mul(third, vf_set(q[h * apart + 2 * i + 32]))), vf_mul(fourth, vf_set(q[h * apart + 2 * i + 33])));
}

/*
 * The folds of the lanes of one block in the tree's order, with few lanes alive at a time: FOLD(h) is the sum of lanes i, i + h, i + 2h, ... (The
 * lanes begin at +0 in the law; leaving that out could only turn a zero's sign, which neither the maximum nor exp can tell.)
 */
#define FOLD(NAME, INNER, H_APART) \
  ALWAYS void NAME(const float *k, const float *q, int32_t apart, const int H, const int i, const int steps, vf *sum) { \
    vf other[HEADS_AT_ONCE]; \
    INNER(k, q, apart, H, i, steps, sum); \
    INNER(k, q, apart, H, i + H_APART, steps, other); \
    for (int h = 0; h < H; h++) sum[h] = vf_add(sum[h], other[h]); \
  }
FOLD(fold8, key_lane, 8)
FOLD(fold4, fold8, 4)
FOLD(fold2, fold4, 2)
FOLD(fold1, fold2, 1)

/* Scores of VW positions for H queries. They are padded with +0 to dim: 32, or whole blocks. */
ALWAYS void key_scores(const float *k, const float *q, int32_t dim, const int H, vf *scores) {
  if (dim == 32) {
    fold1(k, q, dim, H, 0, 2, scores);
    return;
  }
  if (dim == 64) {
    fold1(k, q, dim, H, 0, 4, scores);
    return;
  }
  for (int h = 0; h < H; h++) {
    vf lanes[BW_LANES];
    for (int i = 0; i < BW_LANES; i++) lanes[i] = vf_set(0.0f);
    for (int32_t d = 0; d < dim; d += BW_BLOCK) {
      for (int i = 0; i < BW_LANES; i++) {
        vf t;
        key_lane(k + 16 * d, q + h * dim + d, 0, 1, i, 4, &t);
        lanes[i] = vf_add(lanes[i], t);
      }
    }
    for (int half = 8; half >= 1; half >>= 1) for (int i = 0; i < half; i++) lanes[i] = vf_add(lanes[i], lanes[i + half]);
    scores[h] = lanes[0];
  }
}

/*
 * total += sum over `count` positions of e v, t from +0, for N vectors of dimensions and H heads: their e are `apart` floats from one to the
 * next, their totals `dim`.
 */
ALWAYS void value_block(const float *e, int32_t apart, const float *v, int32_t dim, int32_t count, float *total, const int N, const int H) {
  vf t[H * N];
  for (int n = 0; n < H * N; n++) t[n] = vf_set(0.0f);
  for (int32_t j = 0; j < count; j++, v += dim) {
    for (int n = 0; n < N; n++) {
      vf value = vf_kept(vf_loadu(v + n * VW));
      for (int h = 0; h < H; h++) t[h * N + n] = vf_add(t[h * N + n], vf_mul(vf_set(e[h * apart + j]), value));
    }
  }
  for (int h = 0; h < H; h++) for (int n = 0; n < N; n++) vf_storeu(total + h * dim + n * VW, vf_add(vf_loadu(total + h * dim + n * VW), t[h * N + n]));
}

/* Floats from one head's scores to the next. */
static inline int32_t score_stride(const struct bw_cache *cache) { return (cache->positions + 15) / 16 * 16; }

/* Scratch, for some heads: padded queries; totals; scores of all positions. */
static size_t attend_scratch_bytes(const struct bw_op *op) {
  const struct bw_cache *cache = op->handle;
  return 4 * HEADS_AT_ONCE * ((size_t)cache->key_dim + (size_t)cache->value_dim + (size_t)score_stride(cache)) + 256;
}

/* H heads of a row that share their keys and values, from `head` on. */
ALWAYS void attend_heads(const struct bw_op *op, int32_t row, int32_t head, const int H, float *q) {
  const struct bw_cache *cache = op->handle;
  const int32_t window = op->a4, head_dim = cache->head_dim, key_dim = cache->key_dim, value_dim = cache->value_dim, apart = score_stride(cache);
  float *total = q + H * key_dim, *scores = total + H * value_dim;
  int32_t position = op->list2[row];
  int32_t first = window > 0 && position - window + 1 > 0 ? position - window + 1 : 0;
  int32_t base = first / 16 * 16, end = position / 16 * 16 + 16;
  const float *keys = cache->data + head_at(cache, op->a2, op->list[row], head / (op->a3 / cache->kv_heads));
  const float *values = keys + values_at(cache);
  for (int h = 0; h < H; h++) {
    __builtin_memcpy(q + h * key_dim, op->x + (size_t)row * op->x_stride + (size_t)(head + h) * head_dim, (size_t)head_dim * 4);
    for (int32_t d = head_dim; d < key_dim; d++) q[h * key_dim + d] = 0.0f;
  }

  float *s = scores - base;
  for (int32_t j = base; j < end; j += 16) {
    const float *k = keys + (size_t)j * key_dim;
    for (int g = 0; g < 16; g += VW) {
      vf score[HEADS_AT_ONCE];
      key_scores(k + g, q, key_dim, H, score);
      for (int h = 0; h < H; h++) vf_storeu(s + h * apart + j + g, vf_mul(score[h], vf_set(op->f0)));
    }
  }
  float r[HEADS_AT_ONCE];
  for (int h = 0; h < H; h++, s += apart) {
    /* Masked positions, and places of the cache that hold nothing yet. */
    for (int32_t j = base; j < first; j++) s[j] = -__builtin_inff();
    for (int32_t j = position + 1; j < end; j++) s[j] = -__builtin_inff();

    vf most = vf_set(-__builtin_inff());
    for (int32_t j = base; j < end; j += VW) most = vf_max(vf_loadu(s + j), most);
    _Alignas(64) float lanes[BW_LANES];
    vf_store(lanes, most);
    float max = lanes[0];
    for (int i = 1; i < VW; i++) max = lanes[i] > max ? lanes[i] : max;

    for (int g = 0; g < 16; g += VW) vf_store(lanes + g, vf_set(0.0f));
    for (int32_t j = base; j < end; j += 16) {
      for (int g = 0; g < 16; g += VW) {
        vf e = vf_exp(vf_sub(vf_loadu(s + j + g), vf_set(max)));
        vf_storeu(s + j + g, e);
        vf_store(lanes + g, vf_add(vf_load(lanes + g), e));
      }
    }
    r[h] = bw_rcp(bw_fold(lanes));
  }

  s = scores - base;
  for (int32_t d = 0; d < H * value_dim; d++) total[d] = 0.0f;
  for (int32_t j = first; j <= position; j = j / BW_BLOCK * BW_BLOCK + BW_BLOCK) {
    int32_t stop = j / BW_BLOCK * BW_BLOCK + BW_BLOCK;
    int32_t count = (stop > position + 1 ? position + 1 : stop) - j;
    const float *v = values + (size_t)j * value_dim;
    int32_t d = 0;
    for (; d + 4 * VW <= value_dim; d += 4 * VW) value_block(s + j, apart, v + d, value_dim, count, total + d, 4, H);
    for (; d < value_dim; d += VW) value_block(s + j, apart, v + d, value_dim, count, total + d, 1, H);
  }
  for (int h = 0; h < H; h++) {
    float *out = op->out + (size_t)row * op->out_stride + (size_t)(head + h) * head_dim;
    for (int32_t d = 0; d < head_dim; d++) out[d] = total[h * value_dim + d] * r[h];
  }
}

/* Units are (row, key head), key heads fastest. */
static void attend(const struct bw_op *op, int32_t from, int32_t to, struct bw_scratch *scratch) {
  const struct bw_cache *cache = op->handle;
  int32_t kv_heads = cache->kv_heads, group = op->a3 / kv_heads;
  scratch->packed_program = 0;
  for (int32_t unit = from; unit < to; unit++) {
    int32_t row = unit / kv_heads, kv_head = unit % kv_heads, head = kv_head * group, end = head + group;
    for (; head + HEADS_AT_ONCE <= end; head += HEADS_AT_ONCE) attend_heads(op, row, head, HEADS_AT_ONCE, (float *)scratch->memory);
#if HEADS_AT_ONCE > 2
    for (; head + 2 <= end; head += 2) attend_heads(op, row, head, 2, (float *)scratch->memory);
#endif
    for (; head < end; head++) attend_heads(op, row, head, 1, (float *)scratch->memory);
    if (kv_head == kv_heads - 1) for (int32_t k = op->cols; k < op->out_stride; k++) op->out[(size_t)row * op->out_stride + k] = 0.0f;
  }
}
