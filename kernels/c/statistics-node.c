/* See statistics-node.h. Every function reads its arguments in order; the first that is wrong throws, and the rest is skipped. */
#include "statistics-node.h"

#include <stdbool.h>
#include <stdlib.h>

#define MOST_ARGUMENTS 10

/* A call in progress: its arguments, or the elements of one of them. */
struct reader {
  napi_env env;
  const char *function;
  size_t count, next;
  napi_value value[MOST_ARGUMENTS];
  bool failed;
};

static void fail(struct reader *r, const char *what) {
  if (r->failed) return;
  r->failed = true;
  char text[160];
  size_t length = 0;
  const char *parts[] = {"statistics ", r->function, ": ", what};
  for (size_t i = 0; i < 4; i++) {
    for (const char *c = parts[i]; *c && length + 1 < sizeof text; c++) text[length++] = *c;
  }
  text[length] = 0;
  napi_throw_type_error(r->env, NULL, text);
}

static napi_value next_value(struct reader *r) {
  if (r->failed) return NULL;
  if (r->next == r->count) {
    fail(r, "an argument is missing");
    return NULL;
  }
  return r->value[r->next++];
}

static size_t read_count(struct reader *r) {
  napi_value value = next_value(r);
  double number = 0;
  if (value && (napi_get_value_double(r->env, value, &number) != napi_ok || !(number >= 0 && number <= 4294967295.0))) fail(r, "a count is not a whole number");
  return r->failed ? 0 : (size_t)number;
}

/* The elements of a typed array of at least `least`, whose number goes to `length` where that is not NULL. */
static void *read_array(struct reader *r, napi_typedarray_type wanted, size_t least, size_t *length) {
  napi_value value = next_value(r);
  if (!value) return NULL;
  bool is_array = false;
  napi_typedarray_type type;
  size_t count = 0;
  void *data = NULL;
  if (napi_is_typedarray(r->env, value, &is_array) != napi_ok || !is_array
      || napi_get_typedarray_info(r->env, value, &type, &count, &data, NULL, NULL) != napi_ok || type != wanted) {
    fail(r, "an argument is not the typed array that it must be");
    return NULL;
  }
  if (count < least) {
    fail(r, "an array is too short");
    return NULL;
  }
  if (length) *length = count;
  return data;
}

static const float *read_singles(struct reader *r, size_t least) { return read_array(r, napi_float32_array, least, NULL); }
static double *read_doubles(struct reader *r, size_t least) { return read_array(r, napi_float64_array, least, NULL); }
static int32_t *read_ints(struct reader *r, size_t least) { return read_array(r, napi_int32_array, least, NULL); }

static struct reader arguments(napi_env env, napi_callback_info info, const char *function, const struct bw_statistics **statistics) {
  struct reader r = {.env = env, .function = function, .count = MOST_ARGUMENTS};
  void *data = NULL;
  if (napi_get_cb_info(env, info, &r.count, r.value, NULL, &data) != napi_ok) fail(&r, "its arguments cannot be read");
  if (r.count > MOST_ARGUMENTS) r.count = MOST_ARGUMENTS;
  *statistics = data;
  return r;
}

/* The elements of the next argument, an array. */
static struct reader read_list(struct reader *r) {
  struct reader list = {.env = r->env, .function = r->function};
  napi_value value = next_value(r);
  uint32_t length = 0;
  if (value && (napi_get_array_length(r->env, value, &length) != napi_ok || length > MOST_ARGUMENTS)) fail(r, "an argument is not a short array");
  for (uint32_t i = 0; i < length && !r->failed; i++) {
    if (napi_get_element(r->env, value, i, &list.value[i]) != napi_ok) fail(r, "an array cannot be read");
  }
  list.count = length;
  list.failed = r->failed;
  return list;
}

/* The next argument, an array, whose number of elements goes to `length`. */
static napi_value read_lists(struct reader *r, uint32_t *length) {
  napi_value value = next_value(r);
  *length = 0;
  if (value && napi_get_array_length(r->env, value, length) != napi_ok) fail(r, "an argument is not an array");
  return value;
}

static struct reader list_at(struct reader *r, napi_value lists, uint32_t i) {
  struct reader one = {.env = r->env, .function = r->function, .count = 1, .failed = r->failed};
  if (!r->failed && napi_get_element(r->env, lists, i, &one.value[0]) != napi_ok) fail(r, "an array cannot be read");
  one.failed = r->failed;
  return read_list(&one);
}

static size_t product(struct reader *r, size_t a, size_t b) {
  if (b != 0 && a > SIZE_MAX / b) fail(r, "the arrays are too large");
  return r->failed ? 0 : a * b;
}

/* What a call answers: undefined, or an exception. */
static napi_value answer(struct reader *r, int result) {
  if (!r->failed && result != 0) napi_throw_error(r->env, NULL, "statistics: not enough memory");
  return NULL;
}

/* The beginning of every call. */
struct shape {
  const double *fractions;
  size_t vocabulary, rows, values;
};

static struct shape read_shape(struct reader *r) {
  struct shape shape = {.fractions = read_doubles(r, 256)};
  shape.vocabulary = read_count(r);
  shape.rows = read_count(r);
  if (!r->failed && shape.vocabulary == 0) fail(r, "a vocabulary has at least 1 token");
  shape.values = product(r, shape.vocabulary, shape.rows);
  return shape;
}

static napi_value call_log_sum_exp(napi_env env, napi_callback_info info) {
  const struct bw_statistics *statistics;
  struct reader r = arguments(env, info, "logSumExp", &statistics);
  struct shape s = read_shape(&r);
  const float *logits = read_singles(&r, s.values);
  double *lse = read_doubles(&r, s.rows);
  return answer(&r, r.failed ? 0 : statistics->log_sum_exp(s.fractions, s.vocabulary, s.rows, logits, lse));
}

static struct bw_row_scores read_scores(struct reader *r, struct shape s, bool is_format) {
  struct bw_row_scores scores = {.logits = read_singles(r, s.values)};
  scores.nll = read_doubles(r, s.rows);
  scores.entropy = read_doubles(r, s.rows);
  scores.top1 = read_ints(r, s.rows);
  if (is_format) scores.kl = read_doubles(r, s.rows);
  return scores;
}

static napi_value call_fidelity(napi_env env, napi_callback_info info) {
  const struct bw_statistics *statistics;
  struct reader r = arguments(env, info, "fidelity", &statistics);
  struct shape s = read_shape(&r);
  struct bw_fidelity task = {.fractions = s.fractions, .vocabulary = s.vocabulary, .rows = s.rows, .tokens = read_ints(&r, s.rows)};
  struct reader base = read_list(&r);
  task.base = read_scores(&base, s, false);
  r.failed |= base.failed;
  uint32_t formats;
  napi_value lists = read_lists(&r, &formats);
  struct bw_row_scores *format = calloc(formats ? formats : 1, sizeof *format);
  for (uint32_t f = 0; f < formats && format && !r.failed; f++) {
    struct reader list = list_at(&r, lists, f);
    format[f] = read_scores(&list, s, true);
    r.failed |= list.failed;
  }
  task.formats = formats;
  task.format = format;
  int result = r.failed ? 0 : format ? statistics->fidelity(&task) : BW_STATISTICS_NO_MEMORY;
  free(format);
  return answer(&r, result);
}

static napi_value call_sampling(napi_env env, napi_callback_info info) {
  const struct bw_statistics *statistics;
  struct reader r = arguments(env, info, "sampling", &statistics);
  struct shape s = read_shape(&r);
  struct bw_sampling task = {.fractions = s.fractions, .vocabulary = s.vocabulary, .rows = s.rows};
  task.temperatures = read_array(&r, napi_float64_array, 0, &task.points);
  task.top_ks = read_ints(&r, task.points);
  task.base = read_singles(&r, s.values);
  task.judge = read_singles(&r, s.values);
  task.entropy = read_doubles(&r, task.points);
  task.quality = read_doubles(&r, task.points);
  uint32_t formats;
  napi_value lists = read_lists(&r, &formats);
  struct bw_format_sums *format = calloc(formats ? formats : 1, sizeof *format);
  for (uint32_t f = 0; f < formats && format && !r.failed; f++) {
    struct reader list = list_at(&r, lists, f);
    format[f].logits = read_singles(&list, s.values);
    format[f].total_variation = read_doubles(&list, task.points);
    format[f].outside_mass = read_doubles(&list, task.points);
    format[f].quality_shift = read_doubles(&list, task.points);
    r.failed |= list.failed;
  }
  task.formats = formats;
  task.format = format;
  int result = r.failed ? 0 : format ? statistics->sampling(&task) : BW_STATISTICS_NO_MEMORY;
  free(format);
  return answer(&r, result);
}

static napi_value call_row_kl(napi_env env, napi_callback_info info) {
  const struct bw_statistics *statistics;
  struct reader r = arguments(env, info, "rowKl", &statistics);
  struct shape s = read_shape(&r);
  const float *base = read_singles(&r, s.values), *logits = read_singles(&r, s.values);
  double *kl = read_doubles(&r, s.rows);
  return answer(&r, r.failed ? 0 : statistics->row_kl(s.fractions, s.vocabulary, s.rows, base, logits, kl));
}

static struct bw_noise read_noise(struct reader *r) {
  struct shape s = read_shape(r);
  struct bw_noise noise = {.fractions = s.fractions, .vocabulary = s.vocabulary, .rows = s.rows, .base = read_singles(r, s.values)};
  noise.counters = read_ints(r, s.rows);
  const int32_t *keys = read_ints(r, 2);
  if (!r->failed) noise.keys[0] = (uint32_t)keys[0], noise.keys[1] = (uint32_t)keys[1];
  noise.sigma = read_array(r, napi_float64_array, 0, &noise.sigmas);
  return noise;
}

static napi_value call_noise_kl(napi_env env, napi_callback_info info) {
  const struct bw_statistics *statistics;
  struct reader r = arguments(env, info, "noiseKl", &statistics);
  struct bw_noise noise = read_noise(&r);
  double *kl = read_doubles(&r, product(&r, noise.sigmas, noise.rows));
  return answer(&r, r.failed ? 0 : statistics->noise_kl(&noise, kl));
}

static napi_value call_noise_quality(napi_env env, napi_callback_info info) {
  const struct bw_statistics *statistics;
  struct reader r = arguments(env, info, "noiseQuality", &statistics);
  struct bw_noise noise = read_noise(&r);
  const float *weights = read_singles(&r, product(&r, noise.vocabulary, noise.rows));
  size_t temperatures = 0;
  const double *temperature = read_array(&r, napi_float64_array, 0, &temperatures);
  double *quality = read_doubles(&r, product(&r, product(&r, noise.sigmas, temperatures), noise.rows));
  return answer(&r, r.failed ? 0 : statistics->noise_quality(&noise, weights, temperatures, temperature, quality));
}

napi_value bw_statistics_export(napi_env env, napi_value exports, const struct bw_statistics *statistics) {
  static const struct {
    const char *name;
    napi_callback call;
  } functions[] = {
    {"logSumExp", call_log_sum_exp}, {"fidelity", call_fidelity}, {"sampling", call_sampling},
    {"rowKl", call_row_kl}, {"noiseKl", call_noise_kl}, {"noiseQuality", call_noise_quality},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, (void *)statistics, &function) != napi_ok
        || napi_set_named_property(env, exports, functions[i].name, function) != napi_ok) return NULL;
  }
  return exports;
}
