/*
 * The kernels that this library holds, best first, and what a processor needs for each. BW_WITHOUT_<NAME>: the compiler could not compile
 * that file.
 */
#include "bitwidth.h"
#include "statistics.h"

#if defined(__x86_64__)
extern const struct bw_kernels bw_avx512, bw_avx2;
extern const struct bw_statistics bw_statistics_avx512, bw_statistics_avx2;
#ifndef BW_WITHOUT_AVX512
static int has_avx512(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
    && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}
#endif
#ifndef BW_WITHOUT_AVX2
/* Every processor with AVX2 converts fp16 too; gcc 12 has no name for that. */
static int has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2");
}
#endif
#elif defined(__aarch64__)
extern const struct bw_kernels bw_neon;
extern const struct bw_statistics bw_statistics_neon;
#endif
extern const struct bw_kernels bw_plain;
extern const struct bw_statistics bw_statistics_plain;
static int always(void) { return 1; }

const struct bw_instruction_set bw_instruction_sets[] = {
#if defined(__x86_64__) && !defined(BW_WITHOUT_AVX512)
  { &bw_avx512, has_avx512, &bw_statistics_avx512 },
#endif
#if defined(__x86_64__) && !defined(BW_WITHOUT_AVX2)
  { &bw_avx2, has_avx2, &bw_statistics_avx2 },
#endif
#if defined(__aarch64__) && !defined(BW_WITHOUT_NEON)
  { &bw_neon, always, &bw_statistics_neon },
#endif
  { &bw_plain, always, &bw_statistics_plain },
  { 0, 0, 0 },
};
