/*
 * Statistics of rows of logits: the functions of the contract in kernels/statistics.ts, for C.
 *
 * Each function writes the bits that kernels/statistics/reference.ts writes. They hold no state and may run in several threads.
 * Arrays of several rows hold one after the other. Nothing is checked here: lengths are the caller's. A function answers 0, or
 * BW_STATISTICS_NO_MEMORY when it could not get scratch memory; what it should have written is then undefined.
 *
 * `fractions` is the table 2^(j/256), j = 0 .. 255, of kernels/statistics/softmax.ts, made there.
 */
#ifndef BW_STATISTICS_H
#define BW_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#define BW_STATISTICS_NO_MEMORY 1

/* Of one model: logits [rows][vocabulary], the rest [rows]; kl is not used of the base. */
struct bw_row_scores {
  const float *logits;
  double *nll, *entropy, *kl;
  int32_t *top1;
};

struct bw_fidelity {
  const double *fractions;
  size_t vocabulary, rows;
  const int32_t *tokens; /* [rows] */
  struct bw_row_scores base;
  size_t formats;
  const struct bw_row_scores *format; /* [formats]; where logits are the base's pointer, nothing is computed twice */
};

/* What a format's rows are added to, each [points]. */
struct bw_format_sums {
  const float *logits;
  double *total_variation, *outside_mass, *quality_shift;
};

struct bw_sampling {
  const double *fractions;
  size_t vocabulary, rows, points;
  const double *temperatures; /* [points], 0: greedy */
  const int32_t *top_ks;      /* [points], 0: all; at most vocabulary */
  const float *base, *judge;  /* [rows][vocabulary] */
  double *entropy, *quality;  /* of the base, [points], added to */
  size_t formats;
  const struct bw_format_sums *format;
};

struct bw_noise {
  const double *fractions;
  size_t vocabulary, rows;
  const float *base;         /* [rows][vocabulary] */
  const int32_t *counters;   /* [rows] */
  uint32_t keys[2];
  size_t sigmas;
  const double *sigma;       /* [sigmas] */
};

struct bw_statistics {
  /* What was compiled: avx512, avx2, neon or plain. */
  const char *name;
  int (*log_sum_exp)(const double *fractions, size_t vocabulary, size_t rows, const float *logits, double *lse);
  int (*fidelity)(const struct bw_fidelity *task);
  int (*sampling)(const struct bw_sampling *task);
  int (*row_kl)(const double *fractions, size_t vocabulary, size_t rows, const float *base, const float *logits, double *kl);
  /* kl: [sigmas][rows] */
  int (*noise_kl)(const struct bw_noise *task, double *kl);
  /* weights: [rows][vocabulary]; quality: [sigmas][temperatures][rows] */
  int (*noise_quality)(const struct bw_noise *task, const float *weights, size_t temperatures, const double *temperature, double *quality);
};

#endif
