/*
 * The kernels in plain C, for processors without a file of their own: vectors of four as every compiler of the gcc family lowers them (SSE2 on
 * any x86-64). Also the readable form of what the other files do with intrinsics.
 */
#include "bitwidth.h"
#include "program.h"

#define VW 4
#define FEW_ROWS 1
#define TILE_ROWS 1
#define TILE_OUTPUTS 4
#define HEADS_AT_ONCE 1
#define INT8_ROWS 4

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));

static inline vf vf_load(const float *p) { vf x; __builtin_memcpy(&x, __builtin_assume_aligned(p, 16), 16); return x; }
static inline vf vf_loadu(const float *p) { vf x; __builtin_memcpy(&x, p, 16); return x; }
static inline vf vf_kept(vf x) { return x; }
static inline void vf_store(float *p, vf x) { __builtin_memcpy(__builtin_assume_aligned(p, 16), &x, 16); }
static inline void vf_storeu(float *p, vf x) { __builtin_memcpy(p, &x, 16); }
static inline vf vf_set(float x) { return (vf){ x, x, x, x }; }
static inline vf vf_add(vf a, vf b) { return a + b; }
static inline vf vf_sub(vf a, vf b) { return a - b; }
static inline vf vf_mul(vf a, vf b) { return a * b; }
static inline vi vi_set(int32_t x) { return (vi){ x, x, x, x }; }
static inline vi vi_add(vi a, vi b) { return (vi)((vu)a + (vu)b); }
static inline vi vi_sub(vi a, vi b) { return (vi)((vu)a - (vu)b); }
static inline vi vi_and(vi a, vi b) { return a & b; }
static inline vi vi_or(vi a, vi b) { return a | b; }
static inline vi vi_shl23(vi x) { return (vi)((vu)x << 23); }
static inline vi vi_of(vf x) { return (vi)x; }
static inline vf vf_of(vi x) { return (vf)x; }
static inline vf vf_choose(vi which, vf x, vf y) { return (vf)((which & (vi)x) | (~which & (vi)y)); }
/* a > b ? a : b, also where one is not a number. */
static inline vf vf_max(vf a, vf b) { return vf_choose(a > b, a, b); }
/* a < b ? x : y */
static inline vf vf_less(vf a, vf b, vf x, vf y) { return vf_choose(a < b, x, y); }
/* Of a whole number within 32 bits; anything of any other. */
static inline vi vi_from(vf x) {
  vi whole;
  for (int i = 0; i < 4; i++) whole[i] = x[i] > -2e9f && x[i] < 2e9f ? (int32_t)x[i] : 0;
  return whole;
}
static inline vf vf_floor(vf x) {
  vf floor;
  /* From 2^23 on there are no fractions. */
  for (int i = 0; i < 4; i++) {
    float whole = x[i] > -8388608.0f && x[i] < 8388608.0f ? (float)(int32_t)x[i] : x[i];
    floor[i] = whole > x[i] ? whole - 1.0f : whole;
  }
  return floor;
}
static inline vf vf_from_bf16(const uint16_t *p) { return (vf)(vi){ (int32_t)((uint32_t)p[0] << 16), (int32_t)((uint32_t)p[1] << 16), (int32_t)((uint32_t)p[2] << 16), (int32_t)((uint32_t)p[3] << 16) }; }
/* The exponent moves by the difference of the biases through a product with 2^112, which also makes denormals normal. Exact. */
static inline vf vf_from_fp16(const uint16_t *p) {
  const vi half = { p[0], p[1], p[2], p[3] };
  const vf scale = vf_of(vi_set((254 - 15) << 23));
  return vf_of(vi_of(vf_of((half & 0x7fff) << 13) * scale) | (vi)((vu)(half & 0x8000) << 16));
}

/* Four steps of VW lanes: high and low nibbles of VW bytes, then of those sixteen bytes on, looked up and scaled. */
static inline void decode_codes(const float *v, float scale, const uint8_t *bytes, vf out[BW_STEPS]) {
  for (int half = 0; half < 2; half++, bytes += 16) {
    out[2 * half] = vf_mul((vf){ v[bytes[0] >> 4], v[bytes[1] >> 4], v[bytes[2] >> 4], v[bytes[3] >> 4] }, vf_set(scale));
    out[2 * half + 1] = vf_mul((vf){ v[bytes[0] & 15], v[bytes[1] & 15], v[bytes[2] & 15], v[bytes[3] & 15] }, vf_set(scale));
  }
}

/* Natural order to blocks of [step][lane]. */
static void pack_row(const float *x, int32_t blocks, float *packed) {
  for (int32_t half = 0; half < 2 * blocks; half++, x += 32, packed += 32) {
    for (int i = 0; i < BW_LANES; i++) {
      packed[i] = x[2 * i];
      packed[16 + i] = x[2 * i + 1];
    }
  }
}

/* Lanes [16 outputs][16] to sixteen sums, each folded 8, 4, 2, 1. */
static void fold_panel(const float *lanes, float *sums) {
  for (int o = 0; o < BW_PANEL; o++, lanes += BW_LANES) {
    vf four = vf_add(vf_add(vf_load(lanes), vf_load(lanes + 8)), vf_add(vf_load(lanes + 4), vf_load(lanes + 12)));
    sums[o] = (four[0] + four[2]) + (four[1] + four[3]);
  }
}

/* Sums of codes of R rows, `stride` bytes apart, with a panel: sums [row][output]. They wrap. */
static inline void int8_product(const uint8_t *panel, const int8_t *codes, size_t stride, int32_t blocks, const int R, int32_t *sums) {
  for (int r = 0; r < R; r++) {
    uint32_t acc[BW_PANEL] = { 0 };
    const uint8_t *w = panel;
    for (int32_t k = 0; k < blocks * BW_BLOCK; k += 4, w += 64) {
      for (int o = 0; o < BW_PANEL; o++) for (int i = 0; i < 4; i++) acc[o] += (uint32_t)((int32_t)w[4 * o + i] * codes[r * stride + k + i]);
    }
    for (int o = 0; o < BW_PANEL; o++) sums[r * BW_PANEL + o] = (int32_t)acc[o];
  }
}

#include "functions.inc.h"
#include "rows.inc.h"
#include "linear.inc.h"
#include "int8.inc.h"
#include "attention.inc.h"
#include "sample.inc.h"
#include "execute.inc.h"

const struct bw_kernels bw_plain = { "plain", execute, scratch_bytes, count_not_finite };
