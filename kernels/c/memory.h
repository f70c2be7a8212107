/* Memory in whole lines, zeroed; large pieces on large pages where the system has them. */
#ifndef BW_MEMORY_H
#define BW_MEMORY_H
#include <stddef.h>

/* Bytes that bw_take(bytes) holds. */
static inline size_t bw_held(size_t bytes) { return (bytes + 63) / 64 * 64; }
/* Null when there is none. */
void *bw_take(size_t bytes);
/* The same, for what is read again and again and given back late: a middling piece shares large pages with others, and its place is free when those
   are given back too. */
void *bw_take_beside(size_t bytes);
/* What either gave. */
void bw_give(void *memory);
#endif
