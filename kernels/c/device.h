/*
 * A device: weights, tables and caches under handles, a workspace, and programs that run over them. One thread at a time may use a
 * device; different devices may be used by different threads at once.
 */
#ifndef BW_DEVICE_H
#define BW_DEVICE_H
#include <stdint.h>
#include <stddef.h>
#include "bitwidth.h"

struct bw_device;

enum bw_purpose { BW_WEIGHTS, BW_DECODED_COPIES, BW_TABLES, BW_KV_CACHE, BW_WORKSPACE, BW_PURPOSES };

/* Null without memory. */
struct bw_device *bw_device_new(const struct bw_kernels *kernels, int32_t threads);
void bw_device_free(struct bw_device *device);
const struct bw_kernels *bw_device_kernels(const struct bw_device *device);

/* Handles from 0; -1 without memory. */
int32_t bw_device_fp32(struct bw_device *device, const float *values, int32_t out, int32_t in, int copied);
int32_t bw_device_16(struct bw_device *device, enum bw_family family, const uint16_t *bits, int32_t out, int32_t in);
int32_t bw_device_table4(struct bw_device *device, const uint8_t *codes, const float *scales, const float *table, int32_t block_size, int32_t out, int32_t in, int expanded);
int32_t bw_device_int8(struct bw_device *device, const int8_t *codes, const float *scales, int32_t out, int32_t in);
int32_t bw_device_vector(struct bw_device *device, const float *values, int32_t length);
int32_t bw_device_rotary(struct bw_device *device, const float *cos, const float *sin, int32_t positions, int32_t half);
int32_t bw_device_cache(struct bw_device *device, int32_t layers, int32_t slots, int32_t positions, int32_t kv_heads, int32_t head_dim);
/* 0, or -1 where the handle is no cache. */
int bw_device_free_cache(struct bw_device *device, int32_t handle);

enum { BW_OK = -1, BW_NO_MEMORY = -2, BW_BAD_PROGRAM = -3 };
/* Runs words of program.h. BW_OK, BW_NO_MEMORY, BW_BAD_PROGRAM (nothing was computed), or the first refusal as op << 32 | count. */
int64_t bw_device_run(struct bw_device *device, const int32_t *words, int32_t ops, const int32_t *lists, int32_t list_length, int64_t lines);

/* `count` lines of the workspace from `line`, null where they are not all in it. */
const float *bw_device_lines(const struct bw_device *device, int64_t line, int64_t count);
void bw_device_memory(const struct bw_device *device, size_t bytes[BW_PURPOSES]);
#endif
