#include "encode.h"
#include <pthread.h>
#include <string.h>

/* bitsandbytes' floor for absmax. */
#define SMALLEST_ABSMAX 1e-38f
/* At most so many elements are at work at a time; blocks have at most 4096. */
enum { LARGEST_BLOCK = 4096, MOST_THREADS = 64, LEAST_BLOCKS = 2048 };

/*
 * The scalar loop that this is, for a block of n values:
 *
 *   absmax = max |v|;  divisor = max(absmax, floor)
 *   scaled = full ? v * (1 / divisor) : v / divisor
 *   code = order[how many bounds lie below scaled]
 *
 * Written so that a compiler makes vectors of it: the count is a sum of comparisons, and instead of looking a code up at its end, each bound that
 * is passed adds the difference between the codes on its two sides.
 */
#define INLINE static inline __attribute__((always_inline))

INLINE void widen(const void *values, enum bw_stored stored, size_t from, size_t n, float *to) {
  if (stored == BW_STORED_FP32) {
    memcpy(to, (const float *)values + from, n * sizeof *to);
    return;
  }
  const uint16_t *bits = (const uint16_t *)values + from;
  if (stored == BW_STORED_BF16) {
    for (size_t i = 0; i < n; i++) {
      uint32_t word = (uint32_t)bits[i] << 16;
      memcpy(to + i, &word, sizeof word);
    }
    return;
  }
  for (size_t i = 0; i < n; i++) {
    /* Shifted into fp32's place the exponent is short by 112: a product by 2^112 adds it, and makes normal numbers of denormal ones, exactly.
       Infinities and NaN become 65536 and more, which no fp16 number is. */
    uint32_t sign = (uint32_t)(bits[i] & 0x8000) << 16, word = (uint32_t)(bits[i] & 0x7fff) << 13;
    float value;
    memcpy(&value, &word, sizeof value);
    value *= 0x1p112f;
    memcpy(&word, &value, sizeof word);
    word |= sign;
    memcpy(to + i, &word, sizeof word);
  }
}

INLINE int encode_block(const struct bw_encode4 *task, size_t index) {
  _Alignas(64) float v[LARGEST_BLOCK + 64];
  _Alignas(64) int32_t code[LARGEST_BLOCK + 64];
  size_t from = index * task->block, n = task->count - from < task->block ? task->count - from : task->block;
  widen(task->values, task->stored, from, n, v);
  uint32_t largest_bits = 0;
  for (size_t i = 0; i < n; i++) {
    /* Magnitudes compare as their bits. */
    uint32_t word;
    memcpy(&word, v + i, sizeof word);
    word &= 0x7fffffff;
    largest_bits = word > largest_bits ? word : largest_bits;
  }
  static const uint32_t beyond[] = { 0x7f800000, 0x47800000, 0x7f800000 };
  int finite = largest_bits < beyond[task->stored];
  float largest;
  memcpy(&largest, &largest_bits, sizeof largest);
  float divisor = largest > SMALLEST_ABSMAX ? largest : SMALLEST_ABSMAX;
  int full = n == task->block;
  task->absmax[index] = full ? largest : divisor;
  if (full) {
    float reciprocal = 1.0f / divisor;
    for (size_t i = 0; i < n; i++) v[i] = v[i] * reciprocal;
  } else {
    for (size_t i = 0; i < n; i++) v[i] = v[i] / divisor;
    if (n & 1) v[n] = 0;
  }
  /* Copies, which no store to the codes can change. */
  float bounds[15];
  int32_t steps[15], first = task->order[0];
  for (int bound = 0; bound < 15; bound++) {
    bounds[bound] = task->bounds[bound];
    steps[bound] = task->order[bound + 1] - task->order[bound];
  }
  size_t even = n + (n & 1);
  for (size_t i = 0; i < even; i++) {
    int32_t sum = first;
    for (int bound = 0; bound < 15; bound++) sum += v[i] > bounds[bound] ? steps[bound] : 0;
    code[i] = sum;
  }
  uint8_t *out = task->codes + from / 2;
  for (size_t i = 0; i < even / 2; i++) out[i] = (uint8_t)(code[2 * i] << 4 | code[2 * i + 1]);
  return finite;
}

static int plain_blocks(const struct bw_encode4 *task, size_t from, size_t to) {
  int finite = 1;
  for (size_t index = from; index < to; index++) finite &= encode_block(task, index);
  return finite;
}

#if defined(__x86_64__)
/* The same, compiled once more: what these processors have makes no other bits. */
__attribute__((target("avx2"))) static int avx2_blocks(const struct bw_encode4 *task, size_t from, size_t to) {
  int finite = 1;
  for (size_t index = from; index < to; index++) finite &= encode_block(task, index);
  return finite;
}
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) static int avx512_blocks(const struct bw_encode4 *task, size_t from, size_t to) {
  int finite = 1;
  for (size_t index = from; index < to; index++) finite &= encode_block(task, index);
  return finite;
}
#endif

typedef int (*blocks_function)(const struct bw_encode4 *, size_t, size_t);

static blocks_function best(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) return avx512_blocks;
  if (__builtin_cpu_supports("avx2")) return avx2_blocks;
#endif
  return plain_blocks;
}

struct share { const struct bw_encode4 *task; blocks_function blocks; size_t from, to; int finite; };

static void *work(void *argument) {
  struct share *share = argument;
  share->finite = share->blocks(share->task, share->from, share->to);
  return NULL;
}

int bw_encode4(const struct bw_encode4 *task, int threads) {
  size_t blocks = (task->count + task->block - 1) / task->block;
  size_t most = blocks / LEAST_BLOCKS + 1;
  size_t shares = threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : (size_t)threads;
  if (shares > most) shares = most;
  struct share share[MOST_THREADS];
  pthread_t thread[MOST_THREADS];
  int started[MOST_THREADS] = {0};
  for (size_t i = 0; i < shares; i++) {
    share[i] = (struct share){ task, best(), blocks * i / shares, blocks * (i + 1) / shares, 0 };
    /* A thread that cannot be had costs time and nothing else. */
    started[i] = i + 1 < shares && pthread_create(&thread[i], NULL, work, &share[i]) == 0;
  }
  for (size_t i = 0; i < shares; i++) if (!started[i]) work(&share[i]);
  int finite = 1;
  for (size_t i = 0; i < shares; i++) {
    if (started[i]) pthread_join(thread[i], NULL);
    finite &= share[i].finite;
  }
  return finite;
}

void bw_compare4(const struct bw_compare4 *task) {
  double squares = task->sums[0], error_squares = task->sums[1], largest = task->sums[2];
  for (size_t from = 0; from < task->count; from += task->block) {
    _Alignas(64) float v[LARGEST_BLOCK];
    float scaled[16];
    size_t n = task->count - from < task->block ? task->count - from : task->block;
    widen(task->values, task->stored, from, n, v);
    for (int code = 0; code < 16; code++) scaled[code] = task->table[code] * task->scales[from / task->block];
    for (size_t i = 0; i < n; i++) {
      uint8_t pair = task->codes[(from + i) >> 1];
      float decoded = scaled[i & 1 ? pair & 15 : pair >> 4];
      double value = v[i], error = __builtin_fabs((double)decoded - value);
      task->decoded[from + i] = decoded;
      squares += value * value;
      error_squares += error * error;
      largest = error > largest ? error : largest;
    }
  }
  task->sums[0] = squares;
  task->sums[1] = error_squares;
  task->sums[2] = largest;
}
