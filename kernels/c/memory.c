#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LARGE_PAGE = 2 << 20 };

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

void bw_give(void *memory) { free(memory); }
