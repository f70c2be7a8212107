/*
 * Attention, fused: queries that look at the same keys do so together, up to four at a time (heads of a group; rows of one sequence), so that
 * a key and a value are loaded once for all. Two passes, scores kept: no rescaling is needed.
 *
 *   s_j = (q . k_j) scale;  e_j = exp(s_j - max s);  out = (sum e_j v_j) / sum e_j
 *
 * A unit of work is op->row_block rows and one kv head.
 */

enum { FAST_QUERIES = 4 };

/* A row's keys: [first, position] of one sequence. */
struct fast_span { int32_t first, position; };

ALWAYS struct fast_span fast_span_of(const struct bw_op *op, int32_t row) {
  int32_t position = op->list2[row], window = op->a4;
  return (struct fast_span){ window > 0 && position - window + 1 > 0 ? position - window + 1 : 0, position };
}

/* Scores of N times VW positions from `keys` on, for M queries `dim` apart: into s + m * s_stride. */
ALWAYS void fast_scores(const float *keys, const float *q, int32_t dim, int32_t key_dim, float scale, const int M, const int N, float *s, size_t s_stride) {
  vf acc[FAST_QUERIES * 4];
  for (int i = 0; i < M * N; i++) acc[i] = vf_set(0.0f);
  for (int32_t d = 0; d < dim; d++) {
    vf k[4];
    for (int n = 0; n < N; n++) k[n] = vf_load(keys + (size_t)(n * VW / 16) * 16 * key_dim + (size_t)d * 16 + n * VW % 16);
    for (int m = 0; m < M; m++) {
      vf one = vf_set(q[m * key_dim + d]);
      for (int n = 0; n < N; n++) acc[m * N + n] = vf_fma(k[n], one, acc[m * N + n]);
    }
  }
  for (int m = 0; m < M; m++) for (int n = 0; n < N; n++) vf_store(s + m * s_stride + n * VW, vf_mul(acc[m * N + n], vf_set(scale)));
}

/* Scores to e^(score - largest) within the span, 0 beyond it, for positions [base, end); the sum. */
static float fast_softmax(float *s, int32_t base, int32_t end, struct fast_span span) {
  for (int32_t j = base; j < span.first; j++) s[j - base] = -__builtin_inff();
  for (int32_t j = span.position + 1; j < end; j++) s[j - base] = -__builtin_inff();
  vf most = vf_set(-__builtin_inff());
  for (int32_t j = 0; j < end - base; j += VW) most = vf_max(vf_load(s + j), most);
  _Alignas(64) float lanes[VW];
  vf_store(lanes, most);
  float max = lanes[0];
  for (int i = 1; i < VW; i++) max = lanes[i] > max ? lanes[i] : max;
  vf sum = vf_set(0.0f);
  for (int32_t j = 0; j < end - base; j += VW) {
    vf x = vf_sub(vf_load(s + j), vf_set(max));
    vf e = vf_less(x, vf_set(-87.0f), vf_set(0.0f), vf_quick_exp(x));
    vf_store(s + j, e);
    sum = vf_add(sum, e);
  }
  vf_store(lanes, sum);
  float total = 0.0f;
  for (int i = 0; i < VW; i++) total += lanes[i];
  return total;
}

/* out[m] = factor[m] * sum over `count` positions of e v, for N vectors of dimensions. */
ALWAYS void fast_values(const float *e, size_t e_stride, const float *v, int32_t value_dim, int32_t count, const float *factor, const int M, const int N, float *out) {
  vf acc[FAST_QUERIES * 4];
  for (int i = 0; i < M * N; i++) acc[i] = vf_set(0.0f);
  for (int32_t j = 0; j < count; j++, v += value_dim) {
    vf value[4];
    for (int n = 0; n < N; n++) value[n] = vf_loadu(v + n * VW);
    for (int m = 0; m < M; m++) {
      vf weight = vf_set(e[m * e_stride + j]);
      for (int n = 0; n < N; n++) acc[m * N + n] = vf_fma(weight, value[n], acc[m * N + n]);
    }
  }
  for (int m = 0; m < M; m++) for (int n = 0; n < N; n++) vf_store(out + m * value_dim + n * VW, vf_mul(acc[m * N + n], vf_set(factor[m])));
}

/* M queries at q, [query][key_dim]; results to out, [query][value_dim]. `s`: room for M times the scores of all positions. */
ALWAYS void fast_queries(const struct bw_cache *cache, const float *keys, const float *q, const struct fast_span *span, float scale, const int M, float *s, float *out) {
  int32_t first = span[0].first, position = span[0].position;
  for (int m = 1; m < M; m++) {
    first = span[m].first < first ? span[m].first : first;
    position = span[m].position > position ? span[m].position : position;
  }
  enum { GROUPS = 16 / VW };
  int32_t base = first / 16 * 16, end = position / 16 * 16 + 16;
  size_t stride = (size_t)(end - base);
  int32_t j = base;
  if (GROUPS == 1) for (; j + 32 <= end; j += 32) fast_scores(keys + (size_t)j * cache->key_dim, q, cache->head_dim, cache->key_dim, scale, M, 2, s + (j - base), stride);
  for (; j < end; j += 16) fast_scores(keys + (size_t)j * cache->key_dim, q, cache->head_dim, cache->key_dim, scale, M, GROUPS, s + (j - base), stride);
  float factor[FAST_QUERIES];
  for (int m = 0; m < M; m++) factor[m] = 1.0f / fast_softmax(s + m * stride, base, end, span[m]);
  /* From `first` on: what lies before it may be of another sequence, and not finite. */
  const float *values = keys + values_at(cache) + (size_t)first * cache->value_dim;
  const float *e = s + (first - base);
  int32_t d = 0;
  for (; d + 4 * VW <= cache->value_dim; d += 4 * VW) fast_values(e, stride, values + d, cache->value_dim, position + 1 - first, factor, M, 4, out + d);
  for (; d < cache->value_dim; d += VW) fast_values(e, stride, values + d, cache->value_dim, position + 1 - first, factor, M, 1, out + d);
}

/* Scratch: queries and results of a batch; scores. */
static size_t fast_attend_bytes(const struct bw_op *op) {
  const struct bw_cache *cache = op->handle;
  return 4 * FAST_QUERIES * ((size_t)cache->key_dim + (size_t)cache->value_dim + (size_t)(cache->positions + 15) / 16 * 16) + 256;
}

/* Rows [from, to), all of one sequence, with the heads of one kv head. */
static void fast_attend_rows(const struct bw_op *op, int32_t from, int32_t to, int32_t kv_head, float *memory) {
  const struct bw_cache *cache = op->handle;
  int32_t group = op->a3 / cache->kv_heads, head_dim = cache->head_dim, count = (to - from) * group;
  const float *keys = cache->data + head_at(cache, op->a2, op->list[from], kv_head);
  float *q = memory, *out = q + FAST_QUERIES * cache->key_dim, *s = out + FAST_QUERIES * cache->value_dim;
  for (int32_t begin = 0; begin < count; begin += FAST_QUERIES) {
    int32_t here = count - begin < FAST_QUERIES ? count - begin : FAST_QUERIES;
    struct fast_span span[FAST_QUERIES];
    for (int32_t m = 0; m < here; m++) {
      int32_t row = from + (begin + m) / group, head = kv_head * group + (begin + m) % group;
      span[m] = fast_span_of(op, row);
      __builtin_memcpy(q + m * cache->key_dim, op->x + (size_t)row * op->x_stride + head * head_dim, (size_t)head_dim * 4);
    }
    switch (here) {
      case 1: fast_queries(cache, keys, q, span, op->f0, 1, s, out); break;
      case 2: fast_queries(cache, keys, q, span, op->f0, 2, s, out); break;
      case 3: fast_queries(cache, keys, q, span, op->f0, 3, s, out); break;
      default: fast_queries(cache, keys, q, span, op->f0, 4, s, out);
    }
    for (int32_t m = 0; m < here; m++) {
      int32_t row = from + (begin + m) / group, head = kv_head * group + (begin + m) % group;
      __builtin_memcpy(op->out + (size_t)row * op->out_stride + head * head_dim, out + m * cache->value_dim, (size_t)head_dim * 4);
    }
  }
}

/* Units are (op->row_block rows, kv head), kv heads fastest. */
static void fast_attend(const struct bw_op *op, int32_t from, int32_t to, struct bw_scratch *scratch) {
  const struct bw_cache *cache = op->handle;
  scratch->packed_program = 0;
  for (int32_t unit = from; unit < to; unit++) {
    int32_t kv_head = unit % cache->kv_heads, row = unit / cache->kv_heads * op->row_block;
    int32_t end = row + op->row_block < op->rows ? row + op->row_block : op->rows;
    while (row < end) {
      int32_t stop = row + 1;
      while (stop < end && op->list[stop] == op->list[row]) stop++;
      if (kv_head == cache->kv_heads - 1) {
        for (int32_t r = row; r < stop; r++) for (int32_t k = op->cols; k < op->out_stride; k++) op->out[(size_t)r * op->out_stride + k] = 0.0f;
      }
      FAST_ATTEND_RUN(op, row, stop, kv_head, (float *)scratch->memory);
      row = stop;
    }
  }
}
