#include "encode.h"
#include <pthread.h>
#include <string.h>

/* bitsandbytes' floor for absmax. */
#define SMALLEST_ABSMAX 1e-38f
/* At most so many elements are at work at a time; blocks have at most 4096. */
enum { LARGEST_BLOCK = 4096, MOST_THREADS = 64 };
/* A thread is worth starting for so many elements. */
enum { LEAST_SHARE = 1 << 17 };
/* Elements whose errors are summed by themselves, and in so many lanes (kernels/artifact.ts). */
enum { SUMMED = 1 << 16, LANES = 16, STRIP = 1024 };

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

/* Of the type that it is: its exponent is all ones. For fp16 this is asked of the widened number, which is 65536 or more. */
static const uint32_t BEYOND[] = { 0x7f800000, 0x47800000, 0x7f800000 };

INLINE uint32_t word_of(float value) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  return word;
}

INLINE int finite_strip(const float *v, size_t n, enum bw_stored stored) {
  uint32_t largest = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t word = word_of(v[i]) & 0x7fffffff;
    largest = word > largest ? word : largest;
  }
  return largest < BEYOND[stored];
}

/* kernels/half.ts: to nearest, ties to even. What is 65536 or more, or no number, becomes an infinity. */
INLINE void round_fp16(const float *v, size_t n, uint16_t *to) {
  for (size_t i = 0; i < n; i++) {
    uint32_t word = word_of(v[i]), sign = word >> 16 & 0x8000, size = word & 0x7fffffff;
    uint32_t normal = (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13;
    /* Below 2^-14 a sum with 1/2 has fp16's smallest step as its own, and rounds to it. */
    uint32_t small = word_of(__builtin_fabsf(v[i]) + 0.5f) - 0x3f000000;
    to[i] = (uint16_t)(sign | (size < 0x38800000 ? small : size >= 0x47800000 ? 0x7c00 : normal));
  }
}

INLINE void round_bf16(const float *v, size_t n, uint16_t *to) {
  for (size_t i = 0; i < n; i++) {
    uint32_t word = word_of(v[i]);
    to[i] = (uint16_t)((word + 0x7fff + (word >> 16 & 1)) >> 16);
  }
}

/* Answers whether every number is finite, before and after. */
INLINE int convert_strip(const struct bw_convert *task, size_t from, size_t n) {
  _Alignas(64) float v[STRIP];
  widen(task->values, task->stored, from, n, v);
  if (!finite_strip(v, n, task->stored)) return 0;
  if (task->to == NULL) return 1;
  if (task->type == BW_STORED_FP32) {
    memcpy((float *)task->to + from, v, n * sizeof *v);
    return 1;
  }
  uint16_t *to = (uint16_t *)task->to + from;
  if (task->type == BW_STORED_FP16) round_fp16(v, n, to);
  else round_bf16(v, n, to);
  uint16_t exponent = task->type == BW_STORED_FP16 ? 0x7c00 : 0x7f80;
  int beyond = 0;
  for (size_t i = 0; i < n; i++) beyond |= (to[i] & exponent) == exponent;
  return !beyond;
}

/* Rounded to fp16, then to 8 bits (kernels/formats/int8.ts, encodeRow). */
INLINE int encode_row(const struct bw_encode8 *task, size_t row) {
  _Alignas(64) float v[STRIP];
  _Alignas(64) uint16_t half[STRIP];
  size_t begin = row * task->columns;
  uint32_t largest_bits = 0;
  for (size_t at = 0; at < task->columns; at += STRIP) {
    size_t n = task->columns - at < STRIP ? task->columns - at : STRIP;
    widen(task->values, task->stored, begin + at, n, v);
    if (!finite_strip(v, n, task->stored)) return 0;
    if (task->stored != BW_STORED_FP16) {
      round_fp16(v, n, half);
      widen(half, BW_STORED_FP16, 0, n, v);
    }
    for (size_t i = 0; i < n; i++) {
      uint32_t word = word_of(v[i]) & 0x7fffffff;
      largest_bits = word > largest_bits ? word : largest_bits;
    }
  }
  if (largest_bits >= BEYOND[BW_STORED_FP16]) return 0;
  float largest;
  memcpy(&largest, &largest_bits, sizeof largest);
  task->scales[row] = largest;
  float factor = largest == 0 ? 0 : 127.0f * (1.0f / largest);
  for (size_t at = 0; at < task->columns; at += STRIP) {
    size_t n = task->columns - at < STRIP ? task->columns - at : STRIP;
    widen(task->values, task->stored, begin + at, n, v);
    if (task->stored != BW_STORED_FP16) {
      round_fp16(v, n, half);
      widen(half, BW_STORED_FP16, 0, n, v);
    }
    int8_t *codes = task->codes + begin + at;
    for (size_t i = 0; i < n; i++) {
      /* Plus and minus 1.5 * 2^23 rounds to an integer, halves to even. */
      float scaled = v[i] * factor;
      codes[i] = (int8_t)(int32_t)(scaled + 12582912.0f - 12582912.0f);
    }
  }
  return 1;
}

/* The values that an encoded tensor stands for. */
INLINE void decode_strip(const struct bw_compare *task, size_t from, size_t n, float *to) {
  if (task->kind == BW_CODES_PLAIN) {
    widen(task->codes, task->type, from, n, to);
    return;
  }
  if (task->kind == BW_CODES_ROWS8) {
    const int8_t *codes = (const int8_t *)task->codes + from;
    for (size_t done = 0; done < n;) {
      size_t row = (from + done) / task->block, left = (row + 1) * task->block - (from + done), part = left < n - done ? left : n - done;
      float scale = task->scales[row];
      for (size_t i = 0; i < part; i++) to[done + i] = (float)codes[done + i] * scale * 7.874015718698502e-3f;
      done += part;
    }
    return;
  }
  const uint8_t *codes = (const uint8_t *)task->codes + from / 2;
  for (size_t done = 0; done < n;) {
    /* A strip may begin in the middle of a large block. */
    size_t block = (from + done) / task->block, left = (block + 1) * task->block - (from + done), part = left < n - done ? left : n - done;
    float scaled[16];
    for (int code = 0; code < 16; code++) scaled[code] = task->table[code] * task->scales[block];
    for (size_t i = 0; i < part; i++) {
      uint8_t pair = codes[(done + i) / 2];
      to[done + i] = scaled[i & 1 ? pair & 15 : pair >> 4];
    }
    done += part;
  }
}

/* Eight lanes; processors without vectors so wide have the compiler make several of them. */
typedef float floats8 __attribute__((vector_size(32)));
typedef double lanes8 __attribute__((vector_size(64)));
typedef int64_t words8 __attribute__((vector_size(64)));

struct sums8 { lanes8 squares, errors, largest; };

INLINE void add8(struct sums8 *sums, const float *values, const float *decoded) {
  floats8 v, d;
  memcpy(&v, values, sizeof v);
  memcpy(&d, decoded, sizeof d);
  lanes8 value = __builtin_convertvector(v, lanes8), error = __builtin_convertvector(d, lanes8) - value;
  error = (lanes8)((words8)error & INT64_MAX);
  sums->squares += value * value;
  sums->errors += error * error;
  words8 more = (words8)(error > sums->largest);
  sums->largest = (lanes8)(((words8)error & more) | ((words8)sums->largest & ~more));
}

/* One SUMMED: its sums, lane by lane. */
INLINE void compare_piece(const struct bw_compare *task, size_t piece) {
  _Alignas(64) float v[STRIP], decoded[STRIP];
  struct sums8 sums[LANES / 8] = {0};
  uint32_t different = 0;
  size_t begin = piece * SUMMED, end = task->count - begin < SUMMED ? task->count : begin + SUMMED;
  for (size_t from = begin; from < end; from += STRIP) {
    size_t n = end - from < STRIP ? end - from : STRIP;
    widen(task->values, task->stored, from, n, v);
    decode_strip(task, from, n, decoded);
    for (size_t i = 0; i < n; i++) different |= word_of(v[i]) ^ word_of(decoded[i]);
    /* What a lane lacks at the end is filled with zeros: no sum becomes another by them. */
    for (; n % LANES != 0; n++) v[n] = decoded[n] = 0;
    for (size_t i = 0; i < n; i += LANES) for (size_t half = 0; half < LANES / 8; half++) add8(sums + half, v + i + 8 * half, decoded + i + 8 * half);
  }
  double *to = task->pieces + 4 * piece;
  to[0] = to[1] = to[2] = 0;
  to[3] = different != 0;
  for (size_t lane = 0; lane < LANES; lane++) {
    const struct sums8 *of = sums + lane / 8;
    to[0] += of->squares[lane % 8];
    to[1] += of->errors[lane % 8];
    to[2] = of->largest[lane % 8] > to[2] ? of->largest[lane % 8] : to[2];
  }
}

enum job { ENCODE4, ENCODE8, CONVERT, COMPARE };

/* Items from..to of a job: blocks, rows, strips, pieces. */
INLINE int work_on(enum job job, const void *task, size_t from, size_t to) {
  int finite = 1;
  for (size_t item = from; item < to; item++) {
    if (job == ENCODE4) finite &= encode_block(task, item);
    else if (job == ENCODE8) finite &= encode_row(task, item);
    else if (job == CONVERT) {
      size_t count = ((const struct bw_convert *)task)->count, begin = item * STRIP;
      finite &= convert_strip(task, begin, count - begin < STRIP ? count - begin : STRIP);
    } else compare_piece(task, item);
  }
  return finite;
}

#if defined(__x86_64__)
#include "encode-avx2.inc.h"
#endif

/* The same, compiled for each kind of processor: what it has makes no other bits. */
#define COMPILED(name, attributes, encode4, compare) \
  attributes static int name(enum job job, const void *task, size_t from, size_t to) { \
    switch (job) { \
      case ENCODE4: return encode4; \
      case ENCODE8: return work_on(ENCODE8, task, from, to); \
      case CONVERT: return work_on(CONVERT, task, from, to); \
      default: return compare; \
    } \
  }

COMPILED(plain_work, , work_on(ENCODE4, task, from, to), work_on(COMPARE, task, from, to))
#if defined(__x86_64__)
COMPILED(avx2_work, AVX2, encode_blocks_avx2(task, from, to), compare_pieces_avx2(task, from, to))
COMPILED(avx512_work, __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), encode_blocks_avx2(task, from, to), compare_pieces_avx2(task, from, to))
#endif

typedef int (*work_function)(enum job, const void *, size_t, size_t);

static work_function best(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) return avx512_work;
  if (__builtin_cpu_supports("avx2")) return avx2_work;
#endif
  return plain_work;
}

struct share { enum job job; const void *task; work_function function; size_t from, to; int finite; };

static void *work(void *argument) {
  struct share *share = argument;
  share->finite = share->function(share->job, share->task, share->from, share->to);
  return NULL;
}

/* Divides so many items, of so many elements in all, among threads. */
static int divide(enum job job, const void *task, size_t items, size_t elements, int threads) {
  size_t most = elements / LEAST_SHARE + 1;
  size_t shares = threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : (size_t)threads;
  if (shares > most) shares = most;
  struct share share[MOST_THREADS];
  pthread_t thread[MOST_THREADS];
  int started[MOST_THREADS] = {0};
  for (size_t i = 0; i < shares; i++) {
    share[i] = (struct share){ job, task, best(), items * i / shares, items * (i + 1) / shares, 0 };
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

int bw_encode4(const struct bw_encode4 *task, int threads) {
  return divide(ENCODE4, task, (task->count + task->block - 1) / task->block, task->count, threads);
}

int bw_encode8(const struct bw_encode8 *task, int threads) {
  return divide(ENCODE8, task, task->rows, task->rows * task->columns, threads);
}

int bw_convert(const struct bw_convert *task, int threads) {
  return divide(CONVERT, task, (task->count + STRIP - 1) / STRIP, task->count, threads);
}

size_t bw_compare_pieces(size_t count) {
  return (count + SUMMED - 1) / SUMMED;
}

void bw_compare(const struct bw_compare *task, double sums[4], int threads) {
  size_t pieces = bw_compare_pieces(task->count);
  divide(COMPARE, task, pieces, task->count, threads);
  for (size_t piece = 0; piece < pieces; piece++) {
    const double *of = task->pieces + 4 * piece;
    sums[0] += of[0];
    sums[1] += of[1];
    sums[2] = of[2] > sums[2] ? of[2] : sums[2];
    sums[3] = of[3] > sums[3] ? of[3] : sums[3];
  }
}
