/*
 * The library as Node sees it (N-API version 8): functions over a device, which arrives as an external value. Arguments come from
 * ../engines/native-device.ts only; what could damage memory is checked all the same, and answered with an exception.
 */
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bitwidth.h"
#include "device.h"
#include "encode.h"
#include "pool.h"
#include "statistics-node.h"

static napi_value fail(napi_env env, const char *message) {
  napi_throw_error(env, NULL, message);
  return NULL;
}

/* Arguments of the running call. Missing ones are undefined. */
enum { MOST_ARGUMENTS = 10 };
struct call { napi_env env; napi_value argument[MOST_ARGUMENTS]; };

static struct call arguments_of(napi_env env, napi_callback_info info) {
  struct call call = { .env = env };
  size_t count = MOST_ARGUMENTS;
  napi_get_cb_info(env, info, &count, call.argument, NULL, NULL);
  return call;
}

static int64_t integer(const struct call *call, int i) {
  int64_t value = 0;
  napi_get_value_int64(call->env, call->argument[i], &value);
  return value;
}

static int flag(const struct call *call, int i) {
  bool value = false;
  napi_get_value_bool(call->env, call->argument[i], &value);
  return value;
}

/* The elements of a typed array of that type and at least that length; null otherwise. */
static void *elements(const struct call *call, int i, napi_typedarray_type type, size_t least) {
  napi_typedarray_type actual;
  size_t length;
  void *data;
  bool typed = false;
  static char nothing;
  if (napi_is_typedarray(call->env, call->argument[i], &typed) != napi_ok || !typed) return NULL;
  if (napi_get_typedarray_info(call->env, call->argument[i], &actual, &length, &data, NULL, NULL) != napi_ok) return NULL;
  if (actual != type || length < least) return NULL;
  return data ? data : &nothing;
}

struct holder { struct bw_device *device; };

static struct bw_device *device_of(const struct call *call) {
  struct holder *holder = NULL;
  if (napi_get_value_external(call->env, call->argument[0], (void **)&holder) != napi_ok || holder == NULL) return NULL;
  return holder->device;
}

static napi_value number(napi_env env, double value) {
  napi_value result;
  return napi_create_double(env, value, &result) == napi_ok ? result : NULL;
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct holder *holder = data;
  bw_device_free(holder->device);
  __builtin_free(holder);
}

static napi_value kept(const struct call *call, int32_t handle) {
  return handle < 0 ? fail(call->env, "there is not enough memory") : number(call->env, handle);
}

/* Among `sets`, the one of that name, or the best, where this processor has it. */
static const struct bw_instruction_set *set_among(const struct bw_instruction_set *set, const char *name) {
  for (; set->kernels != NULL; set++) if ((name[0] == 0 || strcmp(name, set->kernels->name) == 0) && set->supported()) return set;
  return NULL;
}

/* The exact instruction set of that name, or the best; with `any`, also one of the engine `fast` by its name. */
static const struct bw_instruction_set *set_named(const struct call *call, int i, int any) {
  char name[32] = "";
  size_t length;
  napi_get_value_string_utf8(call->env, call->argument[i], name, sizeof name, &length);
  const struct bw_instruction_set *set = set_among(bw_instruction_sets, name);
  if (set == NULL && any) set = set_among(bw_fast_instruction_sets, name);
  if (set == NULL) fail(call->env, "this processor lacks the instruction set");
  return set;
}

/* statistics(instructionSet or ''): an object of the functions in statistics-node.h */
static napi_value statistics(napi_env env, napi_callback_info info) {
  struct call call = arguments_of(env, info);
  const struct bw_instruction_set *set = set_named(&call, 0, 0);
  napi_value object;
  if (set == NULL || napi_create_object(env, &object) != napi_ok) return NULL;
  return bw_statistics_export(env, object, set->statistics);
}

/* open(instructionSet or '', threads): a device */
static napi_value open_device(napi_env env, napi_callback_info info) {
  struct call call = arguments_of(env, info);
  const struct bw_instruction_set *set = set_named(&call, 0, 1);
  if (set == NULL) return NULL;
  struct holder *holder = __builtin_calloc(1, sizeof *holder);
  if (holder) holder->device = bw_device_new(set->kernels, (int32_t)integer(&call, 1));
  if (holder == NULL || holder->device == NULL) {
    __builtin_free(holder);
    return fail(env, "there is not enough memory");
  }
  napi_value external;
  if (napi_create_external(env, holder, finalize, NULL, &external) != napi_ok) return fail(env, "no device can be made");
  return external;
}

/* close(device): gives its memory back now; it cannot be used again. */
static napi_value close_device(napi_env env, napi_callback_info info) {
  struct call call = arguments_of(env, info);
  struct holder *holder = NULL;
  if (napi_get_value_external(env, call.argument[0], (void **)&holder) != napi_ok || holder == NULL) return fail(env, "this is no device");
  bw_device_free(holder->device);
  holder->device = NULL;
  return NULL;
}

/* [name, ...] of those that this library has and this processor too, best first */
static napi_value names_of(napi_env env, const struct bw_instruction_set *sets) {
  napi_value list, name;
  uint32_t count = 0;
  napi_create_array(env, &list);
  for (const struct bw_instruction_set *set = sets; set->kernels != NULL; set++) {
    if (!set->supported()) continue;
    napi_create_string_utf8(env, set->kernels->name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, list, count++, name);
  }
  return list;
}

/* instructionSets(): of the exact engine; fastInstructionSets(): of the engine `fast` */
static napi_value instruction_sets(napi_env env, napi_callback_info info) { return (void)info, names_of(env, bw_instruction_sets); }
static napi_value fast_instruction_sets(napi_env env, napi_callback_info info) { return (void)info, names_of(env, bw_fast_instruction_sets); }

#define BEGIN \
  struct call call = arguments_of(env, info); \
  struct bw_device *device = device_of(&call); \
  if (device == NULL) return fail(env, "this is no device, or it was closed");

static int shape_of(const struct call *call, int at, int64_t *out, int64_t *in) {
  *out = integer(call, at);
  *in = integer(call, at + 1);
  return *out > 0 && *in > 0 && *out <= INT32_MAX && *in <= INT32_MAX;
}

#define SHAPE(AT) \
  int64_t out, in; \
  if (!shape_of(&call, AT, &out, &in)) return fail(env, "a shape is out of range");

#define ARRAY(NAME, TYPE, I, NAPI, LENGTH) \
  const TYPE *NAME = elements(&call, I, NAPI, (size_t)(LENGTH)); \
  if (NAME == NULL) return fail(env, #NAME " has another type or is too short");

/* fp32(device, values, out, in, copied) */
static napi_value fp32(napi_env env, napi_callback_info info) {
  BEGIN SHAPE(2) ARRAY(values, float, 1, napi_float32_array, out * in)
  return kept(&call, bw_device_fp32(device, values, (int32_t)out, (int32_t)in, flag(&call, 4)));
}

/* bits16(device, bits, out, in, isBf16) */
static napi_value bits16(napi_env env, napi_callback_info info) {
  BEGIN SHAPE(2) ARRAY(bits, uint16_t, 1, napi_uint16_array, out * in)
  return kept(&call, bw_device_16(device, flag(&call, 4) ? BW_BF16 : BW_FP16, bits, (int32_t)out, (int32_t)in));
}

/* table4(device, codes, scales, table, blockSize, out, in, expanded) */
static napi_value table4(napi_env env, napi_callback_info info) {
  BEGIN SHAPE(5)
  int64_t block_size = integer(&call, 4);
  if (in % BW_BLOCK != 0 || block_size < BW_BLOCK || block_size % BW_BLOCK != 0 || block_size > INT32_MAX) return fail(env, "blocks do not fit the dot product's");
  ARRAY(codes, uint8_t, 1, napi_uint8_array, out * in / 2)
  ARRAY(scales, float, 2, napi_float32_array, (out * in + block_size - 1) / block_size)
  ARRAY(table, float, 3, napi_float32_array, 16)
  return kept(&call, bw_device_table4(device, codes, scales, table, (int32_t)block_size, (int32_t)out, (int32_t)in, flag(&call, 7)));
}

/* int8(device, codes, scales, out, in) */
static napi_value int8(napi_env env, napi_callback_info info) {
  BEGIN SHAPE(3) ARRAY(codes, int8_t, 1, napi_int8_array, out * in) ARRAY(scales, float, 2, napi_float32_array, out)
  return kept(&call, bw_device_int8(device, codes, scales, (int32_t)out, (int32_t)in));
}

/* vector(device, values, length) */
static napi_value vector(napi_env env, napi_callback_info info) {
  BEGIN
  int64_t length = integer(&call, 2);
  if (length < 1 || length > INT32_MAX) return fail(env, "a length is out of range");
  ARRAY(values, float, 1, napi_float32_array, length)
  return kept(&call, bw_device_vector(device, values, (int32_t)length));
}

/* rotary(device, cos, sin, positions, half) */
static napi_value rotary(napi_env env, napi_callback_info info) {
  BEGIN SHAPE(3) ARRAY(cos, float, 1, napi_float32_array, out * in) ARRAY(sin, float, 2, napi_float32_array, out * in)
  return kept(&call, bw_device_rotary(device, cos, sin, (int32_t)out, (int32_t)in));
}

/* cache(device, layers, slots, positions, kvHeads, headDim) */
static napi_value cache(napi_env env, napi_callback_info info) {
  BEGIN
  int32_t size[5];
  for (int i = 0; i < 5; i++) {
    int64_t value = integer(&call, 1 + i);
    if (value < 1 || value > 1 << 24) return fail(env, "a size of the cache is out of range");
    size[i] = (int32_t)value;
  }
  return kept(&call, bw_device_cache(device, size[0], size[1], size[2], size[3], size[4]));
}

/* freeCache(device, handle) */
static napi_value free_cache(napi_env env, napi_callback_info info) {
  BEGIN
  if (bw_device_free_cache(device, (int32_t)integer(&call, 1)) != 0) return fail(env, "this is no cache");
  return NULL;
}

/* run(device, words, ops, lists, listLength, lines): -1, or the first refusal as op * 2^32 + count */
static napi_value run(napi_env env, napi_callback_info info) {
  BEGIN
  int64_t ops = integer(&call, 2), list_length = integer(&call, 4), lines = integer(&call, 5);
  if (ops < 0 || ops > 65535 || list_length < 0 || list_length > INT32_MAX || lines < 0 || lines > (int64_t)1 << 40) return fail(env, "a program is too long");
  ARRAY(words, int32_t, 1, napi_int32_array, ops * 16) ARRAY(lists, int32_t, 3, napi_int32_array, list_length)
  int64_t end = bw_device_run(device, words, (int32_t)ops, lists, (int32_t)list_length, lines);
  if (end == BW_NO_MEMORY) return fail(env, "there is not enough memory");
  if (end == BW_BAD_PROGRAM) return fail(env, "the program is not one that this library can run");
  return number(env, (double)end);
}

/* floats(device, line, rows, cols, values): copies rows without their padding; how many are not finite */
static napi_value floats(napi_env env, napi_callback_info info) {
  BEGIN
  int64_t line = integer(&call, 1), rows = integer(&call, 2), cols = integer(&call, 3);
  if (rows < 0 || cols < 1 || rows > INT32_MAX || cols > INT32_MAX - BW_BLOCK) return fail(env, "a shape is out of range");
  float *values = elements(&call, 4, napi_float32_array, (size_t)(rows * cols));
  int64_t stride = bw_stride((int32_t)cols);
  const float *from = bw_device_lines(device, line, rows * stride / 16);
  if (values == NULL || from == NULL) return fail(env, "there are no such values");
  if (stride == cols) memcpy(values, from, (size_t)(rows * cols) * 4);
  else for (int64_t row = 0; row < rows; row++) memcpy(values + row * cols, from + row * stride, (size_t)cols * 4);
  return number(env, (double)bw_device_kernels(device)->count_not_finite(values, (int32_t)rows, (int32_t)cols, (int32_t)cols));
}

/* integers(device, line, count, values) */
static napi_value integers(napi_env env, napi_callback_info info) {
  BEGIN
  int64_t line = integer(&call, 1), count = integer(&call, 2);
  if (count < 0 || count > INT32_MAX) return fail(env, "a count is out of range");
  int32_t *values = elements(&call, 3, napi_int32_array, (size_t)count);
  const float *from = bw_device_lines(device, line, (count + 15) / 16);
  if (values == NULL || from == NULL) return fail(env, "there are no such values");
  memcpy(values, from, (size_t)count * 4);
  return NULL;
}

/* memory(device, Float64Array(5)): weights, decoded copies, tables, caches, workspace */
static napi_value memory(napi_env env, napi_callback_info info) {
  BEGIN
  double *values = elements(&call, 1, napi_float64_array, BW_PURPOSES);
  if (values == NULL) return fail(env, "there is no room for the answer");
  size_t bytes[BW_PURPOSES];
  bw_device_memory(device, bytes);
  for (int i = 0; i < BW_PURPOSES; i++) values[i] = (double)bytes[i];
  return NULL;
}

/* encode4(values, stored, block, bounds, order, codes, absmax, threads): whether every value is finite (encode.h) */
static napi_value encode4(napi_env env, napi_callback_info info) {
  struct call call = arguments_of(env, info);
  int64_t stored = integer(&call, 1), block = integer(&call, 2), threads = integer(&call, 7);
  size_t count = 0;
  if (napi_get_typedarray_info(env, call.argument[0], NULL, &count, NULL, NULL, NULL) != napi_ok) return fail(env, "the values are no typed array");
  if (stored < BW_STORED_FP32 || stored > BW_STORED_BF16 || block < 32 || block > 4096 || (block & (block - 1))) return fail(env, "a block is out of range");
  struct bw_encode4 task = { .stored = (enum bw_stored)stored, .count = count, .block = (size_t)block };
  task.values = elements(&call, 0, stored == BW_STORED_FP32 ? napi_float32_array : napi_uint16_array, 0);
  const float *bounds = elements(&call, 3, napi_float32_array, 15);
  const int32_t *order = elements(&call, 4, napi_int32_array, 16);
  task.codes = elements(&call, 5, napi_uint8_array, (count + 1) / 2);
  task.absmax = elements(&call, 6, napi_float32_array, (count + (size_t)block - 1) / (size_t)block);
  if (!task.values || !bounds || !order || !task.codes || !task.absmax) return fail(env, "an array is too short, or of another type");
  memcpy(task.bounds, bounds, sizeof task.bounds);
  memcpy(task.order, order, sizeof task.order);
  return number(env, bw_encode4(&task, (int)threads));
}

/* encode8(values, stored, columns, codes, scales, threads): whether every value is finite, as fp16 too (encode.h) */
static napi_value encode8(napi_env env, napi_callback_info info) {
  struct call call = arguments_of(env, info);
  int64_t stored = integer(&call, 1), columns = integer(&call, 2), threads = integer(&call, 5);
  size_t count = 0;
  if (napi_get_typedarray_info(env, call.argument[0], NULL, &count, NULL, NULL, NULL) != napi_ok) return fail(env, "the values are no typed array");
  if (stored < BW_STORED_FP32 || stored > BW_STORED_BF16 || columns < 1 || count % (size_t)columns != 0) return fail(env, "a row is out of range");
  struct bw_encode8 task = { .stored = (enum bw_stored)stored, .rows = count / (size_t)columns, .columns = (size_t)columns };
  task.values = elements(&call, 0, stored == BW_STORED_FP32 ? napi_float32_array : napi_uint16_array, 0);
  task.codes = elements(&call, 3, napi_int8_array, count);
  task.scales = elements(&call, 4, napi_float32_array, task.rows);
  if (!task.values || !task.codes || !task.scales) return fail(env, "an array is too short, or of another type");
  return number(env, bw_encode8(&task, (int)threads));
}

/* convert(values, stored, type, to, threads): whether every value is finite, in that type too; `to` null: only that (encode.h) */
static napi_value convert(napi_env env, napi_callback_info info) {
  struct call call = arguments_of(env, info);
  int64_t stored = integer(&call, 1), type = integer(&call, 2), threads = integer(&call, 4);
  size_t count = 0;
  if (napi_get_typedarray_info(env, call.argument[0], NULL, &count, NULL, NULL, NULL) != napi_ok) return fail(env, "the values are no typed array");
  if (stored < BW_STORED_FP32 || stored > BW_STORED_BF16 || type < BW_STORED_FP32 || type > BW_STORED_BF16) return fail(env, "a type is out of range");
  struct bw_convert task = { .stored = (enum bw_stored)stored, .count = count, .type = (enum bw_stored)type };
  task.values = elements(&call, 0, stored == BW_STORED_FP32 ? napi_float32_array : napi_uint16_array, 0);
  napi_valuetype kind = napi_undefined;
  napi_typeof(env, call.argument[3], &kind);
  if (kind != napi_null) {
    task.to = elements(&call, 3, type == BW_STORED_FP32 ? napi_float32_array : napi_uint16_array, count);
    if (!task.to) return fail(env, "there is no room for the numbers");
  }
  if (!task.values) return fail(env, "the values are of another type");
  return number(env, bw_convert(&task, (int)threads));
}

/* compare(values, stored, kind, codes, scales, block, table, type, sums, threads): encode.h; of plain numbers scales and table are empty */
static napi_value compare(napi_env env, napi_callback_info info) {
  struct call call = arguments_of(env, info);
  int64_t stored = integer(&call, 1), kind = integer(&call, 2), block = integer(&call, 5), type = integer(&call, 7), threads = integer(&call, 9);
  size_t count = 0;
  if (napi_get_typedarray_info(env, call.argument[0], NULL, &count, NULL, NULL, NULL) != napi_ok) return fail(env, "the values are no typed array");
  if (stored < BW_STORED_FP32 || stored > BW_STORED_BF16 || type < BW_STORED_FP32 || type > BW_STORED_BF16 || kind < BW_CODES_TABLE4 || kind > BW_CODES_PLAIN || block < 1) return fail(env, "a kind is out of range");
  if (kind == BW_CODES_TABLE4 && (block < 32 || block > 4096 || (block & (block - 1)))) return fail(env, "a block is out of range");
  struct bw_compare task = { .stored = (enum bw_stored)stored, .count = count, .kind = kind, .block = (size_t)block, .type = (enum bw_stored)type };
  task.values = elements(&call, 0, stored == BW_STORED_FP32 ? napi_float32_array : napi_uint16_array, 0);
  napi_typedarray_type codes = kind == BW_CODES_TABLE4 ? napi_uint8_array : kind == BW_CODES_ROWS8 ? napi_int8_array : type == BW_STORED_FP32 ? napi_float32_array : napi_uint16_array;
  task.codes = elements(&call, 3, codes, kind == BW_CODES_TABLE4 ? (count + 1) / 2 : count);
  task.scales = elements(&call, 4, napi_float32_array, kind == BW_CODES_PLAIN ? 0 : (count + (size_t)block - 1) / (size_t)block);
  const float *table = elements(&call, 6, napi_float32_array, kind == BW_CODES_TABLE4 ? 16 : 0);
  double *sums = elements(&call, 8, napi_float64_array, 4);
  if (!task.values || !task.codes || (kind != BW_CODES_PLAIN && !task.scales) || (kind == BW_CODES_TABLE4 && !table) || !sums) return fail(env, "an array is too short, or of another type");
  if (kind == BW_CODES_TABLE4) memcpy(task.table, table, sizeof task.table);
  task.pieces = malloc((bw_compare_pieces(count) + 1) * 4 * sizeof *task.pieces);
  if (task.pieces == NULL) return fail(env, "there is no memory for the sums");
  bw_compare(&task, sums, (int)threads);
  free(task.pieces);
  return NULL;
}

napi_value bw_init(napi_env env, napi_value exports);
NAPI_MODULE_INIT() { return bw_init(env, exports); }

napi_value bw_init(napi_env env, napi_value exports) {
  static const struct { const char *name; napi_callback function; } functions[] = {
    { "open", open_device }, { "close", close_device }, { "instructionSets", instruction_sets }, { "fastInstructionSets", fast_instruction_sets },
    { "fp32", fp32 }, { "bits16", bits16 }, { "table4", table4 }, { "int8", int8 }, { "vector", vector }, { "rotary", rotary },
    { "cache", cache }, { "freeCache", free_cache }, { "run", run }, { "floats", floats }, { "integers", integers }, { "memory", memory },
    { "statistics", statistics }, { "encode4", encode4 }, { "encode8", encode8 }, { "convert", convert }, { "compare", compare },
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function) != napi_ok) return NULL;
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
