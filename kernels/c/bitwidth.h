/*
 * What the native engine holds and how it lies in memory.
 *
 * The dot product of docs/arithmetic.md runs over blocks of 64, in which lane i (0..15) takes k = 2i, 2i+1, 32+2i, 33+2i: four steps.
 * A packed block is those numbers step by step: [step 0..3][lane 0..15]. Activations lie in natural order, rows padded with +0 to
 * whole blocks; a product packs its rows first. Outputs of a weight come in panels of 16, the last one padded with rows of +0.
 */
#ifndef BW_BITWIDTH_H
#define BW_BITWIDTH_H

#include <stdint.h>
#include <stddef.h>

enum { BW_BLOCK = 64, BW_LANES = 16, BW_STEPS = 4, BW_PANEL = 16, BW_TABLE4_BYTES = 36 };

enum bw_family { BW_FP32, BW_FP16, BW_BF16, BW_TABLE4, BW_INT8 };

/* A weight [out, in]; `row_bytes` from one output to the next (INT8: from one panel to the next).
 *   FP32    [out][block][step][lane] fp32
 *   FP16    the same, 16 bits each; BF16 too
 *   TABLE4  [out][block]{ 32 bytes of codes as bitsandbytes packs them: byte j of a half block is lane j's steps 0 (high nibble) and 1;
 *                  the fp32 scale }: one stream of memory, since two that begin anew with each row cost half of the bandwidth
 *   INT8    [panel][ceil(in / 64) * 16][output in panel][4 columns] int8, plus 128; scales by output */
struct bw_weight {
  enum bw_family family;
  int32_t out, in, blocks, panels;
  size_t row_bytes;
  uint8_t *data;
  float *scales;
  float table[16];
};

struct bw_vector { int32_t length; float *values; };

struct bw_rotary { int32_t positions, half; float *cos, *sin; };

/* Keys and values of one kv head of one slot of one layer lie together:
 *   keys   [position / 16][dim][position % 16], so that sixteen positions are scored at once
 *   values [position][dim padded to whole lanes of 16] */
struct bw_cache { int32_t layers, slots, positions, kv_heads, head_dim, key_dim, value_dim; size_t head_floats; float *data; };

/* One op of a program, its words turned into addresses. x, y and out are rows of `x_stride` etc. floats. */
struct bw_op {
  int32_t code, rows, cols, out_cols;
  int32_t x_stride, out_stride;
  const float *x, *y;
  float *out;
  const void *handle, *handle2;
  const int32_t *list, *list2;
  int32_t a1, a2, a3, a4;
  float f0, f1;
  /* How the op is cut: `units` of equal work, `grain` of them to a chunk; linear: units are panels, for each block of rows anew. */
  int32_t units, grain, chunks, row_block;
  int32_t round;
};

/* What a thread computes with: memory of its own, and what its packed rows are of. */
struct bw_scratch {
  uint8_t *memory;
  size_t bytes;
  const float *packed_x;
  int32_t packed_round, packed_first, packed_rows, packed_stride, packed_family;
  uint64_t packed_program;
};

/* Called for an int8 product's row that is not finite in fp16: which row, and how many of its values. */
struct bw_refusals;
void bw_refuse(struct bw_refusals *refusals, int32_t op, int32_t row, int32_t count);

/* The kernels of one instruction set. */
struct bw_kernels {
  const char *name;
  /* Does units [from, to) of an op: one chunk or several that follow one another, of one block of rows. */
  void (*execute)(const struct bw_op *op, int32_t index, int32_t row_from, int32_t from, int32_t to, uint64_t program, struct bw_scratch *scratch, struct bw_refusals *refusals);
  /* Bytes of scratch that execute() needs for this op. */
  size_t (*scratch_bytes)(const struct bw_op *op);
  /* Of rows of `cols` floats, `stride` apart. */
  int64_t (*count_not_finite)(const float *x, int32_t rows, int32_t cols, int32_t stride);
  /* Changes how an op was cut for so many threads (units, grain, chunks, row_block); null: nothing. */
  void (*cut)(struct bw_op *op, int32_t threads);
};

/* Whether this processor has what the kernels need, the kernels, and the row statistics (statistics.h). */
struct bw_statistics;
struct bw_instruction_set { const struct bw_kernels *kernels; int (*supported)(void); const struct bw_statistics *statistics; };

/* Best first; ends with a null. Those of the exact engine, and those of the engine `fast`. */
extern const struct bw_instruction_set bw_instruction_sets[], bw_fast_instruction_sets[];

/* Padded length of a row of `cols` floats. */
static inline int32_t bw_stride(int32_t cols) { return (cols + BW_BLOCK - 1) / BW_BLOCK * BW_BLOCK; }

#endif
