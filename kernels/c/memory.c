#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "memory.h"
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* MAP_BYTES: whole pages of every system. Streaming gigabytes through pages of 4 KB spends a tenth of the time on looking pages up, and more where
   pieces are small. */
enum { LARGE_PAGE = 2 << 20, MAP_BYTES = 64 << 10, LEAST_BESIDE = 16 << 10, SHELF_BYTES = 16 << 20 };

/* Memory from the system itself: what an allocator hands out anew lies on the small pages on which it was used before. One large piece, or several
   middling ones; `used` only grows, and a shelf goes when its last piece does. */
struct shelf { struct shelf *next; uint8_t *memory; size_t bytes, used; int pieces; };

static struct shelf *shelves;
static pthread_mutex_t shelves_mutex = PTHREAD_MUTEX_INITIALIZER;

/* `bytes` at a large page; null without memory. */
static void *map(size_t bytes) {
  uint8_t *all = mmap(NULL, bytes + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return NULL;
  size_t before = (LARGE_PAGE - (uintptr_t)all % LARGE_PAGE) % LARGE_PAGE;
  if (before > 0) munmap(all, before);
  munmap(all + before + bytes, LARGE_PAGE - before);
#ifdef MADV_HUGEPAGE
  madvise(all + before, bytes, MADV_HUGEPAGE);
#endif
  return all + before;
}

/* A large piece's own shelf, or a middling one's place on one that has room. Not yet zeroed; null without memory. */
static void *shelve(size_t held) {
  const int alone = held >= 2 * LARGE_PAGE;
  const size_t bytes = alone ? (held + MAP_BYTES - 1) / MAP_BYTES * MAP_BYTES : SHELF_BYTES;
  pthread_mutex_lock(&shelves_mutex);
  struct shelf *shelf = alone ? NULL : shelves;
  while (shelf && held > shelf->bytes - shelf->used) shelf = shelf->next;
  if (shelf == NULL && (shelf = calloc(1, sizeof *shelf)) != NULL) {
    *shelf = (struct shelf){ .next = shelves, .memory = map(bytes), .bytes = bytes };
    if (shelf->memory) shelves = shelf;
    else {
      free(shelf);
      shelf = NULL;
    }
  }
  void *memory = NULL;
  if (shelf) {
    memory = shelf->memory + shelf->used;
    shelf->used += alone ? bytes : held;
    shelf->pieces++;
  }
  pthread_mutex_unlock(&shelves_mutex);
  return memory;
}

static void *take(size_t bytes, size_t least_shelved) {
  size_t held = bw_held(bytes ? bytes : 1);
  void *memory = NULL;
  if (held < bytes || held > SIZE_MAX - 2 * LARGE_PAGE) return NULL;
#ifdef __SANITIZE_ADDRESS__
  /* It watches the ends of what an allocator gives. */
  least_shelved = SIZE_MAX;
#endif
  if (held < least_shelved) {
    if (posix_memalign(&memory, 64, held) != 0) return NULL;
  } else {
    memory = shelve(held);
    if (memory == NULL) return NULL;
  }
  memset(memory, 0, held);
  return memory;
}

void *bw_take(size_t bytes) { return take(bytes, 2 * LARGE_PAGE); }

void *bw_take_beside(size_t bytes) { return take(bytes, LEAST_BESIDE); }

void bw_give(void *memory) {
  if (memory == NULL) return;
  pthread_mutex_lock(&shelves_mutex);
  struct shelf **link = &shelves;
  while (*link && ((uint8_t *)memory < (*link)->memory || (uint8_t *)memory >= (*link)->memory + (*link)->bytes)) link = &(*link)->next;
  struct shelf *shelf = *link;
  const int last = shelf && --shelf->pieces == 0;
  if (last) *link = shelf->next;
  pthread_mutex_unlock(&shelves_mutex);
  if (shelf == NULL) free(memory);
  if (!last) return;
  munmap(shelf->memory, shelf->bytes);
  free(shelf);
}
