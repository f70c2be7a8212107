#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "memory.h"
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LARGE_PAGE = 2 << 20, LEAST_BESIDE = 16 << 10, SHELF_BYTES = 16 << 20 };

/* Large pages that several pieces lie on. `used` only grows: a shelf goes when its last piece does. */
struct shelf { struct shelf *next; uint8_t *memory; size_t used; int pieces; };

static struct shelf *shelves;
static pthread_mutex_t shelves_mutex = PTHREAD_MUTEX_INITIALIZER;

void *bw_take(size_t bytes) {
  size_t held = bw_held(bytes ? bytes : 1), alignment = held >= 2 * LARGE_PAGE ? LARGE_PAGE : 64;
  void *memory = NULL;
  if (held < bytes || posix_memalign(&memory, alignment, held) != 0) return NULL;
#ifdef MADV_HUGEPAGE
  /* Streaming gigabytes through pages of 4 KB spends a tenth of the time on looking pages up. */
  if (alignment == LARGE_PAGE) madvise(memory, held, MADV_HUGEPAGE);
#endif
  memset(memory, 0, held);
  return memory;
}

/* The shelf that pieces are added to, with room for so many bytes; null without memory. */
static struct shelf *shelf_for(size_t held) {
  if (shelves && held <= SHELF_BYTES - shelves->used) return shelves;
  struct shelf *shelf = calloc(1, sizeof *shelf);
  void *memory = NULL;
  if (shelf == NULL || posix_memalign(&memory, LARGE_PAGE, SHELF_BYTES) != 0) {
    free(shelf);
    return NULL;
  }
#ifdef MADV_HUGEPAGE
  madvise(memory, SHELF_BYTES, MADV_HUGEPAGE);
#endif
  *shelf = (struct shelf){ .next = shelves, .memory = memory };
  return shelves = shelf;
}

/* A model of 135 million 4-bit weights decodes a fifth faster so: its weights are of some hundred KB each. Where a sanitizer watches the ends of
   pieces, each is by itself. */
void *bw_take_beside(size_t bytes) {
  size_t held = bw_held(bytes);
#ifdef __SANITIZE_ADDRESS__
  const int apart = 1;
#else
  const int apart = held < bytes || held < LEAST_BESIDE || held >= 2 * LARGE_PAGE;
#endif
  if (apart) return bw_take(bytes);
  pthread_mutex_lock(&shelves_mutex);
  struct shelf *shelf = shelf_for(held);
  void *memory = NULL;
  if (shelf) {
    memory = shelf->memory + shelf->used;
    shelf->used += held;
    shelf->pieces++;
  }
  pthread_mutex_unlock(&shelves_mutex);
  return memory ? memset(memory, 0, held) : NULL;
}

void bw_give(void *memory) {
  if (memory == NULL) return;
  pthread_mutex_lock(&shelves_mutex);
  struct shelf **link = &shelves;
  while (*link && ((uint8_t *)memory < (*link)->memory || (uint8_t *)memory >= (*link)->memory + SHELF_BYTES)) link = &(*link)->next;
  struct shelf *shelf = *link, *emptied = NULL;
  if (shelf && --shelf->pieces == 0) {
    *link = shelf->next;
    emptied = shelf;
  }
  pthread_mutex_unlock(&shelves_mutex);
  if (shelf == NULL) free(memory);
  if (emptied) {
    free(emptied->memory);
    free(emptied);
  }
}
