/*
 * Gumbel-max sampling: sampleToken() of ../sampler.ts. The token is the argmax of z + T g over the k largest logits, ties to the lower id;
 * g = -log(-log u), u from Threefry-2x32 with key (prompt, seed) and counter (position, token).
 */

static inline uint32_t rotl32(uint32_t x, int n) { return x << n | x >> (32 - n); }

/* The first word; ../threefry.ts has the source. */
static inline uint32_t threefry(uint32_t key0, uint32_t key1, uint32_t a, uint32_t b) {
  static const int turns[2][4] = { { 13, 15, 26, 6 }, { 17, 29, 16, 24 } };
  uint32_t key[3] = { key0, key1, 0x1bd11bdau ^ key0 ^ key1 };
  a += key0;
  b += key1;
  for (uint32_t four = 0; four < 5; four++) {
    for (int i = 0; i < 4; i++) { a += b; b = rotl32(b, turns[four & 1][i]) ^ a; }
    a += key[(four + 1) % 3];
    b += key[(four + 2) % 3] + four + 1;
  }
  return a;
}

static inline float gumbel(uint32_t r) {
  float u = ((float)(r >> 9) + 0.5f) * (1.0f / 8388608.0f);
  return -bw_log(-bw_log(u));
}

/* Order of the bits is order of the numbers; both zeros are one. */
static inline uint32_t order_of(float z) {
  uint32_t bits = bw_bits(z + 0.0f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* order_of() of the k-th largest: its bits are found from the top, eight at a time, by counting. */
static uint32_t kth_largest(const float *z, int32_t count, int32_t k) {
  uint32_t found = 0, mask = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    int32_t counts[256] = { 0 };
    for (int32_t v = 0; v < count; v++) {
      uint32_t order = order_of(z[v]);
      if ((order & mask) == found) counts[order >> shift & 255u]++;
    }
    int digit = 255;
    while (digit > 0 && counts[digit] < k) k -= counts[digit--];
    found |= (uint32_t)digit << shift;
    mask |= 255u << shift;
  }
  return found;
}

enum { SAMPLE_AT_ONCE = 256 };

static int32_t sample_token(const float *z, int32_t vocabulary, const int32_t *draw) {
  float temperature = bw_float((uint32_t)draw[0]);
  int32_t k = draw[1];
  if (temperature == 0.0f || k == 1) {
    int32_t best = 0;
    for (int32_t v = 1; v < vocabulary; v++) if (z[v] > z[best]) best = v;
    return best;
  }
  uint32_t threshold = 0;
  int32_t equal = vocabulary;
  if (k > 0 && k < vocabulary) {
    threshold = kth_largest(z, vocabulary, k);
    equal = k;
    for (int32_t v = 0; v < vocabulary; v++) equal -= order_of(z[v]) > threshold;
  }
  int32_t best = -1;
  float most = -__builtin_inff();
  for (int32_t from = 0; from < vocabulary; from += SAMPLE_AT_ONCE) {
    int32_t here = vocabulary - from < SAMPLE_AT_ONCE ? vocabulary - from : SAMPLE_AT_ONCE;
    if (threshold == 0) {
      /* All are candidates: their scores are made side by side. */
      float scores[SAMPLE_AT_ONCE];
      for (int32_t i = 0; i < here; i++) {
        uint32_t r = threefry((uint32_t)draw[2], (uint32_t)draw[3], (uint32_t)draw[4], (uint32_t)(from + i));
        scores[i] = z[from + i] + temperature * gumbel(r);
      }
      for (int32_t i = 0; i < here; i++) if (scores[i] > most) { most = scores[i]; best = from + i; }
      continue;
    }
    for (int32_t v = from; v < from + here; v++) {
      uint32_t order = order_of(z[v]);
      if (order < threshold || (order == threshold && equal-- <= 0)) continue;
      float score = z[v] + temperature * gumbel(threefry((uint32_t)draw[2], (uint32_t)draw[3], (uint32_t)draw[4], (uint32_t)v));
      if (score > most) { most = score; best = v; }
    }
  }
  return best;
}

static void sample(const struct bw_op *op, int32_t from, int32_t to) {
  int32_t *tokens = (int32_t *)op->out;
  for (int32_t row = from; row < to; row++) {
    const float *z = op->x + (size_t)row * op->x_stride;
    int64_t bad = count_not_finite(z, 1, op->cols, op->x_stride);
    tokens[row] = bad ? (int32_t)(-1 - bad) : sample_token(z, op->cols, op->list + (size_t)row * BW_SAMPLE_WORDS);
  }
}
