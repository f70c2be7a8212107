/* The functions of statistics.h as JavaScript functions (kernels/statistics/native.ts calls them). */
#ifndef BW_STATISTICS_NODE_H
#define BW_STATISTICS_NODE_H

#include <node_api.h>

#include "statistics.h"

/*
 * Adds them to `exports`, computed by `statistics`, which must live as long as the process. `fractions` is statistics.h's table:
 *
 *   logSumExp(fractions, vocabulary, rows, logits, lse)
 *   fidelity(fractions, vocabulary, rows, tokens, base, formats)     base and formats: arrays of [logits, nll, entropy, top1, kl]; the base's has no kl
 *   sampling(fractions, vocabulary, rows, temperatures, topKs, base, judge, entropy, quality, formats)
 *                                                                     formats: arrays of [logits, totalVariation, outsideMass, qualityShift]
 *   rowKl(fractions, vocabulary, rows, base, logits, kl)
 *   noiseKl(fractions, vocabulary, rows, base, counters, keys, sigmas, kl)
 *   noiseQuality(fractions, vocabulary, rows, base, counters, keys, sigmas, weights, temperatures, quality)
 *
 * Logits and weights are Float32Array; tokens, topKs, top1, counters and keys Int32Array; all else Float64Array. A format whose logits are
 * the base's own array in memory is taken to be the base. A wrong type or a length too small is a TypeError, and missing memory an Error;
 * what a token or top_k may be is the caller's to check.
 */
napi_value bw_statistics_export(napi_env env, napi_value exports, const struct bw_statistics *statistics);

#endif
