/*
 * Attention of many rows of one sequence on AMX tiles: a query is a row of a tile, 32 of them (rows of the sequence times heads of the group) at a time.
 *
 *   scores = q x keys      both split into a bf16 and the bf16 of what it leaves out, three products of the four: near fp32, as scores
 *                          of some tens are exponents
 *   out    = e x values    once, in bf16
 *
 * Keys and values are turned into tiles once for each unit of work: [16 positions][32 dimensions][pair][position], and
 * [32 positions][16 dimensions][pair][dimension].
 */

enum { LEAST_TILE_RUN = 8, TILE_QUERIES = 32 };

static inline int32_t whole(int32_t count, int32_t of) { return (count + of - 1) / of * of; }

/* Of a sequence of so many positions: steps of 32 dimensions, tiles of 16 dimensions, positions by 32. */
struct attend_shape { int32_t steps, dim_tiles, positions; };
static struct attend_shape attend_shape_of(const struct bw_cache *cache, int32_t positions) {
  return (struct attend_shape){ whole(cache->head_dim, 32) / 32, cache->value_dim / 16, whole(positions, 32) };
}

/* Scratch: tiles of keys (two parts) and of values; of queries (two parts); scores; weights; results. */
static size_t amx_attend_bytes(const struct bw_op *op) {
  const struct bw_cache *cache = op->handle;
  struct attend_shape shape = attend_shape_of(cache, cache->positions + 32);
  size_t positions = (size_t)shape.positions;
  size_t bytes = positions / 16 * 2 * (size_t)shape.steps * TILE_BYTES + positions / 32 * (size_t)shape.dim_tiles * TILE_BYTES + 2 * 2 * (size_t)shape.steps * TILE_BYTES
    + TILE_QUERIES * positions * 4 + positions / 32 * 2 * TILE_BYTES + 2 * (size_t)shape.dim_tiles * TILE_BYTES;
  size_t least = fast_attend_bytes(op);
  return bytes > least ? bytes : least;
}

/* Two rows of sixteen numbers to a row of pairs. */
static inline __m512i pairs_of(__m512i two_rows) {
  static const _Alignas(64) uint16_t index[32] = { 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31 };
  return _mm512_permutexvar_epi16(_mm512_load_si512(index), two_rows);
}

/* What bf16 leaves out of x. */
static inline __m512 bf16_rest(__m512 x) {
  __m512i rounded = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x)), 16);
  return _mm512_sub_ps(x, _mm512_castsi512_ps(rounded));
}

/* [16 positions][part][step] tiles, for groups [from, to) of 16 positions. Dimensions beyond the head's are left as they are in the cache: +0. */
static void amx_pack_keys(const struct bw_cache *cache, const float *keys, int32_t from, int32_t to, int32_t steps, uint8_t *tiles) {
  for (int32_t group = from; group < to; group++) {
    const float *k = keys + (size_t)group * 16 * cache->key_dim;
    for (int32_t step = 0; step < steps; step++, tiles += TILE_BYTES) {
      for (int32_t p = 0; p < 16; p++) {
        vf a = vf_load(k + (size_t)(32 * step + 2 * p) * 16), b = vf_load(k + (size_t)(32 * step + 2 * p + 1) * 16);
        _mm512_store_si512(tiles + 64 * p, pairs_of(bf16_pairs(b, a)));
        _mm512_store_si512(tiles + steps * TILE_BYTES + 64 * p, pairs_of(bf16_pairs(bf16_rest(b), bf16_rest(a))));
      }
    }
    tiles += steps * TILE_BYTES;
  }
}

/* [32 positions][16 dimensions] tiles of positions [from, to), from a multiple of 32; +0 outside of [first, last]. */
static void amx_pack_values(const struct bw_cache *cache, const float *values, int32_t from, int32_t to, int32_t first, int32_t last, int32_t dim_tiles, uint8_t *tiles) {
  for (int32_t j = from; j < to; j += 32) {
    for (int32_t t = 0; t < dim_tiles; t++, tiles += TILE_BYTES) {
      for (int32_t p = 0; p < 16; p++) {
        int32_t at = j + 2 * p;
        const float *v = values + (size_t)at * cache->value_dim + 16 * t;
        vf a = at >= first && at <= last ? vf_loadu(v) : vf_set(0.0f), b = at + 1 >= first && at + 1 <= last ? vf_loadu(v + cache->value_dim) : vf_set(0.0f);
        _mm512_store_si512(tiles + 64 * p, pairs_of(bf16_pairs(b, a)));
      }
    }
  }
}

/* Scores of 32 queries, [part][half][step] tiles, with 16 positions: [query][16], rows `stride` bytes apart. */
static inline void amx_scores(const uint8_t *queries, const uint8_t *keys, int32_t steps, uint8_t *scores, size_t stride) {
  _tile_zero(0);
  _tile_zero(1);
  const size_t part = (size_t)steps * TILE_BYTES;
  for (int32_t s = 0; s < steps; s++, queries += TILE_BYTES, keys += TILE_BYTES) {
    _tile_loadd(4, keys, 64);
    _tile_loadd(5, keys + part, 64);
    _tile_loadd(2, queries, 64);
    _tile_loadd(3, queries + part, 64);
    _tile_dpbf16ps(0, 2, 4);
    _tile_dpbf16ps(1, 3, 4);
    _tile_loadd(6, queries + 2 * part, 64);
    _tile_loadd(7, queries + 3 * part, 64);
    _tile_dpbf16ps(0, 2, 5);
    _tile_dpbf16ps(1, 3, 5);
    _tile_dpbf16ps(0, 6, 4);
    _tile_dpbf16ps(1, 7, 4);
  }
  _tile_stored(0, scores, stride);
  _tile_stored(1, scores + 16 * stride, stride);
}

/* Scores of a query from `base` to `end` to weights in bf16, in tiles [32 positions][half][query]; the sum. */
static float amx_softmax(float *s, float scale, int32_t base, int32_t end, struct fast_span span, uint8_t *weights) {
  for (int32_t j = base; j < span.first; j++) s[j - base] = -__builtin_inff();
  for (int32_t j = span.position + 1; j < end; j++) s[j - base] = -__builtin_inff();
  vf most = vf_set(-__builtin_inff());
  for (int32_t j = 0; j < end - base; j += 16) most = vf_max(vf_load(s + j), most);
  const vf max = vf_set(_mm512_reduce_max_ps(most)), by = vf_set(scale);
  vf sum = vf_set(0.0f);
  for (int32_t j = 0; j < end - base; j += 32, weights += 2 * TILE_BYTES) {
    vf x = vf_mul(vf_sub(vf_load(s + j), max), by), y = vf_mul(vf_sub(vf_load(s + j + 16), max), by);
    vf e = vf_less(x, vf_set(-87.0f), vf_set(0.0f), vf_quick_exp(x)), f = vf_less(y, vf_set(-87.0f), vf_set(0.0f), vf_quick_exp(y));
    sum = vf_add(sum, vf_add(e, f));
    _mm512_store_si512(weights, bf16_pairs(f, e));
  }
  return _mm512_reduce_add_ps(sum);
}

/* Results of 32 queries over `count` times 32 positions: [half][dimension tile] tiles, two dimension tiles at a time where there are two. */
ALWAYS void amx_values(const uint8_t *weights, const uint8_t *values, int32_t count, int32_t dim_tiles, const int N, uint8_t *out) {
  _tile_zero(0);
  _tile_zero(1);
  if (N > 1) { _tile_zero(2); _tile_zero(3); }
  for (int32_t j = 0; j < count; j++, weights += 2 * TILE_BYTES, values += (size_t)dim_tiles * TILE_BYTES) {
    _tile_loadd(4, weights, 64);
    _tile_loadd(5, weights + TILE_BYTES, 64);
    _tile_loadd(6, values, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 5, 6);
    if (N > 1) {
      _tile_loadd(7, values + TILE_BYTES, 64);
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  uint8_t *lower = out + (size_t)dim_tiles * TILE_BYTES;
  _tile_stored(0, out, 64);
  _tile_stored(1, lower, 64);
  if (N > 1) {
    _tile_stored(2, out + TILE_BYTES, 64);
    _tile_stored(3, lower + TILE_BYTES, 64);
  }
}

/* Rows [from, to), all of one sequence, with the heads of one kv head. */
static void amx_attend_rows(const struct bw_op *op, int32_t from, int32_t to, int32_t kv_head, float *memory) {
  if (to - from < LEAST_TILE_RUN) {
    fast_attend_rows(op, from, to, kv_head, memory);
    return;
  }
  const struct bw_cache *cache = op->handle;
  int32_t group = op->a3 / cache->kv_heads, head_dim = cache->head_dim, count = (to - from) * group;
  const float *keys = cache->data + head_at(cache, op->a2, op->list[from], kv_head), *values = keys + values_at(cache);
  struct fast_span all = fast_span_of(op, from);
  for (int32_t row = from + 1; row < to; row++) {
    struct fast_span span = fast_span_of(op, row);
    all.first = span.first < all.first ? span.first : all.first;
    all.position = span.position > all.position ? span.position : all.position;
  }
  int32_t base = all.first / 32 * 32, end = all.position / 32 * 32 + 32;
  struct attend_shape shape = attend_shape_of(cache, end - base);
  size_t part = (size_t)shape.steps * TILE_BYTES;
  uint8_t *key_tiles = (uint8_t *)memory, *value_tiles = key_tiles + (size_t)shape.positions / 16 * 2 * part, *queries = value_tiles + (size_t)shape.positions / 32 * shape.dim_tiles * TILE_BYTES;
  float *scores = (float *)(queries + 4 * part);
  uint8_t *weights = (uint8_t *)(scores + (size_t)TILE_QUERIES * shape.positions), *out = weights + (size_t)shape.positions / 32 * 2 * TILE_BYTES;
  /* The cache ends at 16 positions, tiles at 32. */
  int32_t last_group = all.position / 16 + 1;
  amx_pack_keys(cache, keys, base / 16, last_group, shape.steps, key_tiles);
  amx_pack_values(cache, values, base, end, all.first, all.position, shape.dim_tiles, value_tiles);
  use_tiles();
  for (int32_t begin = 0; begin < count; begin += TILE_QUERIES) {
    int32_t here = count - begin < TILE_QUERIES ? count - begin : TILE_QUERIES, stop = base;
    for (int32_t m = 0; m < TILE_QUERIES; m++) {
      int32_t row = from + (begin + m) / group, head = kv_head * group + (begin + m) % group;
      const float *q = op->x + (size_t)row * op->x_stride + head * head_dim;
      if (m < here && fast_span_of(op, row).position >= stop) stop = fast_span_of(op, row).position + 1;
      uint8_t *to_row = queries + (size_t)(m / 16) * part + 64 * (m % 16);
      for (int32_t s = 0; s < shape.steps; s++, to_row += TILE_BYTES) {
        int32_t left = m < here ? head_dim - 32 * s : 0;
        __mmask16 low = left >= 16 ? 0xffff : (__mmask16)((1u << (left < 0 ? 0 : left)) - 1), high = left >= 32 ? 0xffff : (__mmask16)((1u << (left < 16 ? 0 : left - 16)) - 1);
        vf a = _mm512_maskz_loadu_ps(low, q + 32 * s), b = _mm512_maskz_loadu_ps(high, q + 32 * s + 16);
        _mm512_store_si512(to_row, bf16_pairs(b, a));
        _mm512_store_si512(to_row + 2 * part, bf16_pairs(bf16_rest(b), bf16_rest(a)));
      }
    }
    /* No key behind the last of these rows. */
    int32_t until = stop > base ? whole(stop - base, 32) + base : base + 32;
    size_t stride = (size_t)(until - base) * 4;
    for (int32_t j = base / 16; j < until / 16; j++) {
      const uint8_t *tile = key_tiles + (size_t)(j - base / 16) * 2 * part;
      if (j < last_group) amx_scores(queries, tile, shape.steps, (uint8_t *)(scores + (j * 16 - base)), stride);
    }
    float factor[TILE_QUERIES];
    for (int32_t m = 0; m < here; m++) {
      struct fast_span span = fast_span_of(op, from + (begin + m) / group);
      factor[m] = 1.0f / amx_softmax(scores + (size_t)m * (size_t)(until - base), op->f0, base, until, span, weights + (size_t)(m / 16) * TILE_BYTES + 64 * (m % 16));
    }
    for (int32_t m = here; m < TILE_QUERIES; m++) {
      for (int32_t j = 0; j < (until - base) / 32; j++) _mm512_store_si512(weights + (size_t)j * 2 * TILE_BYTES + (size_t)(m / 16) * TILE_BYTES + 64 * (m % 16), _mm512_setzero_si512());
    }
    int32_t t = 0;
    for (; t + 2 <= shape.dim_tiles; t += 2) amx_values(weights, value_tiles + (size_t)t * TILE_BYTES, (until - base) / 32, shape.dim_tiles, 2, out + (size_t)t * TILE_BYTES);
    for (; t < shape.dim_tiles; t++) amx_values(weights, value_tiles + (size_t)t * TILE_BYTES, (until - base) / 32, shape.dim_tiles, 1, out + (size_t)t * TILE_BYTES);
    for (int32_t m = 0; m < here; m++) {
      int32_t row = from + (begin + m) / group, head = kv_head * group + (begin + m) % group;
      float *place = op->out + (size_t)row * op->out_stride + head * head_dim;
      const uint8_t *result = out + (size_t)(m / 16) * shape.dim_tiles * TILE_BYTES + 64 * (m % 16);
      for (int32_t d = 0; d < head_dim; d += 16, result += TILE_BYTES) {
        __mmask16 some = head_dim - d >= 16 ? 0xffff : (__mmask16)((1u << (head_dim - d)) - 1);
        _mm512_mask_storeu_ps(place + d, some, vf_mul(vf_load((const float *)result), vf_set(factor[m])));
      }
    }
  }
  _tile_release();
}
