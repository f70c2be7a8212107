/*
 * Runs recorded programs (recording.ts) on the native library without Node, so that emulators, sanitizers and valgrind can watch it:
 *
 *   replay FILE INSTRUCTION_SET THREADS CALLERS         every result must have the recorded bits; CALLERS threads do all of it at once
 *   replay FILE INSTRUCTION_SET fuzz COUNT SEED         each program COUNT times with words changed: refused or run, and no harm done
 *
 * Before a program runs, the processor is set to flush denormals and to round towards zero, as a careless library may have left it.
 * Ends with 0, 1 where bits differ, 2 where it was called or the file was written wrongly, 3 where the processor lacks the instruction set.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "bitwidth.h"
#include "device.h"
#include "program.h"

/* A command is its tag, then integers, then arrays; all in 32-bit words, an array with its length in bytes before it. As in recording.ts. */
enum tag { OPEN = 1, CLOSE, FP32, BITS16, TABLE4, INT8, VECTOR, ROTARY, CACHE, FREE_CACHE, RUN, FLOATS, INTEGERS, MEMORY };

static struct { int32_t *words; size_t count; const struct bw_kernels *kernels; int threads; long fuzz; uint32_t seed; } job;
static atomic_int failed;
static atomic_long programs, values, refused;

struct reader { const int32_t *at, *end; const char *name; };

static void give_up(const char *why) {
  fprintf(stderr, "replay: %s\n", why);
  exit(2);
}

static int32_t integer(struct reader *r) {
  if (r->at >= r->end) give_up("the recording ends within a command");
  return *r->at++;
}

/* Copied, so that a sanitizer sees a read beyond its end. */
static void *array(struct reader *r) {
  int32_t bytes = integer(r);
  size_t words = ((size_t)bytes + 3) / 4;
  if (bytes < 0 || words > (size_t)(r->end - r->at)) give_up("the recording ends within an array");
  void *copy = malloc(bytes ? (size_t)bytes : 1);
  if (copy == NULL) give_up("there is not enough memory");
  memcpy(copy, r->at, (size_t)bytes);
  r->at += words;
  return copy;
}

static void different(const struct reader *r, const char *what, long at, uint32_t actual, uint32_t expected) {
  if (atomic_exchange(&failed, 1) == 0) fprintf(stderr, "replay: %s: %s %ld is %08x, not %08x (%s, %d threads)\n", r->name, what, at, actual, expected, job.kernels->name, job.threads);
}

static int is_nan(uint32_t bits) { return (bits & 0x7fffffffu) > 0x7f800000u; }

static void careless_arithmetic(void) {
#if defined(__x86_64__)
  _mm_setcsr(0xffc0);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0x1c00000));
#endif
}

static void usual_arithmetic(void) {
#if defined(__x86_64__)
  _mm_setcsr(0x1f80);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
#endif
}

static uint32_t next(uint32_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 17;
  return *seed ^= *seed << 5;
}

static void change(int32_t *words, int32_t count, uint32_t *seed) {
  if (count == 0) return;
  static const int32_t odd[] = { 0, -1, 1, 2, 16, 64, 65535, INT32_MAX, INT32_MIN, INT32_MAX - 62, 1 << 30, 0x7f800000, 0x7fc00000 };
  int32_t *word = &words[next(seed) % (uint32_t)count];
  switch (next(seed) % 6) {
    case 0: *word = (int32_t)next(seed); break;
    case 1: *word = odd[next(seed) % (sizeof odd / sizeof *odd)]; break;
    case 2: *word = (int32_t)((uint32_t)*word + 1); break;
    case 3: *word = (int32_t)((uint32_t)*word - 1); break;
    case 4: *word = (int32_t)((uint32_t)*word * 2); break;
    default: *word = words[next(seed) % (uint32_t)count];
  }
}

/* Threads are one here: a program whose ops overlap has no order among threads. */
static void run_changed(struct bw_device *device, const int32_t *words, int32_t ops, const int32_t *lists, int32_t length, int32_t lines, uint32_t *seed) {
  size_t word_bytes = (size_t)ops * BW_WORDS * 4, list_bytes = (size_t)length * 4;
  int32_t *changed = malloc(word_bytes + 1), *changed_lists = malloc(list_bytes + 1);
  if (changed == NULL || changed_lists == NULL) give_up("there is not enough memory");
  for (long time = 0; time < job.fuzz; time++) {
    memcpy(changed, words, word_bytes);
    memcpy(changed_lists, lists, list_bytes);
    for (uint32_t changes = 1 + next(seed) % 3; changes > 0; changes--) {
      if (next(seed) % 4) change(changed, ops * BW_WORDS, seed);
      else change(changed_lists, length, seed);
    }
    int32_t fewer = next(seed) % 8 ? 0 : (int32_t)(next(seed) % 4);
    int32_t shorter = next(seed) % 8 ? 0 : (int32_t)(next(seed) % 4);
    int64_t end = bw_device_run(device, changed, ops, changed_lists, shorter < length ? length - shorter : 0, fewer < lines ? lines - fewer : 0);
    atomic_fetch_add(&programs, 1);
    if (end == BW_BAD_PROGRAM) atomic_fetch_add(&refused, 1);
    else if (end < BW_OK) give_up("a changed program ran out of memory");
  }
  free(changed);
  free(changed_lists);
}

static int32_t make(struct reader *r, struct bw_device *device, enum tag tag) {
  int32_t a[5], handle;
  int integers = tag == TABLE4 ? 4 : tag == CACHE ? 5 : tag == VECTOR ? 1 : tag == INT8 || tag == ROTARY ? 2 : 3;
  int arrays = tag == TABLE4 ? 3 : tag == CACHE ? 0 : tag == INT8 || tag == ROTARY ? 2 : 1;
  void *data[3] = { NULL, NULL, NULL };
  for (int i = 0; i < integers; i++) a[i] = integer(r);
  for (int i = 0; i < arrays; i++) data[i] = array(r);
  switch (tag) {
    case FP32: handle = bw_device_fp32(device, data[0], a[0], a[1], a[2]); break;
    case BITS16: handle = bw_device_16(device, a[2] ? BW_BF16 : BW_FP16, data[0], a[0], a[1]); break;
    case TABLE4: handle = bw_device_table4(device, data[0], data[1], data[2], a[2], a[0], a[1], a[3]); break;
    case INT8: handle = bw_device_int8(device, data[0], data[1], a[0], a[1]); break;
    case VECTOR: handle = bw_device_vector(device, data[0], a[0]); break;
    case ROTARY: handle = bw_device_rotary(device, data[0], data[1], a[0], a[1]); break;
    default: handle = bw_device_cache(device, a[0], a[1], a[2], a[3], a[4]);
  }
  for (int i = 0; i < arrays; i++) free(data[i]);
  return handle;
}

static void run(struct reader *r, struct bw_device *device, uint32_t *seed) {
  int32_t ops = integer(r), length = integer(r), lines = integer(r), refused_op = integer(r), refused_count = integer(r);
  int32_t *words = array(r), *lists = array(r);
  careless_arithmetic();
  int64_t end = bw_device_run(device, words, ops, lists, length, lines), expected = refused_op < 0 ? BW_OK : (int64_t)refused_op << 32 | refused_count;
  usual_arithmetic();
  if (job.fuzz) run_changed(device, words, ops, lists, length, lines, seed);
  else {
    atomic_fetch_add(&programs, 1);
    if (end != expected) different(r, "the end of program", atomic_load(&programs), (uint32_t)end, (uint32_t)expected);
  }
  free(words);
  free(lists);
}

static void floats(struct reader *r, struct bw_device *device) {
  int32_t line = integer(r), rows = integer(r), cols = integer(r), not_finite = integer(r);
  uint32_t *expected = array(r);
  int32_t stride = bw_stride(cols);
  const float *actual = bw_device_lines(device, line, (int64_t)rows * stride / 16);
  if (actual == NULL) give_up("there are no such lines");
  if (!job.fuzz) {
    for (int32_t row = 0; row < rows; row++) {
      for (int32_t col = 0; col < stride; col++) {
        uint32_t bits, wanted = col < cols ? expected[row * cols + col] : 0;
        memcpy(&bits, &actual[row * stride + col], 4);
        if (bits != wanted && !(is_nan(bits) && is_nan(wanted)) && !(not_finite && col >= cols)) different(r, "element", (long)row * stride + col, bits, wanted);
      }
    }
    int64_t count = bw_device_kernels(device)->count_not_finite(actual, rows, cols, stride);
    if (count != not_finite) different(r, "the number of values not finite,", 0, (uint32_t)count, (uint32_t)not_finite);
    atomic_fetch_add(&values, (long)rows * cols);
  }
  free(expected);
}

static void integers(struct reader *r, struct bw_device *device) {
  int32_t line = integer(r), count = integer(r);
  int32_t *expected = array(r);
  const int32_t *actual = (const int32_t *)bw_device_lines(device, line, (count + 15) / 16);
  if (actual == NULL) give_up("there are no such lines");
  for (int32_t i = 0; i < count && !job.fuzz; i++) if (actual[i] != expected[i]) different(r, "token", i, (uint32_t)actual[i], (uint32_t)expected[i]);
  free(expected);
}

static void *replay(void *argument) {
  struct reader r = { job.words, job.words + job.count, "" };
  struct bw_device *device = NULL;
  uint32_t seed = job.seed ? job.seed : 1;
  char *name = NULL;
  (void)argument;
  while (r.at < r.end) {
    enum tag tag = (enum tag)integer(&r);
    if (tag != OPEN && device == NULL) give_up("a command comes before any device");
    switch (tag) {
      case OPEN:
        free(name);
        r.name = name = array(&r);
        device = bw_device_new(job.kernels, job.threads);
        if (device == NULL) give_up("there is not enough memory");
        break;
      case CLOSE:
        bw_device_free(device);
        device = NULL;
        break;
      case FP32: case BITS16: case TABLE4: case INT8: case VECTOR: case ROTARY: case CACHE: {
        int32_t handle = make(&r, device, tag), expected = integer(&r);
        if (handle != expected) different(&r, "handle", expected, (uint32_t)handle, (uint32_t)expected);
        break;
      }
      case FREE_CACHE: if (bw_device_free_cache(device, integer(&r)) != 0) give_up("a cache cannot be given back"); break;
      case RUN: run(&r, device, &seed); break;
      case FLOATS: floats(&r, device); break;
      case INTEGERS: integers(&r, device); break;
      case MEMORY: {
        size_t bytes[BW_PURPOSES];
        bw_device_memory(device, bytes);
        /* The workspace holds a thread's scratch as often as there are threads. */
        for (int i = 0; i < BW_PURPOSES; i++) {
          int32_t expected = integer(&r);
          if (i != BW_WORKSPACE && bytes[i] != (size_t)expected) different(&r, "memory for purpose", i, (uint32_t)bytes[i], (uint32_t)expected);
        }
        break;
      }
      default: give_up("the recording has an unknown command");
    }
  }
  bw_device_free(device);
  free(name);
  return NULL;
}

static void load(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) give_up("the recording cannot be read");
  long bytes = ftell(file);
  rewind(file);
  job.count = (size_t)bytes / 4;
  job.words = malloc((size_t)bytes + 1);
  if (job.words == NULL || fread(job.words, 4, job.count, file) != job.count) give_up("the recording cannot be read");
  fclose(file);
}

int main(int count, char **argument) {
  if (count != 5 && count != 6) give_up("FILE INSTRUCTION_SET THREADS CALLERS, or FILE INSTRUCTION_SET fuzz COUNT SEED");
  for (const struct bw_instruction_set *set = bw_instruction_sets; set->kernels != NULL; set++) {
    if (strcmp(set->kernels->name, argument[2]) == 0 && set->supported()) job.kernels = set->kernels;
  }
  if (job.kernels == NULL) return 3;
  load(argument[1]);
  int callers = 1;
  job.threads = 1;
  if (count == 6) {
    job.fuzz = atol(argument[4]);
    job.seed = (uint32_t)strtoul(argument[5], NULL, 10);
  } else {
    job.threads = atoi(argument[3]);
    callers = atoi(argument[4]);
  }
  if (callers < 1 || callers > 16) give_up("there are 1 to 16 callers");
  pthread_t caller[16];
  for (int i = 1; i < callers; i++) if (pthread_create(&caller[i], NULL, replay, NULL) != 0) give_up("no thread can be made");
  replay(NULL);
  for (int i = 1; i < callers; i++) pthread_join(caller[i], NULL);
  free(job.words);
  if (job.fuzz) printf("%ld changed programs, %ld refused\n", atomic_load(&programs), atomic_load(&refused));
  else printf("%ld programs, %ld values\n", atomic_load(&programs), atomic_load(&values));
  return atomic_load(&failed);
}
