#include "device.h"
#include "memory.h"
#include "pool.h"
#include "program.h"
#include "weights.h"
#include <stdlib.h>
#include <string.h>

enum kind { NOTHING, WEIGHT, VECTOR, ROTARY, CACHE };

struct held {
  enum kind kind;
  union { struct bw_weight weight; struct bw_vector vector; struct bw_rotary rotary; struct bw_cache cache; } is;
};

struct bw_device {
  const struct bw_kernels *kernels;
  int32_t threads, count, room;
  struct held *held;
  size_t bytes[BW_PURPOSES];
  uint8_t *workspace;
  size_t workspace_bytes;
  struct bw_scratch scratch[BW_MAX_THREADS];
};

struct bw_device *bw_device_new(const struct bw_kernels *kernels, int32_t threads) {
  struct bw_device *device = calloc(1, sizeof *device);
  if (device == NULL) return NULL;
  device->kernels = kernels;
  device->threads = threads < 1 ? 1 : threads > BW_MAX_THREADS ? BW_MAX_THREADS : threads;
  return device;
}

const struct bw_kernels *bw_device_kernels(const struct bw_device *device) { return device->kernels; }

static void free_held(struct held *held) {
  if (held->kind == WEIGHT) bw_free_weight(&held->is.weight);
  if (held->kind == VECTOR) bw_give(held->is.vector.values);
  if (held->kind == ROTARY) { bw_give(held->is.rotary.cos); bw_give(held->is.rotary.sin); }
  if (held->kind == CACHE) bw_give(held->is.cache.data);
  /* What is held here next finds no addresses of what was. */
  *held = (struct held){ .kind = NOTHING };
}

void bw_device_free(struct bw_device *device) {
  if (device == NULL) return;
  for (int32_t i = 0; i < device->count; i++) free_held(&device->held[i]);
  free(device->held);
  bw_give(device->workspace);
  for (int32_t t = 0; t < device->threads; t++) bw_give(device->scratch[t].memory);
  free(device);
}

/* A place for something; the one after the last that is held, or one that was given back. */
static int32_t new_handle(struct bw_device *device) {
  for (int32_t i = 0; i < device->count; i++) if (device->held[i].kind == NOTHING) return i;
  if (device->count == device->room) {
    int32_t room = device->room ? 2 * device->room : 64;
    struct held *more = realloc(device->held, (size_t)room * sizeof *more);
    if (more == NULL) return -1;
    device->held = more;
    device->room = room;
  }
  device->held[device->count] = (struct held){ .kind = NOTHING };
  return device->count++;
}

static int32_t keep_weight(struct bw_device *device, int32_t handle, int packed, struct bw_weight_bytes bytes, int copied_data, int copied_scales) {
  struct held *held = &device->held[handle];
  if (packed != 0) {
    bw_free_weight(&held->is.weight);
    return -1;
  }
  held->kind = WEIGHT;
  device->bytes[copied_data ? BW_DECODED_COPIES : BW_WEIGHTS] += bytes.data;
  device->bytes[copied_scales ? BW_DECODED_COPIES : BW_WEIGHTS] += bytes.scales;
  return handle;
}

int32_t bw_device_fp32(struct bw_device *device, const float *values, int32_t out, int32_t in, int copied) {
  int32_t handle = new_handle(device);
  struct bw_weight_bytes bytes = { 0, 0 };
  return handle < 0 ? -1 : keep_weight(device, handle, bw_pack_fp32(&device->held[handle].is.weight, values, out, in, &bytes), bytes, copied, 0);
}

int32_t bw_device_16(struct bw_device *device, enum bw_family family, const uint16_t *bits, int32_t out, int32_t in) {
  int32_t handle = new_handle(device);
  struct bw_weight_bytes bytes = { 0, 0 };
  return handle < 0 ? -1 : keep_weight(device, handle, bw_pack_16(&device->held[handle].is.weight, family, bits, out, in, &bytes), bytes, 0, 0);
}

int32_t bw_device_table4(struct bw_device *device, const uint8_t *codes, const float *scales, const float *table, int32_t block_size, int32_t out, int32_t in, int expanded) {
  int32_t handle = new_handle(device);
  struct bw_weight_bytes bytes = { 0, 0 };
  return handle < 0 ? -1 : keep_weight(device, handle, bw_pack_table4(&device->held[handle].is.weight, codes, scales, table, block_size, out, in, &bytes), bytes, 0, expanded);
}

int32_t bw_device_int8(struct bw_device *device, const int8_t *codes, const float *scales, int32_t out, int32_t in) {
  int32_t handle = new_handle(device);
  struct bw_weight_bytes bytes = { 0, 0 };
  return handle < 0 ? -1 : keep_weight(device, handle, bw_pack_int8(&device->held[handle].is.weight, codes, scales, out, in, &bytes), bytes, 0, 0);
}

static size_t padded_bytes(size_t length) { return (length + BW_BLOCK - 1) / BW_BLOCK * BW_BLOCK * 4; }

int32_t bw_device_vector(struct bw_device *device, const float *values, int32_t length) {
  int32_t handle = new_handle(device);
  if (handle < 0) return -1;
  float *padded = bw_padded(values, (size_t)length);
  if (padded == NULL) return -1;
  device->held[handle] = (struct held){ .kind = VECTOR, .is.vector = { length, padded } };
  device->bytes[BW_WEIGHTS] += bw_held(padded_bytes((size_t)length));
  return handle;
}

int32_t bw_device_rotary(struct bw_device *device, const float *cos, const float *sin, int32_t positions, int32_t half) {
  int32_t handle = new_handle(device);
  if (handle < 0) return -1;
  size_t length = (size_t)positions * half;
  struct bw_rotary rotary = { positions, half, bw_padded(cos, length), bw_padded(sin, length) };
  if (rotary.cos == NULL || rotary.sin == NULL) {
    bw_give(rotary.cos);
    bw_give(rotary.sin);
    return -1;
  }
  device->held[handle] = (struct held){ .kind = ROTARY, .is.rotary = rotary };
  device->bytes[BW_TABLES] += 2 * bw_held(padded_bytes(length));
  return handle;
}

static size_t cache_bytes(const struct bw_cache *cache) { return (size_t)cache->layers * cache->slots * cache->kv_heads * cache->head_floats * 4; }

/* Reckons head_floats; 0 where a size leaves size_t: a product that wrapped would get memory, and be written to far beyond it. */
static int fits(struct bw_cache *cache) {
  size_t keys, values, bytes;
  return !__builtin_mul_overflow(((size_t)cache->positions + 15) / 16 * 16, cache->key_dim, &keys)
    && !__builtin_mul_overflow((size_t)cache->positions, cache->value_dim, &values)
    && !__builtin_add_overflow(keys, values, &cache->head_floats)
    && !__builtin_mul_overflow(cache->head_floats, (size_t)4, &bytes)
    && !__builtin_mul_overflow(bytes, cache->kv_heads, &bytes)
    && !__builtin_mul_overflow(bytes, cache->slots, &bytes)
    && !__builtin_mul_overflow(bytes, cache->layers, &bytes);
}

int32_t bw_device_cache(struct bw_device *device, int32_t layers, int32_t slots, int32_t positions, int32_t kv_heads, int32_t head_dim) {
  int32_t handle = new_handle(device);
  if (handle < 0) return -1;
  struct bw_cache cache = { .layers = layers, .slots = slots, .positions = positions, .kv_heads = kv_heads, .head_dim = head_dim };
  /* The dot product sees +0 beyond a head; of one that fits half a block, nothing is beyond 32. */
  cache.key_dim = head_dim <= BW_BLOCK / 2 ? BW_BLOCK / 2 : (head_dim + BW_BLOCK - 1) / BW_BLOCK * BW_BLOCK;
  cache.value_dim = (head_dim + BW_LANES - 1) / BW_LANES * BW_LANES;
  if (!fits(&cache)) return -1;
  cache.data = bw_take(cache_bytes(&cache));
  if (cache.data == NULL) return -1;
  device->held[handle] = (struct held){ .kind = CACHE, .is.cache = cache };
  device->bytes[BW_KV_CACHE] += bw_held(cache_bytes(&cache));
  return handle;
}

int bw_device_free_cache(struct bw_device *device, int32_t handle) {
  if (handle < 0 || handle >= device->count || device->held[handle].kind != CACHE) return -1;
  device->bytes[BW_KV_CACHE] -= bw_held(cache_bytes(&device->held[handle].is.cache));
  free_held(&device->held[handle]);
  return 0;
}

/* What is held under a handle, if it is of that kind. */
static const void *find(const struct bw_device *device, int32_t handle, enum kind kind) {
  if (handle < 0 || handle >= device->count || device->held[handle].kind != kind) return NULL;
  return &device->held[handle].is;
}

/* A chunk of work should last some microseconds at most, short against waiting for it, and some tenths of one at least, long against taking it. */
static const int64_t MOST_CHUNK_PRODUCTS = 100000, LEAST_CHUNK_PRODUCTS = 15000;
/* Packed rows of a product stay within this. */
enum { PACKED_BYTES = 1 << 20, MOST_ROWS_AT_ONCE = 128 };

static int32_t grain_of(int64_t unit_cost, int32_t units, int32_t threads) {
  if (threads == 1) return units < 1 ? 1 : units;
  if (unit_cost < 1) unit_cost = 1;
  int64_t grain = MOST_CHUNK_PRODUCTS / unit_cost, fair = (units + 16 * threads - 1) / (16 * threads), least = LEAST_CHUNK_PRODUCTS / unit_cost;
  if (grain > fair) grain = fair;
  if (grain < least) grain = least;
  if (grain > units) grain = units;
  return grain < 1 ? 1 : (int32_t)grain;
}

static void cut(struct bw_op *op, int32_t threads) {
  int64_t cost;
  op->row_block = 0;
  int32_t blocks = 1;
  switch (op->code) {
    case BW_LINEAR: {
      const struct bw_weight *w = op->handle;
      int32_t most = PACKED_BYTES / 4 / op->x_stride;
      most = most > MOST_ROWS_AT_ONCE ? MOST_ROWS_AT_ONCE : most < 8 ? 8 : most;
      blocks = (op->rows + most - 1) / most;
      /* Blocks of equal size, of whole tiles of rows. */
      op->row_block = blocks <= 1 ? op->rows : ((op->rows + blocks - 1) / blocks + 7) / 8 * 8;
      blocks = op->row_block == 0 ? 0 : (op->rows + op->row_block - 1) / op->row_block;
      op->units = w->panels;
      cost = (int64_t)BW_PANEL * op->x_stride * (op->row_block < 1 ? 1 : op->row_block);
      break;
    }
    case BW_ATTEND: {
      int64_t keys = 0;
      for (int32_t row = 0; row < op->rows; row++) keys += op->list2[row] + 1;
      op->units = op->rows * ((const struct bw_cache *)op->handle)->kv_heads;
      cost = op->rows == 0 ? 1 : 4 * (keys / op->rows) * (op->a3 / ((const struct bw_cache *)op->handle)->kv_heads) * ((const struct bw_cache *)op->handle)->head_dim;
      break;
    }
    case BW_SILU_MUL: case BW_GELU: case BW_ADD: case BW_MUL: case BW_SCALE:
      op->units = op->rows * (op->x_stride / BW_BLOCK);
      cost = BW_BLOCK * (op->code == BW_SILU_MUL || op->code == BW_GELU ? 30 : 2);
      break;
    case BW_SAMPLE:
      op->units = op->rows;
      cost = (int64_t)op->cols * 200;
      break;
    default:
      op->units = op->rows;
      cost = (int64_t)op->x_stride * 10;
  }
  op->grain = grain_of(cost, op->units, threads);
  op->chunks = (op->units + op->grain - 1) / op->grain * blocks;
}

/* Whether two pieces of the workspace share a line. */
static int overlap(int64_t a, int64_t a_lines, int64_t b, int64_t b_lines) { return a_lines > 0 && b_lines > 0 && a < b + b_lines && b < a + a_lines; }

/* Longer rows, padded, would leave 32 bits. */
enum { LONGEST_ROW = INT32_MAX - BW_BLOCK };

/* Turns words into an op; 0 where they make none. */
static int read_op(const struct bw_device *device, const int32_t *w, const int32_t *lists, int32_t list_length, int64_t lines, struct bw_op *op) {
  int32_t code = w[BW_AT_CODE], rows = w[BW_AT_ROWS], cols = w[BW_AT_COLS];
  if (rows < 0 || cols < 1 || cols > LONGEST_ROW) return 0;
  *op = (struct bw_op){ .code = code, .rows = rows, .cols = cols, .out_cols = cols, .a1 = w[BW_AT_A1], .a2 = w[BW_AT_A2], .a3 = w[BW_AT_A3], .a4 = w[BW_AT_A4] };
  memcpy(&op->f0, &w[BW_AT_F0], 4);
  memcpy(&op->f1, &w[BW_AT_F1], 4);
  int64_t x_rows = rows, listed = 0, listed2 = 0;
  switch (code) {
    case BW_EMBED: {
      const struct bw_weight *weight = op->handle = find(device, w[BW_AT_HANDLE], WEIGHT);
      if (weight == NULL || weight->family == BW_INT8 || weight->in != cols) return 0;
      listed = rows;
      x_rows = -1;
      break;
    }
    case BW_RMS_NORM: case BW_LAYER_NORM:
      op->handle = find(device, w[BW_AT_HANDLE], VECTOR);
      if (op->handle == NULL || ((const struct bw_vector *)op->handle)->length != cols) return 0;
      if (code == BW_RMS_NORM) break;
      op->handle2 = find(device, w[BW_AT_HANDLE2], VECTOR);
      if (op->handle2 == NULL || ((const struct bw_vector *)op->handle2)->length != cols) return 0;
      break;
    case BW_HEAD_NORM:
      op->handle = find(device, w[BW_AT_HANDLE], VECTOR);
      if (op->handle == NULL || op->a1 < 1 || ((const struct bw_vector *)op->handle)->length != op->a1 || cols % op->a1 != 0) return 0;
      break;
    case BW_COLUMNS:
      if (op->a1 < 1 || cols % op->a1 != 0 || op->a2 < 0 || op->a3 < 1 || (int64_t)op->a2 + op->a3 > op->a1) return 0;
      op->out_cols = cols / op->a1 * op->a3;
      break;
    case BW_LINEAR: {
      const struct bw_weight *weight = op->handle = find(device, w[BW_AT_HANDLE], WEIGHT);
      op->out_cols = w[BW_AT_A0];
      if (weight == NULL || weight->in != cols || weight->out != op->out_cols) return 0;
      if (w[BW_AT_HANDLE2] < 0) break;
      op->handle2 = find(device, w[BW_AT_HANDLE2], VECTOR);
      if (op->handle2 == NULL || ((const struct bw_vector *)op->handle2)->length != op->out_cols) return 0;
      break;
    }
    case BW_ROTATE: {
      const struct bw_rotary *rotary = op->handle = find(device, w[BW_AT_HANDLE], ROTARY);
      if (rotary == NULL || op->a2 != rotary->half || op->a1 / 2 < op->a2 || cols % op->a1 != 0) return 0;
      listed = rows;
      break;
    }
    case BW_REMEMBER: case BW_ATTEND: {
      const struct bw_cache *cache = op->handle = find(device, w[BW_AT_HANDLE], CACHE);
      if (cache == NULL || op->a2 < 0 || op->a2 >= cache->layers) return 0;
      int32_t heads = code == BW_ATTEND ? op->a3 : cache->kv_heads;
      if (heads < 1 || heads % cache->kv_heads != 0 || cols != (int64_t)heads * cache->head_dim) return 0;
      listed = listed2 = rows;
      break;
    }
    case BW_TAKE: listed = rows; x_rows = 0; break;
    case BW_SAMPLE: listed = (int64_t)rows * BW_SAMPLE_WORDS; break;
    case BW_GELU: op->a1 = w[BW_AT_A0]; break;
    case BW_SILU_MUL: case BW_ADD: case BW_MUL: case BW_SCALE: break;
    default: return 0;
  }
  op->x_stride = bw_stride(cols);
  op->out_stride = bw_stride(op->out_cols);
  if (listed > 0) {
    if (w[BW_AT_A0] < 0 || w[BW_AT_A0] + listed > list_length) return 0;
    op->list = lists + w[BW_AT_A0];
  }
  if (listed2 > 0) {
    if (w[BW_AT_A1] < 0 || w[BW_AT_A1] + listed2 > list_length) return 0;
    op->list2 = lists + w[BW_AT_A1];
  }
  if (code == BW_TAKE) for (int32_t row = 0; row < rows; row++) { if (op->list[row] < 0) return 0; if (op->list[row] >= x_rows) x_rows = (int64_t)op->list[row] + 1; }
  if (code == BW_EMBED) for (int32_t row = 0; row < rows; row++) if (op->list[row] < 0 || op->list[row] >= ((const struct bw_weight *)op->handle)->out) return 0;
  if (code == BW_ROTATE) for (int32_t row = 0; row < rows; row++) if (op->list[row] < 0 || op->list[row] >= ((const struct bw_rotary *)op->handle)->positions) return 0;
  if (code == BW_REMEMBER || code == BW_ATTEND) {
    const struct bw_cache *cache = op->handle;
    for (int32_t row = 0; row < rows; row++) if (op->list[row] < 0 || op->list[row] >= cache->slots || op->list2[row] < 0 || op->list2[row] >= cache->positions) return 0;
  }
  float *base = (float *)device->workspace;
  const int64_t x_lines = x_rows * op->x_stride / 16;
  const int64_t y_lines = (int64_t)rows * (code == BW_REMEMBER ? op->x_stride : op->out_stride) / 16;
  const int64_t out_lines = code == BW_SAMPLE ? ((int64_t)rows + 15) / 16 : (int64_t)rows * op->out_stride / 16;
  if (code != BW_EMBED) {
    if (w[BW_AT_X] < 0 || w[BW_AT_X] + x_lines > lines) return 0;
    op->x = base + (size_t)w[BW_AT_X] * 16;
  }
  const int needs_y = code == BW_SILU_MUL || code == BW_ADD || code == BW_MUL || code == BW_REMEMBER;
  if (w[BW_AT_Y] >= 0) {
    if (w[BW_AT_Y] + y_lines > lines) return 0;
    op->y = base + (size_t)w[BW_AT_Y] * 16;
  } else if (needs_y) return 0;
  if (code != BW_REMEMBER) {
    if (w[BW_AT_OUT] < 0 || w[BW_AT_OUT] + out_lines > lines) return 0;
    if (op->x && overlap(w[BW_AT_OUT], out_lines, w[BW_AT_X], x_lines)) return 0;
    if (op->y && overlap(w[BW_AT_OUT], out_lines, w[BW_AT_Y], y_lines)) return 0;
    op->out = base + (size_t)w[BW_AT_OUT] * 16;
  }
  return 1;
}

static int grow_workspace(struct bw_device *device, int64_t lines) {
  size_t wanted = (size_t)lines * BW_LINE_BYTES;
  if (wanted <= device->workspace_bytes) return 1;
  uint8_t *larger = bw_take(wanted);
  if (larger == NULL) return 0;
  bw_give(device->workspace);
  device->workspace = larger;
  device->bytes[BW_WORKSPACE] += bw_held(wanted) - (device->workspace_bytes ? bw_held(device->workspace_bytes) : 0);
  device->workspace_bytes = wanted;
  return 1;
}

static int grow_scratch(struct bw_device *device, size_t bytes) {
  for (int32_t t = 0; t < device->threads; t++) {
    struct bw_scratch *scratch = &device->scratch[t];
    if (bytes <= scratch->bytes) continue;
    uint8_t *larger = bw_take(bytes);
    if (larger == NULL) return 0;
    bw_give(scratch->memory);
    device->bytes[BW_WORKSPACE] += bw_held(bytes) - (scratch->bytes ? bw_held(scratch->bytes) : 0);
    *scratch = (struct bw_scratch){ .memory = larger, .bytes = bytes };
  }
  return 1;
}

int64_t bw_device_run(struct bw_device *device, const int32_t *words, int32_t ops, const int32_t *lists, int32_t list_length, int64_t lines) {
  if (lines < 0 || !grow_workspace(device, lines)) return BW_NO_MEMORY;
  struct bw_run *run = bw_run_new(ops, device->threads);
  if (run == NULL) return BW_NO_MEMORY;
  struct bw_op *op = bw_run_ops(run);
  size_t scratch = 0;
  int32_t round = 0, chunks = 0;
  for (int32_t i = 0; i < ops; i++, words += BW_WORDS) {
    if (!read_op(device, words, lists, list_length, lines, &op[i])) {
      bw_run_free(run);
      return BW_BAD_PROGRAM;
    }
    /* A round in which nothing is to do is none. */
    if (words[BW_AT_WAIT] && chunks > 0) {
      round++;
      chunks = 0;
    }
    cut(&op[i], device->threads);
    if (device->kernels->cut) device->kernels->cut(&op[i], device->threads);
    chunks += op[i].chunks;
    op[i].round = round;
    size_t bytes = device->kernels->scratch_bytes(&op[i]);
    if (bytes > scratch) scratch = bytes;
  }
  if (!grow_scratch(device, scratch)) {
    bw_run_free(run);
    return BW_NO_MEMORY;
  }
  return bw_run(run, device->kernels, device->scratch);
}

const float *bw_device_lines(const struct bw_device *device, int64_t line, int64_t count) {
  const int64_t held = (int64_t)(device->workspace_bytes / BW_LINE_BYTES);
  if (line < 0 || count < 0 || line > held || count > held - line) return NULL;
  return (const float *)(device->workspace + (size_t)line * BW_LINE_BYTES);
}

void bw_device_memory(const struct bw_device *device, size_t bytes[BW_PURPOSES]) { memcpy(bytes, device->bytes, sizeof device->bytes); }
