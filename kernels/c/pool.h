/*
 * Threads that help to run a program.
 *
 * A program's ops are cut into chunks. Each thread has a share of them and a counter, from which others take what it has not begun. Whoever calls runs the whole program itself; helpers only make it
 * faster, and nobody ever waits for a thread, only for chunks that one has taken. So a helper that sleeps, that the system runs late or that another
 * caller keeps costs speed and nothing else, and two callers at once are safe: the second runs alone.
 */
#ifndef BW_POOL_H
#define BW_POOL_H
#include <stdint.h>
#include "bitwidth.h"

enum { BW_MAX_THREADS = 64 };

/* One run of a program. `ops` are set by the caller, with their rounds ascending from 0; bw_run() does the rest. */
struct bw_run;

/* Room for so many ops and up to so many threads, null without memory. */
struct bw_run *bw_run_new(int32_t ops, int32_t threads);
struct bw_op *bw_run_ops(struct bw_run *run);

/* Runs it, each thread with its scratch, and lets go of it. The first refusal as op << 32 | count, or -1. */
int64_t bw_run(struct bw_run *run, const struct bw_kernels *kernels, struct bw_scratch *scratch);
/* Lets go of a run that was not run. */
void bw_run_free(struct bw_run *run);
#endif
