/*
 * The kernels for 64-bit ARM: four vectors are the sixteen lanes of a dot product. Every such processor has what they need. Products and
 * sums are apart (vmulq, vaddq): vmla and vfma fuse them, which the law does not.
 */
#include <arm_neon.h>
#include "bitwidth.h"
#include "program.h"

#define VW 4
/* Of 32 registers: few rows: 4 accumulators a row, 4 steps of weights, 4 planes of the table; a tile: 2 x 4 accumulators and 2 x 4 steps of rows. */
#define FEW_ROWS 4
#define TILE_ROWS 2
#define TILE_OUTPUTS 4
#define INT8_ROWS 2
#define HEADS_AT_ONCE 2

typedef float32x4_t vf;
typedef int32x4_t vi;

static inline vf vf_load(const float *p) { return vld1q_f32(p); }
static inline vf vf_loadu(const float *p) { return vld1q_f32(p); }
static inline vf vf_kept(vf x) { return x; }
static inline void vf_store(float *p, vf x) { vst1q_f32(p, x); }
static inline void vf_storeu(float *p, vf x) { vst1q_f32(p, x); }
static inline vf vf_set(float x) { return vdupq_n_f32(x); }
static inline vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
/* a > b ? a : b, also where one is not a number (the maximum's instruction gives that). */
static inline vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline vf vf_floor(vf x) { return vrndmq_f32(x); }
/* a < b ? x : y */
static inline vf vf_less(vf a, vf b, vf x, vf y) { return vbslq_f32(vcltq_f32(a, b), x, y); }
static inline vi vi_set(int32_t x) { return vdupq_n_s32(x); }
static inline vi vi_add(vi a, vi b) { return vaddq_s32(a, b); }
static inline vi vi_sub(vi a, vi b) { return vsubq_s32(a, b); }
static inline vi vi_and(vi a, vi b) { return vandq_s32(a, b); }
static inline vi vi_or(vi a, vi b) { return vorrq_s32(a, b); }
static inline vi vi_shl23(vi x) { return vshlq_n_s32(x, 23); }
static inline vi vi_of(vf x) { return vreinterpretq_s32_f32(x); }
static inline vf vf_of(vi x) { return vreinterpretq_f32_s32(x); }
/* Of a whole number. */
static inline vi vi_from(vf x) { return vcvtq_s32_f32(x); }
static inline vf vf_from_fp16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
static inline vf vf_from_bf16(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }

/* Four steps of four lanes: high and low nibbles of four bytes, then of those sixteen bytes on, looked up and scaled. The table as four planes:
   of each byte of an fp32, all sixteen; one lookup finds that byte for sixteen codes. (The planes of a loop that stores nothing are made once.) */
static inline void decode_codes(const float *table, float scale, const uint8_t *bytes, vf out[BW_STEPS]) {
  const uint8x16x4_t planes = vld4q_u8((const uint8_t *)table);
  uint32_t first, second;
  __builtin_memcpy(&first, bytes, 4);
  __builtin_memcpy(&second, bytes + 16, 4);
  uint8x8_t both = vcreate_u8((uint64_t)second << 32 | first);
  uint32x2_t high = vreinterpret_u32_u8(vshr_n_u8(both, 4)), low = vreinterpret_u32_u8(vand_u8(both, vdup_n_u8(15)));
  uint8x16_t codes = vreinterpretq_u8_u32(vcombine_u32(vzip1_u32(high, low), vzip2_u32(high, low)));
  uint8x16_t b0 = vqtbl1q_u8(planes.val[0], codes), b1 = vqtbl1q_u8(planes.val[1], codes), b2 = vqtbl1q_u8(planes.val[2], codes), b3 = vqtbl1q_u8(planes.val[3], codes);
  uint16x8_t lower = vreinterpretq_u16_u8(vzip1q_u8(b0, b1)), lower2 = vreinterpretq_u16_u8(vzip2q_u8(b0, b1));
  uint16x8_t upper = vreinterpretq_u16_u8(vzip1q_u8(b2, b3)), upper2 = vreinterpretq_u16_u8(vzip2q_u8(b2, b3));
  const vf by = vf_set(scale);
  out[0] = vf_mul(vreinterpretq_f32_u16(vzip1q_u16(lower, upper)), by);
  out[1] = vf_mul(vreinterpretq_f32_u16(vzip2q_u16(lower, upper)), by);
  out[2] = vf_mul(vreinterpretq_f32_u16(vzip1q_u16(lower2, upper2)), by);
  out[3] = vf_mul(vreinterpretq_f32_u16(vzip2q_u16(lower2, upper2)), by);
}

/* Natural order to blocks of [step][lane]. */
static void pack_row(const float *x, int32_t blocks, float *packed) {
  for (int32_t half = 0; half < 2 * blocks; half++, x += 32, packed += 32) {
    for (int i = 0; i < BW_LANES; i += 4) {
      float32x4x2_t pair = vld2q_f32(x + 2 * i);
      vst1q_f32(packed + i, pair.val[0]);
      vst1q_f32(packed + 16 + i, pair.val[1]);
    }
  }
}

/* Lanes [16 outputs][16] to sixteen sums, each folded 8, 4, 2, 1: the folds of two outputs share a vector, then of four. */
static void fold_panel(const float *lanes, float *sums) {
  for (int four = 0; four < 4; four++, sums += 4) {
    vf a[4], b[2];
    for (int i = 0; i < 4; i++, lanes += BW_LANES) a[i] = vf_add(vf_add(vf_load(lanes), vf_load(lanes + 8)), vf_add(vf_load(lanes + 4), vf_load(lanes + 12)));
    for (int i = 0; i < 2; i++) {
      float64x2_t p = vreinterpretq_f64_f32(a[2 * i]), q = vreinterpretq_f64_f32(a[2 * i + 1]);
      b[i] = vf_add(vreinterpretq_f32_f64(vzip1q_f64(p, q)), vreinterpretq_f32_f64(vzip2q_f64(p, q)));
    }
    vf_store(sums, vpaddq_f32(b[0], b[1]));
  }
}

/*
 * Sums of codes of R rows, `stride` bytes apart, with a panel: sums [row][output]. The products are of signed codes (those of the panel less
 * 128); 128 times the sum of the row's codes is put back. They wrap. Two products of 128 * 127 fit 16 bits, which are then summed in pairs.
 */
static inline __attribute__((always_inline)) void int8_product(const uint8_t *panel, const int8_t *codes, size_t stride, int32_t blocks, const int R, int32_t *sums) {
  int32x4_t of_codes[INT8_ROWS];
  for (int r = 0; r < R; r++) of_codes[r] = vdupq_n_s32(0);
#if defined(__ARM_FEATURE_DOTPROD)
  const uint8x16_t top = vdupq_n_u8(128);
  int32x4_t acc[4 * INT8_ROWS];
  for (int i = 0; i < 4 * R; i++) acc[i] = vdupq_n_s32(0);
  for (int32_t k = 0; k < blocks * 16; k++, panel += 64) {
    for (int r = 0; r < R; r++) {
      int32_t columns;
      __builtin_memcpy(&columns, codes + r * stride + 4 * k, 4);
      int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(columns));
      of_codes[r] = vdotq_s32(of_codes[r], x, vdupq_n_s8(1));
      for (int i = 0; i < 4; i++) acc[4 * r + i] = vdotq_s32(acc[4 * r + i], vreinterpretq_s8_u8(veorq_u8(vld1q_u8(panel + 16 * i), top)), x);
    }
  }
  for (int i = 0; i < 4 * R; i++) vst1q_s32(sums + 4 * i, vaddq_s32(acc[i], vshlq_n_s32(of_codes[i / 4], 7)));
#else
  const uint8x8_t top = vdup_n_u8(128);
  /* Of two outputs each: their sums of columns 0 and 1, 2 and 3. */
  int32x4_t acc[8 * INT8_ROWS];
  for (int i = 0; i < 8 * R; i++) acc[i] = vdupq_n_s32(0);
  for (int32_t k = 0; k < blocks * 16; k += 2, panel += 128) {
    int8x8_t x[INT8_ROWS], x2[INT8_ROWS];
    for (int r = 0; r < R; r++) {
      int32x2_t eight = vreinterpret_s32_s8(vld1_s8(codes + r * stride + 4 * k));
      x[r] = vreinterpret_s8_s32(vdup_lane_s32(eight, 0));
      x2[r] = vreinterpret_s8_s32(vdup_lane_s32(eight, 1));
      of_codes[r] = vpadalq_s16(of_codes[r], vaddl_s8(x[r], x2[r]));
    }
    for (int i = 0; i < 8; i++) {
      int8x8_t w = vreinterpret_s8_u8(veor_u8(vld1_u8(panel + 8 * i), top)), w2 = vreinterpret_s8_u8(veor_u8(vld1_u8(panel + 64 + 8 * i), top));
      for (int r = 0; r < R; r++) acc[8 * r + i] = vpadalq_s16(acc[8 * r + i], vmlal_s8(vmull_s8(w, x[r]), w2, x2[r]));
    }
  }
  /* A vector of the codes' sums holds columns 0 and 1, 2 and 3, twice. */
  for (int i = 0; i < 4 * R; i++) vst1q_s32(sums + 4 * i, vaddq_s32(vpaddq_s32(acc[2 * i], acc[2 * i + 1]), vshlq_n_s32(vpaddq_s32(of_codes[i / 4], of_codes[i / 4]), 7)));
#endif
}

#include "functions.inc.h"
#include "rows.inc.h"
#include "linear.inc.h"
#include "int8.inc.h"
#include "attention.inc.h"
#include "sample.inc.h"
#include "execute.inc.h"

const struct bw_kernels bw_neon = { "neon", execute, scratch_bytes, count_not_finite };
