#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "pool.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

struct bw_refusals { atomic_ullong first; };

struct round { atomic_int done; int32_t total; };

/* Numbers of one thread begin a line of their own. */
enum { LINE_INTS = 16 };

struct bw_run {
  atomic_int references;
  int32_t ops, rounds, threads;
  uint64_t serial;
  const struct bw_kernels *kernels;
  struct bw_scratch *scratch;
  struct bw_refusals refusals;
  /* [thread][op]: how many chunks of a thread's share are taken. */
  atomic_int *taken;
  int32_t taken_stride;
  struct round *round;
  struct bw_op op[];
};

/* Smallest (op, row) with its count: 16, 24 and 24 bits. */
void bw_refuse(struct bw_refusals *refusals, int32_t op, int32_t row, int32_t count) {
  unsigned long long mine = (unsigned long long)op << 48 | (unsigned long long)(row & 0xffffff) << 24 | (unsigned long long)(count & 0xffffff);
  unsigned long long first = atomic_load(&refusals->first);
  while (mine < first && !atomic_compare_exchange_weak(&refusals->first, &first, mine)) {}
}

struct bw_run *bw_run_new(int32_t ops, int32_t threads) {
  size_t stride = ((size_t)ops + LINE_INTS - 1) / LINE_INTS * LINE_INTS;
  size_t before = (sizeof(struct bw_run) + (size_t)ops * (sizeof(struct bw_op) + sizeof(struct round)) + 63) / 64 * 64;
  size_t bytes = before + (size_t)threads * stride * sizeof(atomic_int);
  struct bw_run *run = aligned_alloc(LINE_INTS * sizeof(atomic_int), bytes);
  if (run == NULL) return NULL;
  memset(run, 0, bytes);
  run->ops = ops;
  run->threads = threads;
  run->round = (struct round *)(run->op + ops);
  run->taken = (atomic_int *)((uint8_t *)run + before);
  run->taken_stride = (int32_t)stride;
  atomic_init(&run->references, 1);
  atomic_init(&run->refusals.first, ~0ull);
  return run;
}

struct bw_op *bw_run_ops(struct bw_run *run) { return run->op; }

void bw_run_free(struct bw_run *run) {
  if (atomic_fetch_sub(&run->references, 1) == 1) free(run);
}

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Before a wait gives its processor to others: some microseconds of pauses. */
enum { PAUSES = 4000 };

/* The law's fp32: nearest even, denormals kept. Whoever loaded a library before may have set another. */
static inline uint64_t lawful_arithmetic(void) {
#if defined(__x86_64__)
  uint64_t before = _mm_getcsr();
  _mm_setcsr(0x1f80);
  return before;
#elif defined(__aarch64__)
  uint64_t before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
  return before;
#else
  return 0;
#endif
}

static inline void restore_arithmetic(uint64_t before) {
#if defined(__x86_64__)
  _mm_setcsr((unsigned)before);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
  (void)before;
#endif
}

static void wait_for(struct round *round) {
  for (int pauses = 0; atomic_load_explicit(&round->done, memory_order_acquire) < round->total; pauses++) {
    pause_briefly();
    if (pauses >= PAUSES) sched_yield();
  }
}

/* The first chunk of a thread's share. One chunk belongs to the caller. */
static inline int32_t share_from(const struct bw_op *op, int32_t thread, int32_t threads) { return (int32_t)(((int64_t)op->chunks * thread + threads - 1) / threads); }

/*
 * Does what is left of the share of thread `owner`; how many chunks. Of its own share a thread takes half of what is left, of another's a quarter: few takings, since the addition
 * waits until all that was written before has left the processor, and small ones at the end, so that all threads end together.
 */
static int32_t work_share(struct bw_run *run, int32_t i, int32_t owner, int32_t thread) {
  const struct bw_op *op = &run->op[i];
  const int32_t first = share_from(op, owner, run->threads), count = share_from(op, owner + 1, run->threads) - first;
  const int32_t per_block = (op->units + op->grain - 1) / op->grain, part = owner == thread ? 2 : 4;
  atomic_int *taken = &run->taken[(size_t)owner * run->taken_stride + i];
  int32_t done = 0;
  for (int32_t left; (left = count - atomic_load_explicit(taken, memory_order_relaxed)) > 0; ) {
    const int32_t most = (left + part - 1) / part, own = atomic_fetch_add_explicit(taken, most, memory_order_acq_rel);
    if (own >= count) break;
    const int32_t from = first + own, to = from + (own + most < count ? most : count - own);
    for (int32_t chunk = from, next; chunk < to; chunk = next) {
      const int32_t block = chunk / per_block, begin = block * per_block;
      next = begin + per_block < to ? begin + per_block : to;
      const int32_t end = (next - begin) * op->grain;
      run->kernels->execute(op, i, block * op->row_block, (chunk - begin) * op->grain, end < op->units ? end : op->units, run->serial, &run->scratch[thread], &run->refusals);
    }
    done += to - from;
  }
  return done;
}

/*
 * Takes chunks until there are none. A thread's own share comes first: its counter is on a line of its own, and its weights are one stretch of memory, the
 * same in each run. Then it takes from the others' shares what they have not begun. On return all of the last round's chunks are taken, not all done.
 */
static void work(struct bw_run *run, int32_t thread) {
  uint64_t before = lawful_arithmetic();
  for (int32_t i = 0, next; i < run->ops; i = next) {
    const int32_t current = run->op[i].round;
    int32_t done = 0;
    for (next = i; next < run->ops && run->op[next].round == current; next++) done += work_share(run, next, thread, thread);
    for (int32_t other = 1; other < run->threads; other++) {
      for (int32_t op = i; op < next; op++) done += work_share(run, op, (thread + other) % run->threads, thread);
    }
    if (done > 0) atomic_fetch_add_explicit(&run->round[current].done, done, memory_order_release);
    if (next < run->ops) wait_for(&run->round[current]);
  }
  restore_arithmetic(before);
}

/* The helpers of this process, made when they are first wanted. */
static struct {
  pthread_mutex_t mutex;
  pthread_cond_t published;
  struct bw_run *current;
  atomic_uint sequence;
  int32_t helpers, asleep;
} pool = { .mutex = PTHREAD_MUTEX_INITIALIZER, .published = PTHREAD_COND_INITIALIZER };

/* How long a helper looks out for the next program before it sleeps: the host's work between two tokens. */
enum { LOOKOUT_NS = 200000 };

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *help(void *argument) {
  int32_t thread = (int32_t)(intptr_t)argument;
  unsigned seen = 0;
  for (;;) {
    int64_t until = now_ns() + LOOKOUT_NS;
    for (int pauses = 1; atomic_load(&pool.sequence) == seen; pauses++) {
      pause_briefly();
      if (pauses % 64 != 0) continue;
      sched_yield();
      if (now_ns() > until) break;
    }
    pthread_mutex_lock(&pool.mutex);
    while (atomic_load(&pool.sequence) == seen) {
      pool.asleep++;
      pthread_cond_wait(&pool.published, &pool.mutex);
      pool.asleep--;
    }
    seen = atomic_load(&pool.sequence);
    struct bw_run *run = pool.current;
    if (run != NULL && thread < run->threads) atomic_fetch_add(&run->references, 1);
    else run = NULL;
    pthread_mutex_unlock(&pool.mutex);
    if (run == NULL) continue;
    work(run, thread);
    bw_run_free(run);
  }
  return NULL;
}

/* Call with the mutex held. A thread that cannot be made is done without. */
static void want_helpers(int32_t count) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  while (pool.helpers < count && pthread_create(&thread, &attributes, help, (void *)(intptr_t)(pool.helpers + 1)) == 0) pool.helpers++;
  pthread_attr_destroy(&attributes);
}

int64_t bw_run(struct bw_run *run, const struct bw_kernels *kernels, struct bw_scratch *scratch) {
  static atomic_ullong serials = 1;
  const int32_t threads = run->threads;
  run->kernels = kernels;
  run->scratch = scratch;
  run->serial = atomic_fetch_add(&serials, 1);
  for (int32_t i = 0; i < run->ops; i++) run->round[run->op[i].round].total += run->op[i].chunks;
  run->rounds = run->ops == 0 ? 0 : run->op[run->ops - 1].round + 1;

  int published = 0;
  if (threads > 1) {
    pthread_mutex_lock(&pool.mutex);
    if (pool.current == NULL) {
      want_helpers(threads - 1);
      pool.current = run;
      published = 1;
      atomic_fetch_add(&pool.sequence, 1);
      if (pool.asleep > 0) pthread_cond_broadcast(&pool.published);
    }
    pthread_mutex_unlock(&pool.mutex);
  }
  work(run, 0);
  if (run->rounds > 0) wait_for(&run->round[run->rounds - 1]);
  if (published) {
    pthread_mutex_lock(&pool.mutex);
    pool.current = NULL;
    pthread_mutex_unlock(&pool.mutex);
  }
  unsigned long long first = atomic_load(&run->refusals.first);
  bw_run_free(run);
  return first == ~0ull ? -1 : (int64_t)((first >> 48) << 32 | (first & 0xffffff));
}
