/*
 * Statistics of rows of logits (statistics.h), for one instruction set: included by a file that is compiled with that set's flags and
 * -ffp-contract=off. Defines BW_STATISTICS_TABLE, the initial value of that set's struct bw_statistics.
 *
 * The loop that all of this replaces (kernels/statistics/softmax.ts), for one row and one temperature:
 *
 *   for (v = 0; v < vocabulary; v++) {
 *     double x = ((double)logits[v] - max) * beta;              // <= 0
 *     double e = 0;
 *     if (x >= -708) {
 *       double whole = x * STEPS + ROUNDER - ROUNDER;           // nearest integer to x * 256 / ln 2
 *       int32_t n = whole;
 *       double r = x - whole * STEP_HIGH - whole * STEP_LOW;
 *       double tail = r * (1 + r * (0.5 + r * (1.0 / 6 + r * (1.0 / 24))));
 *       e = (fractions[n & 255] + fractions[n & 255] * tail) * 2^(n >> 8);
 *     }
 *     sum += e;
 *   }
 *
 * A sum's terms are added in token order, one after the other, so lanes never hold terms of one sum. They hold temperatures of one row
 * (`sampling`), or rows (everything else), and each lane does what the loop does.
 */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>
#define LANES 8
#define BW_STATISTICS_NAME "avx512"
#elif defined(__AVX2__)
#include <immintrin.h>
#define LANES 4
#define BW_STATISTICS_NAME "avx2"
#elif defined(__aarch64__)
#include <arm_neon.h>
#define LANES 2
#define BW_STATISTICS_NAME "neon"
#else
#define LANES 2
#define BW_STATISTICS_NAME "plain"
#endif

/* ---- Lanes --------------------------------------------------------------------------------------------------------------------- */

typedef double reals __attribute__((vector_size(8 * LANES), may_alias));
typedef int64_t longs __attribute__((vector_size(8 * LANES), may_alias));
typedef uint64_t ulongs __attribute__((vector_size(8 * LANES), may_alias));
typedef float singles __attribute__((vector_size(4 * LANES), may_alias));
typedef int32_t ints __attribute__((vector_size(4 * LANES), may_alias));
typedef uint32_t words __attribute__((vector_size(4 * LANES), may_alias));
/* Rows have any alignment. */
typedef float singles_anywhere __attribute__((vector_size(4 * LANES), may_alias, aligned(4)));

#define INLINE static inline __attribute__((always_inline))

INLINE reals all(double x) { return x - (reals){}; }

INLINE reals widened(singles x) {
#if LANES == 8
  return (reals)_mm512_cvtps_pd((__m256)x);
#else
  return __builtin_convertvector(x, reals);
#endif
}

INLINE singles narrowed(reals x) { return __builtin_convertvector(x, singles); }

/* 2^(j/256) of each lane's low 8 bits. */
INLINE reals gathered(const double *fractions, longs bits) {
  longs j = bits & 255;
#if LANES == 8
  return (reals)_mm512_i64gather_pd((__m512i)j, fractions, 8);
#elif LANES == 4
  return (reals){fractions[j[0]], fractions[j[1]], fractions[j[2]], fractions[j[3]]};
#else
  return (reals){fractions[j[0]], fractions[j[1]]};
#endif
}

INLINE reals rooted(reals x) {
#if LANES == 8
  return (reals)_mm512_sqrt_pd((__m512d)x);
#elif LANES == 4
  return (reals)_mm256_sqrt_pd((__m256d)x);
#elif defined(__aarch64__)
  return (reals)vsqrtq_f64((float64x2_t)x);
#else
  return (reals){sqrt(x[0]), sqrt(x[1])};
#endif
}

/* Lanes of `yes` where the mask's bits are set, else of `no`. */
INLINE reals chosen(longs mask, reals yes, reals no) { return (reals)(((longs)yes & mask) | ((longs)no & ~mask)); }

INLINE ints chosen_ints(ints mask, ints yes, ints no) { return (yes & mask) | (no & ~mask); }

INLINE int any(ints mask) {
#if LANES == 8
  return _mm256_movemask_ps((__m256)mask);
#elif LANES == 4
  return _mm_movemask_ps((__m128)mask);
#else
  return mask[0] | mask[1];
#endif
}

#define STEPS 369.3299304675746
#define ROUNDER 6755399441055744.0
#define FLUSH -708.0
/* ln 2 / 256 in two parts, as softmax.ts computes them. */
#define STEP_HIGH 0x1.62e42ffp-9
#define STEP_LOW -0x1.718432a1b0e26p-43

/* e^x for x <= 0. The rounded number's low bits hold n. Multiplying by 2^(n >> 8) is adding to the exponent: no result is denormal. */
INLINE reals exponential(const double *fractions, reals x) {
  reals sum = x * STEPS + ROUNDER;
  reals nearest = sum - ROUNDER;
  reals r = x - nearest * STEP_HIGH - nearest * STEP_LOW;
  reals tail = r * (1 + r * (0.5 + r * (0.16666666666666666 + r * 0.041666666666666664)));
  reals head = gathered(fractions, (longs)sum);
  ulongs e = (ulongs)(head + head * tail) + (((ulongs)sum & ~255ULL) << 44);
  return (reals)((longs)e & (x >= FLUSH));
}

#define LN2_HIGH 6.93147180369123816490e-1
#define LN2_LOW 1.90821492927058770002e-10

/* log64 of kernels/float64.ts, for normal positive numbers. */
INLINE reals logarithm(reals x) {
  longs exponent = ((longs)x - (0x3fe6a09eLL << 32)) >> 52;
  reals k = __builtin_convertvector(exponent, reals);
  reals f = (reals)((ulongs)x - ((ulongs)exponent << 52)) - 1;
  reals s = f / (2 + f);
  reals z = s * s;
  reals r = 2 * z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11 + z * (1.0 / 13 + z * (1.0 / 15 + z * (1.0 / 17
    + z * (1.0 / 19 + z * (1.0 / 21))))))))));
  reals half = 0.5 * f * f;
  return k * LN2_HIGH - (half - (s * (half + r) + k * LN2_LOW) - f);
}

INLINE double log_of(double x) { return logarithm(all(x))[0]; }

/* ---- Rows side by side ----------------------------------------------------------------------------------------------------------- */

/* Scratch memory in whole cache lines; a block of `lanes` is [token][LANES]. */
static void *scratch(size_t count, size_t size) {
  size_t bytes = (count * size + 63) & ~(size_t)63;
  return bytes / size < count ? NULL : aligned_alloc(64, bytes ? bytes : 64);
}

/* Where the rows of a block begin; lanes beyond the last row repeat it. */
struct block {
  size_t first, rows; /* rows: 1 .. LANES */
};

static struct block block_at(size_t first, size_t rows) {
  return (struct block){first, rows - first < LANES ? rows - first : LANES};
}

static const float *row_of(const float *logits, size_t vocabulary, struct block block, size_t lane) {
  return logits + (block.first + (lane < block.rows ? lane : block.rows - 1)) * vocabulary;
}

/* The block's rows as [token][LANES]. */
static void interleave(const float *logits, size_t vocabulary, struct block block, singles *out) {
  const float *row[LANES];
  for (size_t lane = 0; lane < LANES; lane++) row[lane] = row_of(logits, vocabulary, block, lane);
  size_t v = 0;
#if LANES >= 4
  for (; v + 4 <= vocabulary; v += 4) {
    __m128 part[LANES];
    for (size_t lane = 0; lane < LANES; lane++) part[lane] = _mm_loadu_ps(row[lane] + v);
    for (size_t lane = 0; lane < LANES; lane += 4) {
      _MM_TRANSPOSE4_PS(part[lane], part[lane + 1], part[lane + 2], part[lane + 3]);
      for (size_t i = 0; i < 4; i++) _mm_store_ps((float *)(out + v + i) + lane, part[lane + i]);
    }
  }
#endif
  for (; v < vocabulary; v++) {
    for (size_t lane = 0; lane < LANES; lane++) ((float *)(out + v))[lane] = row[lane][v];
  }
}

/* Each lane's largest value, and its first place. Two halves, because a comparison waits for the one before. */
INLINE singles largest(const singles *z, size_t vocabulary, ints *place) {
  size_t half = vocabulary / 2;
  singles early = z[0], late = z[half];
  ints early_place = {}, late_place = (int32_t)half - (ints){};
  for (size_t v = 1; v < vocabulary - half; v++) {
    if (v < half) {
      ints more = z[v] > early;
      early = (singles)chosen_ints(more, (ints)z[v], (ints)early);
      early_place = chosen_ints(more, (int32_t)v - (ints){}, early_place);
    }
    ints more = z[half + v] > late;
    late = (singles)chosen_ints(more, (ints)z[half + v], (ints)late);
    late_place = chosen_ints(more, (int32_t)(half + v) - (ints){}, late_place);
  }
  ints more = late > early;
  *place = chosen_ints(more, late_place, early_place);
  return (singles)chosen_ints(more, (ints)late, (ints)early);
}

INLINE reals largest_value(const singles *z, size_t vocabulary) {
  singles most[4] = {z[0], z[0], z[0], z[0]};
  size_t whole = vocabulary & ~(size_t)3;
  for (size_t v = 0; v < whole; v += 4) {
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) most[i] = (singles)chosen_ints(z[v + i] > most[i], (ints)z[v + i], (ints)most[i]);
  }
  for (size_t v = whole; v < vocabulary; v++) most[0] = (singles)chosen_ints(z[v] > most[0], (ints)z[v], (ints)most[0]);
  for (size_t i = 1; i < 4; i++) most[0] = (singles)chosen_ints(most[i] > most[0], (ints)most[i], (ints)most[0]);
  return widened(most[0]);
}

/* Sum of e^(z - max); `e` keeps the terms, or is NULL. */
INLINE reals summed(const double *fractions, const singles *z, size_t vocabulary, reals max, reals *e) {
  reals sum = all(0);
  for (size_t v = 0; v < vocabulary; v++) {
    reals term = exponential(fractions, widened(z[v]) - max);
    if (e) e[v] = term;
    sum += term;
  }
  return sum;
}

static int log_sum_exp(const double *fractions, size_t vocabulary, size_t rows, const float *logits, double *lse) {
  singles *z = scratch(vocabulary, sizeof *z);
  if (!z) return BW_STATISTICS_NO_MEMORY;
  for (size_t first = 0; first < rows; first += LANES) {
    struct block block = block_at(first, rows);
    interleave(logits, vocabulary, block, z);
    reals max = largest_value(z, vocabulary);
    reals result = max + logarithm(summed(fractions, z, vocabulary, max, NULL));
    for (size_t lane = 0; lane < block.rows; lane++) lse[first + lane] = result[lane];
  }
  free(z);
  return 0;
}

/* ---- Fidelity -------------------------------------------------------------------------------------------------------------------- */

/* Columns that the base and a format have alike. */
static void write_scores(const struct bw_fidelity *t, const struct bw_row_scores *to, struct block block, ints top, reals lse, reals entropy) {
  for (size_t lane = 0; lane < block.rows; lane++) {
    size_t i = block.first + lane;
    to->nll[i] = lse[lane] - to->logits[i * t->vocabulary + (size_t)t->tokens[i]];
    to->entropy[i] = entropy[lane];
    to->top1[i] = top[lane];
  }
}

static void fidelity_block(const struct bw_fidelity *t, struct block block, singles *base, singles *z, reals *p, reals *q) {
  size_t n = t->vocabulary;
  interleave(t->base.logits, n, block, base);
  ints base_top;
  reals max = widened(largest(base, n, &base_top));
  reals sum = summed(t->fractions, base, n, max, p);
  reals inverse = 1 / sum;
  reals below = all(0);
  for (size_t v = 0; v < n; v++) {
    p[v] *= inverse;
    below += p[v] * (max - widened(base[v]));
  }
  reals log_sum = logarithm(sum);
  reals base_lse = max + log_sum;
  write_scores(t, &t->base, block, base_top, base_lse, log_sum + below);
  for (size_t f = 0; f < t->formats; f++) {
    const struct bw_row_scores *format = &t->format[f];
    if (format->logits == t->base.logits) {
      write_scores(t, format, block, base_top, base_lse, log_sum + below);
      for (size_t lane = 0; lane < block.rows; lane++) format->kl[block.first + lane] = 0;
      continue;
    }
    interleave(format->logits, n, block, z);
    ints top;
    reals max = widened(largest(z, n, &top));
    reals sum = summed(t->fractions, z, n, max, q);
    reals log_sum = logarithm(sum);
    reals lse = max + log_sum;
    reals inverse = 1 / sum;
    reals shift = lse - base_lse;
    reals below = all(0), kl = all(0);
    for (size_t v = 0; v < n; v++) {
      reals own = widened(z[v]);
      below += q[v] * inverse * (max - own);
      kl += p[v] * (widened(base[v]) - own + shift);
    }
    write_scores(t, format, block, top, lse, log_sum + below);
    for (size_t lane = 0; lane < block.rows; lane++) format->kl[block.first + lane] = kl[lane];
  }
}

static int fidelity(const struct bw_fidelity *t) {
  singles *base = scratch(t->vocabulary, sizeof *base), *z = scratch(t->vocabulary, sizeof *z);
  reals *p = scratch(t->vocabulary, sizeof *p), *q = scratch(t->vocabulary, sizeof *q);
  int missing = !base || !z || !p || !q;
  if (!missing) {
    for (size_t first = 0; first < t->rows; first += LANES) fidelity_block(t, block_at(first, t->rows), base, z, p, q);
  }
  free(base), free(z), free(p), free(q);
  return missing ? BW_STATISTICS_NO_MEMORY : 0;
}

/* ---- Divergence under noise ------------------------------------------------------------------------------------------------------ */

/* A block of the base's rows with its probabilities, each term divided by the sum. */
struct divided {
  singles *z;
  reals *p;
  reals lse;
};

static void divide(const double *fractions, size_t vocabulary, struct divided *base) {
  reals max = largest_value(base->z, vocabulary);
  reals sum = summed(fractions, base->z, vocabulary, max, base->p);
  for (size_t v = 0; v < vocabulary; v++) base->p[v] /= sum;
  base->lse = max + logarithm(sum);
}

static reals divergence(const double *fractions, size_t vocabulary, const struct divided *base, const singles *z) {
  reals max = largest_value(z, vocabulary);
  reals shift = max + logarithm(summed(fractions, z, vocabulary, max, NULL)) - base->lse;
  reals kl = all(0);
  for (size_t v = 0; v < vocabulary; v++) kl += base->p[v] * (widened(base->z[v]) - widened(z[v]) + shift);
  return kl;
}

static int row_kl(const double *fractions, size_t vocabulary, size_t rows, const float *base_logits, const float *logits, double *kl) {
  struct divided base = {.z = scratch(vocabulary, sizeof *base.z), .p = scratch(vocabulary, sizeof *base.p)};
  singles *z = scratch(vocabulary, sizeof *z);
  int missing = !base.z || !base.p || !z;
  for (size_t first = 0; !missing && first < rows; first += LANES) {
    struct block block = block_at(first, rows);
    interleave(base_logits, vocabulary, block, base.z);
    divide(fractions, vocabulary, &base);
    interleave(logits, vocabulary, block, z);
    reals result = divergence(fractions, vocabulary, &base, z);
    for (size_t lane = 0; lane < block.rows; lane++) kl[first + lane] = result[lane];
  }
  free(base.z), free(base.p), free(z);
  return missing ? BW_STATISTICS_NO_MEMORY : 0;
}

/* Threefry-2x32 with 20 rounds (kernels/threefry.ts), a counter in each lane. */
INLINE void threefry(const uint32_t keys[2], words *a, words *b) {
  static const int rotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
  uint32_t key[3] = {keys[0], keys[1], 0x1bd11bdau ^ keys[0] ^ keys[1]};
  *a += key[0];
  *b += key[1];
#pragma GCC unroll 5
  for (uint32_t group = 0; group < 5; group++) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      int left = rotations[(group & 1) * 4 + i];
      *a += *b;
      *b = ((*b << left) | (*b >> (32 - left))) ^ *a;
    }
    *a += key[(group + 1) % 3];
    *b += key[(group + 2) % 3] + group + 1;
  }
}

/* u = (r + 0.5) / 2^32 */
INLINE reals uniform(words r) { return (__builtin_convertvector(r, reals) + 0.5) / 4294967296.0; }

/* Two polynomials of degree 7, highest power first. */
INLINE void polynomials(const double *above, const double *below, reals r, reals *a, reals *b) {
  *a = all(above[0]);
  *b = all(below[0]);
#pragma GCC unroll 8
  for (int i = 1; i < 8; i++) {
    *a = *a * r + above[i];
    *b = *b * r + below[i];
  }
}

/* normalQuantile of kernels/statistics/noise.ts (AS 241), for |u - 0.5| <= 0.425 ... */
INLINE reals central_quantile(reals q) {
  static const double above[8] = {2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080};
  static const double below[8] = {5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1};
  reals a, b;
  polynomials(above, below, 0.180625 - q * q, &a, &b);
  return q * a / b;
}

/* ... and beyond: u is at least 2^-33, so that the tail stays below 5 and AS 241's far tail is never reached. */
static reals tail_quantile(reals u) {
  static const double above[8] = {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
    3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734};
  static const double below[8] = {1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940, 2.05319162663775882187, 1};
  longs lower = u - 0.5 < 0;
  reals a, b;
  polynomials(above, below, rooted(-logarithm(chosen(lower, u, 1 - u))) - 1.6, &a, &b);
  reals x = a / b;
  return chosen(lower, -x, x);
}

/* Writes the noise at v, or u where it lies in a tail; places of the latter are added to `tails`, whose number is returned. */
INLINE size_t put_noise(reals *noise, size_t v, words r, uint32_t *tails, size_t count) {
  reals u = uniform(r);
  reals q = u - 0.5;
  longs central = (q >= -0.425) & (q <= 0.425);
  noise[v] = chosen(central, central_quantile(q), u);
#if LANES == 8
  __mmask8 outside = (__mmask8)~_mm512_movepi64_mask((__m512i)central);
  __m256i places = _mm256_add_epi32(_mm256_set1_epi32((int)v * LANES), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  /* Through a register: a compressing store is slow microcode on AMD. */
  _mm256_storeu_si256((void *)(tails + count), _mm256_maskz_compress_epi32(outside, places));
  return count + (size_t)__builtin_popcount(outside);
#else
#pragma GCC unroll 4
  for (uint32_t lane = 0; lane < LANES; lane++) {
    tails[count] = (uint32_t)v * LANES + lane;
    count += (size_t)(central[lane] + 1);
  }
  return count;
#endif
}

/* N(0, 1) values of the block's rows, [token][LANES]. `tails` has room for as many places, and LANES more. */
static void make_noise(const struct bw_noise *t, struct block block, reals *noise, uint32_t *tails) {
  words counters;
  for (size_t lane = 0; lane < LANES; lane++) counters[lane] = (uint32_t)t->counters[block.first + (lane < block.rows ? lane : block.rows - 1)];
  size_t count = 0;
  for (size_t v = 0; v < t->vocabulary; v += 2) {
    words a = counters, b = (uint32_t)(v >> 1) - (words){};
    threefry(t->keys, &a, &b);
    count = put_noise(noise, v, a, tails, count);
    if (v + 1 < t->vocabulary) count = put_noise(noise, v + 1, b, tails, count);
  }
  double *each = (double *)noise;
  for (size_t i = 0; i < count; i += LANES) {
    size_t some = count - i < LANES ? count - i : LANES;
    reals u = all(0.25);
    for (size_t lane = 0; lane < some; lane++) u[lane] = each[tails[i + lane]];
    reals x = tail_quantile(u);
    for (size_t lane = 0; lane < some; lane++) each[tails[i + lane]] = x[lane];
  }
}

static void add_noise(const singles *base, const reals *noise, double sigma, size_t vocabulary, singles *z) {
  for (size_t v = 0; v < vocabulary; v++) z[v] = narrowed(widened(base[v]) + sigma * noise[v]);
}

static int noise_kl(const struct bw_noise *t, double *kl) {
  size_t n = t->vocabulary;
  struct divided base = {.z = scratch(n, sizeof *base.z), .p = scratch(n, sizeof *base.p)};
  singles *z = scratch(n, sizeof *z);
  reals *noise = scratch(n, sizeof *noise);
  uint32_t *tails = scratch(n + 1, LANES * sizeof *tails);
  int missing = !base.z || !base.p || !z || !noise || !tails;
  for (size_t first = 0; !missing && first < t->rows; first += LANES) {
    struct block block = block_at(first, t->rows);
    interleave(t->base, n, block, base.z);
    divide(t->fractions, n, &base);
    make_noise(t, block, noise, tails);
    for (size_t s = 0; s < t->sigmas; s++) {
      add_noise(base.z, noise, t->sigma[s], n, z);
      reals result = divergence(t->fractions, n, &base, z);
      for (size_t lane = 0; lane < block.rows; lane++) kl[s * t->rows + first + lane] = result[lane];
    }
  }
  free(base.z), free(base.p), free(z), free(noise), free(tails);
  return missing ? BW_STATISTICS_NO_MEMORY : 0;
}

/* Temperatures that share a pass: those of the study. Their sums do not wait for one another, and a logit is widened once for all. */
#define TOGETHER 5

/* Weighted means under softmax(beta z), for `count` of them. */
INLINE void softmax_means(const double *fractions, const singles *z, const singles *weights, size_t vocabulary, reals max, const double *beta, size_t count, reals *means) {
  reals sum[TOGETHER], weighted[TOGETHER];
  for (size_t k = 0; k < count; k++) sum[k] = weighted[k] = all(0);
  for (size_t v = 0; v < vocabulary; v++) {
    reals below = widened(z[v]) - max;
    reals weight = widened(weights[v]);
#pragma GCC unroll 5
    for (size_t k = 0; k < count; k++) {
      reals e = exponential(fractions, below * beta[k]);
      sum[k] += e;
      weighted[k] += e * weight;
    }
  }
  for (size_t k = 0; k < count; k++) means[k] = weighted[k] / sum[k];
}

static int noise_quality(const struct bw_noise *t, const float *weights, size_t temperatures, const double *temperature, double *quality) {
  size_t n = t->vocabulary;
  singles *base = scratch(n, sizeof *base), *w = scratch(n, sizeof *w), *z = scratch(n, sizeof *z);
  reals *noise = scratch(n, sizeof *noise);
  uint32_t *tails = scratch(n + 1, LANES * sizeof *tails);
  int missing = !base || !w || !z || !noise || !tails;
  for (size_t first = 0; !missing && first < t->rows; first += LANES) {
    struct block block = block_at(first, t->rows);
    interleave(t->base, n, block, base);
    interleave(weights, n, block, w);
    make_noise(t, block, noise, tails);
    for (size_t s = 0; s < t->sigmas; s++) {
      add_noise(base, noise, t->sigma[s], n, z);
      reals max = largest_value(z, n);
      for (size_t k = 0; k < temperatures;) {
        reals means[TOGETHER];
        double beta[TOGETHER];
        size_t count = temperatures - k < TOGETHER ? 1 : TOGETHER;
        for (size_t i = 0; i < count; i++) beta[i] = 1 / temperature[k + i];
        if (count == TOGETHER) softmax_means(t->fractions, z, w, n, max, beta, TOGETHER, means);
        else softmax_means(t->fractions, z, w, n, max, beta, 1, means);
        for (size_t i = 0; i < count; i++, k++) {
          for (size_t lane = 0; lane < block.rows; lane++) quality[(s * temperatures + k) * t->rows + first + lane] = means[i][lane];
        }
      }
    }
  }
  free(base), free(w), free(z), free(noise), free(tails);
  return missing ? BW_STATISTICS_NO_MEMORY : 0;
}

/* ---- The sampler's distributions --------------------------------------------------------------------------------------------------- */

/* Points with one top_k, their temperatures in lanes; lanes without a point repeat the first's. */
struct group {
  size_t top_k, points;
  size_t point[LANES];
  reals beta;
  /* The base's probabilities by token, or best first. */
  reals *p;
};

/* Sorts the points above temperature 0 into groups; returns their number. */
static size_t grouped(const struct bw_sampling *t, struct group *groups) {
  size_t count = 0;
  for (size_t i = 0; i < t->points; i++) {
    if (t->temperatures[i] == 0) continue;
    size_t k = (size_t)t->top_ks[i], g = 0;
    while (g < count && (groups[g].top_k != k || groups[g].points == LANES)) g++;
    if (g == count) groups[count++] = (struct group){.top_k = k, .beta = all(1 / t->temperatures[i])};
    groups[g].beta[groups[g].points] = 1 / t->temperatures[i];
    groups[g].point[groups[g].points++] = i;
  }
  return count;
}

/* A row with what all points share. */
struct ranked {
  const float *z;
  size_t top;
  double max;
  /* Candidates, best first (logit descending, then id ascending); and the place of a token among them, INT32_MAX for all others. */
  int32_t *ids, *rank;
};

/* Adds token v to the `held` best so far, of which at most k are kept: of equal logits the lower ids come first. */
INLINE size_t insert(const float *z, int32_t *ids, size_t held, size_t k, int32_t v) {
  size_t i = held;
  if (held == k) {
    int32_t last = ids[k - 1];
    if (z[v] < z[last] || (z[v] == z[last] && v > last)) return held;
    i = k - 1;
  }
  while (i > 0 && (z[v] > z[ids[i - 1]] || (z[v] == z[ids[i - 1]] && v < ids[i - 1]))) {
    ids[i] = ids[i - 1];
    i--;
  }
  ids[i] = v;
  return held < k ? held + 1 : k;
}

/*
 * The row's candidates. Those of the base are tried first, where there is a base: they are mostly this row's, in nearly its order, and
 * what is below the least of them is not among the k largest.
 */
static void select_top(struct ranked *row, const struct ranked *base, size_t vocabulary, size_t k) {
  const float *z = row->z;
  size_t held = 0, v = 0;
  if (base) {
    for (size_t i = 0; i < k; i++) held = insert(z, row->ids, held, k, base->ids[i]);
  } else {
    for (; v < k; v++) held = insert(z, row->ids, held, k, (int32_t)v);
  }
  for (; v + LANES <= vocabulary; v += LANES) {
    if (!any(*(const singles_anywhere *)(z + v) >= z[row->ids[k - 1]])) continue;
    for (size_t i = v; i < v + LANES; i++) {
      if (!base || base->rank[i] == INT32_MAX) held = insert(z, row->ids, held, k, (int32_t)i);
    }
  }
  for (; v < vocabulary; v++) {
    if (!base || base->rank[v] == INT32_MAX) held = insert(z, row->ids, held, k, (int32_t)v);
  }
}

/* The first place of the largest value. */
static size_t largest_place(const float *z, size_t vocabulary) {
  size_t top = 0, v = 0;
  if (vocabulary >= LANES) {
    singles most = *(const singles_anywhere *)z;
    ints place = {}, at = {};
    for (v = LANES; v + LANES <= vocabulary; v += LANES) {
      singles here = *(const singles_anywhere *)(z + v);
      at += LANES;
      ints more = here > most;
      most = (singles)chosen_ints(more, (ints)here, (ints)most);
      place = chosen_ints(more, at, place);
    }
    top = (size_t)place[0];
    for (size_t lane = 1; lane < LANES; lane++) {
      size_t other = (size_t)place[lane] + lane;
      if (most[lane] > z[top] || (most[lane] == z[top] && other < top)) top = other;
    }
  }
  for (; v < vocabulary; v++) {
    if (z[v] > z[top]) top = v;
  }
  return top;
}

static void rank_row(struct ranked *row, const struct ranked *base, const float *z, size_t vocabulary, size_t largest_k) {
  if (row->z) {
    for (size_t i = 0; i < largest_k; i++) row->rank[row->ids[i]] = INT32_MAX;
  }
  row->z = z;
  if (largest_k > 0) {
    select_top(row, base, vocabulary, largest_k);
    for (size_t i = 0; i < largest_k; i++) row->rank[row->ids[i]] = (int32_t)i;
    row->top = (size_t)row->ids[0];
  } else {
    row->top = largest_place(z, vocabulary);
  }
  row->max = z[row->top];
}

/* Terms of all tokens in `e`; their sum. */
static reals full_terms(const struct bw_sampling *t, const struct group *group, const struct ranked *row, reals *e) {
  reals sum = all(0);
  for (size_t v = 0; v < t->vocabulary; v++) {
    e[v] = exponential(t->fractions, all(row->z[v] - row->max) * group->beta);
    sum += e[v];
  }
  return sum;
}

/* Probabilities of the first k candidates, summed in that order. */
static void candidate_probabilities(const struct bw_sampling *t, const struct group *group, const struct ranked *row, reals *p) {
  reals sum = all(0);
  for (size_t j = 0; j < group->top_k; j++) {
    p[j] = exponential(t->fractions, all(row->z[row->ids[j]] - row->max) * group->beta);
    sum += p[j];
  }
  reals inverse = 1 / sum;
  for (size_t j = 0; j < group->top_k; j++) p[j] *= inverse;
}

static void full_base(const struct bw_sampling *t, const struct group *group, const struct ranked *base, const double *surprisal) {
  reals *p = group->p;
  reals sum = full_terms(t, group, base, p);
  reals inverse = 1 / sum;
  reals below = all(0), quality = all(0);
  for (size_t v = 0; v < t->vocabulary; v++) {
    p[v] *= inverse;
    below += p[v] * (base->max - base->z[v]);
    quality += p[v] * surprisal[v];
  }
  reals entropy = logarithm(sum) + group->beta * below;
  for (size_t i = 0; i < group->points; i++) {
    t->entropy[group->point[i]] += entropy[i];
    t->quality[group->point[i]] += quality[i];
  }
}

static void full_format(const struct bw_sampling *t, const struct group *group, const struct ranked *row, const double *surprisal, reals *q, const struct bw_format_sums *into) {
  const reals *p = group->p;
  reals inverse = 1 / full_terms(t, group, row, q);
  reals difference = all(0), shift = all(0);
  for (size_t v = 0; v < t->vocabulary; v++) {
    reals d = q[v] * inverse - p[v];
    difference += (reals)((longs)d & INT64_MAX);
    shift += d * surprisal[v];
  }
  for (size_t i = 0; i < group->points; i++) {
    into->total_variation[group->point[i]] += 0.5 * difference[i];
    into->quality_shift[group->point[i]] += shift[i];
  }
}

static void among_candidates(const struct bw_sampling *t, const struct group *group, const struct ranked *base, const struct ranked *row, reals *q, const struct bw_format_sums *into) {
  const reals *p = group->p;
  int32_t k = (int32_t)group->top_k;
  candidate_probabilities(t, group, row, q);
  reals difference = all(0), outside = all(0), lost = all(0);
  for (int32_t j = 0; j < k; j++) {
    int32_t rank = base->rank[row->ids[j]];
    if (rank < k) difference += (reals)((longs)(q[j] - p[rank]) & INT64_MAX);
    else outside += q[j];
  }
  for (int32_t j = 0; j < k; j++) {
    if (row->rank[base->ids[j]] >= k) lost += p[j];
  }
  reals variation = 0.5 * (difference + outside + lost);
  for (size_t i = 0; i < group->points; i++) {
    into->total_variation[group->point[i]] += variation[i];
    into->outside_mass[group->point[i]] += outside[i];
  }
}

/* Scratch memory of a call. */
struct sampling_room {
  size_t groups, largest_k;
  struct group *group;
  struct ranked base, format;
  double *judge_lse, *surprisal;
  reals *q;
};

static int make_room(const struct bw_sampling *t, struct sampling_room *room) {
  size_t n = t->vocabulary;
  *room = (struct sampling_room){.group = scratch(t->points, sizeof *room->group)};
  if (!room->group) return BW_STATISTICS_NO_MEMORY;
  room->groups = grouped(t, room->group);
  int missing = 0;
  for (size_t g = 0; g < room->groups; g++) {
    struct group *group = &room->group[g];
    if (group->top_k > room->largest_k) room->largest_k = group->top_k;
    group->p = scratch(group->top_k ? group->top_k : n, sizeof *group->p);
    missing |= !group->p;
  }
  struct ranked *both[2] = {&room->base, &room->format};
  for (int i = 0; i < 2; i++) {
    both[i]->ids = scratch(room->largest_k, sizeof(int32_t));
    both[i]->rank = scratch(n, sizeof(int32_t));
    missing |= !both[i]->ids || !both[i]->rank;
    for (size_t v = 0; v < n && both[i]->rank; v++) both[i]->rank[v] = INT32_MAX;
  }
  room->judge_lse = scratch(t->rows, sizeof(double));
  room->surprisal = scratch(n, sizeof(double));
  room->q = scratch(n, sizeof(reals));
  missing |= !room->judge_lse || !room->surprisal || !room->q;
  return missing ? BW_STATISTICS_NO_MEMORY : 0;
}

static void free_room(struct sampling_room *room) {
  for (size_t g = 0; g < room->groups; g++) free(room->group[g].p);
  free(room->group), free(room->base.ids), free(room->base.rank), free(room->format.ids), free(room->format.rank);
  free(room->judge_lse), free(room->surprisal), free(room->q);
}

static void sample_row(const struct bw_sampling *t, struct sampling_room *room, size_t i) {
  size_t n = t->vocabulary;
  struct ranked *base = &room->base, *format = &room->format;
  const float *judge = t->judge + i * n;
  double *surprisal = room->surprisal;
  for (size_t v = 0; v < n; v++) surprisal[v] = room->judge_lse[i] - judge[v];
  rank_row(base, NULL, t->base + i * n, n, room->largest_k);
  for (size_t g = 0; g < room->groups; g++) {
    struct group *group = &room->group[g];
    if (group->top_k) candidate_probabilities(t, group, base, group->p);
    else full_base(t, group, base, surprisal);
  }
  for (size_t j = 0; j < t->points; j++) {
    if (t->temperatures[j] == 0) t->quality[j] += surprisal[base->top];
  }
  for (size_t f = 0; f < t->formats; f++) {
    const struct bw_format_sums *into = &t->format[f];
    if (into->logits == t->base) continue;
    rank_row(format, base, into->logits + i * n, n, room->largest_k);
    for (size_t g = 0; g < room->groups; g++) {
      const struct group *group = &room->group[g];
      if (group->top_k) among_candidates(t, group, base, format, room->q, into);
      else full_format(t, group, format, surprisal, room->q, into);
    }
    if (base->top == format->top) continue;
    for (size_t j = 0; j < t->points; j++) {
      if (t->temperatures[j] != 0) continue;
      into->total_variation[j] += 1;
      into->outside_mass[j] += 1;
      into->quality_shift[j] += surprisal[format->top] - surprisal[base->top];
    }
  }
}

static int sampling(const struct bw_sampling *t) {
  struct sampling_room room;
  int missing = make_room(t, &room) || log_sum_exp(t->fractions, t->vocabulary, t->rows, t->judge, room.judge_lse);
  for (size_t i = 0; !missing && i < t->rows; i++) sample_row(t, &room, i);
  free_room(&room);
  return missing ? BW_STATISTICS_NO_MEMORY : 0;
}

#define BW_STATISTICS_TABLE {BW_STATISTICS_NAME, log_sum_exp, fidelity, sampling, row_kl, noise_kl, noise_quality}
