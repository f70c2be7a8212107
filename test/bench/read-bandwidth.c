/* For each line "THREADS BYTES MILLISECONDS" of its input, reads a buffer of so many bytes over and over and prints gigabytes a second.
 * Each thread has its own share of the buffer and sums it, eight accumulators wide, which no kernel that reads weights once can beat. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { WIDE = 64, MOST = 1024, HUGE = 2 << 20 };

static size_t words;
static double least_seconds;
static pthread_barrier_t together;

struct share { uint64_t *from; double bytes_per_second; uint64_t sum; };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t pass(const uint64_t *from) {
  uint64_t sums[WIDE] = {0}, sum = 0;
  for (size_t i = 0; i < words; i += WIDE)
    for (int j = 0; j < WIDE; j++) sums[j] += from[i + j];
  for (int j = 0; j < WIDE; j++) sum += sums[j];
  return sum;
}

static void *reader(void *argument) {
  struct share *own = argument;
  own->sum += pass(own->from);
  pthread_barrier_wait(&together);
  double from = now(), lasted;
  size_t passes = 0;
  do {
    own->sum += pass(own->from);
    passes++;
    lasted = now() - from;
  } while (lasted < least_seconds);
  own->bytes_per_second = (double)passes * (double)(words * sizeof *own->from) / lasted;
  return NULL;
}

/* The buffer grows and is never given back: touching its pages anew would take longer than reading it. */
static char *buffer_of(size_t bytes) {
  static char *buffer;
  static size_t held;
  if (bytes <= held) return buffer;
  free(buffer);
  held = (bytes + HUGE - 1) / HUGE * HUGE;
  void *memory;
  if (posix_memalign(&memory, HUGE, held) != 0) exit(1);
#ifdef MADV_HUGEPAGE
  madvise(memory, held, MADV_HUGEPAGE);
#endif
  buffer = memory;
  memset(buffer, 1, held);
  return buffer;
}

int main(void) {
  int threads;
  double bytes, milliseconds;
  while (scanf("%d %lf %lf", &threads, &bytes, &milliseconds) == 3) {
    if (threads < 1 || threads > MOST) return 2;
    least_seconds = milliseconds / 1000;
    words = ((size_t)bytes / (size_t)threads / sizeof(uint64_t) + WIDE - 1) / WIDE * WIDE;
    if (words == 0) words = WIDE;
    uint64_t *buffer = (uint64_t *)buffer_of((size_t)threads * words * sizeof *buffer);
    pthread_t running[MOST];
    static struct share shares[MOST];
    pthread_barrier_init(&together, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
      shares[i].from = buffer + (size_t)i * words;
      if (pthread_create(&running[i], NULL, reader, &shares[i]) != 0) return 1;
    }
    double rate = 0;
    uint64_t sum = 0;
    for (int i = 0; i < threads; i++) {
      pthread_join(running[i], NULL);
      rate += shares[i].bytes_per_second;
      sum += shares[i].sum;
    }
    pthread_barrier_destroy(&together);
    /* The sum is printed so that no compiler leaves the reading out. */
    printf("%.4f %llu\n", rate / 1e9, (unsigned long long)sum);
    fflush(stdout);
  }
  return 0;
}
