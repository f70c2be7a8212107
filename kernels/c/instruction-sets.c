/*
 * The kernels that this library holds, best first, and what a processor needs for each. BW_WITHOUT_<NAME>: the compiler could not compile
 * that file.
 */
#include "bitwidth.h"
#include "statistics.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__x86_64__)
extern const struct bw_kernels bw_avx512, bw_avx2, bw_fast_amx, bw_fast_avx512_bf16, bw_fast_avx512, bw_fast_avx2;
extern const struct bw_statistics bw_statistics_avx512, bw_statistics_avx2;
#if !defined(BW_WITHOUT_AVX512) || !defined(BW_WITHOUT_FAST_AVX512) || !defined(BW_WITHOUT_FAST_AVX512_BF16) || !defined(BW_WITHOUT_FAST_AMX)
static int has_avx512(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
    && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}
#endif
#ifndef BW_WITHOUT_FAST_AVX512_BF16
/* The dot product of bf16 (a feature by number: compilers name it late) where it is as quick as a fused multiply-add: with AMD. With Intel it takes
   twice the time, and AMX is what gains. */
static int has_quick_bf16(void) {
  enum { AVX512_BF16 = 1 << 5 };
  unsigned a, b, c, d;
  return has_avx512() && __builtin_cpu_is("amd") && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & AVX512_BF16);
}
#endif
#ifndef BW_WITHOUT_AVX2
/* Every processor with AVX2 converts fp16 too; gcc 12 has no name for that. */
static int has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2");
}
#endif
#ifndef BW_WITHOUT_FAST_AVX2
static int has_avx2_and_fma(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif
#if !defined(BW_WITHOUT_FAST_AMX) && defined(__linux__)
/* Tiles (features by number: compilers name them late), and Linux's leave to use them: threads get room for tiles only on request. */
static int has_amx(void) {
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25, AVX512_BF16 = 1 << 5 };
  unsigned a, b, c, d, more;
  if (!has_avx512() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !__get_cpuid_count(7, 1, &more, &b, &c, &a)) return 0;
  if ((d & (AMX_BF16 | AMX_TILE | AMX_INT8)) != (AMX_BF16 | AMX_TILE | AMX_INT8) || !(more & AVX512_BF16)) return 0;
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
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

const struct bw_instruction_set bw_fast_instruction_sets[] = {
#if defined(__x86_64__) && defined(__linux__) && !defined(BW_WITHOUT_FAST_AMX)
  { &bw_fast_amx, has_amx, 0 },
#endif
#if defined(__x86_64__) && !defined(BW_WITHOUT_FAST_AVX512_BF16)
  { &bw_fast_avx512_bf16, has_quick_bf16, 0 },
#endif
#if defined(__x86_64__) && !defined(BW_WITHOUT_FAST_AVX512)
  { &bw_fast_avx512, has_avx512, 0 },
#endif
#if defined(__x86_64__) && !defined(BW_WITHOUT_FAST_AVX2)
  { &bw_fast_avx2, has_avx2_and_fma, 0 },
#endif
  { 0, 0, 0 },
};
