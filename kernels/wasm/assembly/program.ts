/**
 * Runs a recorded program (kernels/engines/program.ts), alone or with helpers: other threads that have the same memory.
 *
 * Ops of one round, from one wait to the next, may run at the same time. A round has two phases, what comes first for its products and
 * the ops themselves; the work of a phase is cut into chunks of whole output elements, so that results do not depend on who computes
 * them. A phase of one chunk is computed at once. Otherwise chunks are taken from a ticket, and the phase ends when all are done.
 *
 * Nobody waits for a helper that has taken nothing: one that never came or is gone only leaves more work to the others. When a taken
 * chunk is not done for seconds, runProgram() gives up (LOST); the host then runs the program again, alone and elsewhere in memory,
 * because the missing helper may only be very late. Hence only the main thread writes what outlives the program, the caches.
 */
import { beyondOf, quantizedBytes } from './int8';
import { compute, costOf, prepare, preparedBytes, scratchBytes, sharesRows, unitsOf } from './ops';
import { blocksIn, codeOf, colsOf, handleOf, LINE_SHIFT, LINEAR, OP_BYTES, outOf, REMEMBER, rowsOf, strideOf, argument, waits } from './words';
import { INT8, kindOf } from './weights';

// What all threads share, in the first page, each word that several write in a line of its own.
/** Phase (32 bits), chunks of the phase (16 bits), next chunk to be taken (16 bits). One word, so that who takes a chunk knows its phase is not over. */
const TICKET: usize = 64;
/** Chunks of the phase that are done. */
const DONE: usize = 128;
/** 1: the main thread sleeps until DONE changes. */
const MAIN_SLEEPS: usize = 192;
/** Counts phases and the end of all: helpers sleep on it. */
const WAKE: usize = 256;
const SLEEPERS: usize = 320;
const STOPPED: usize = 384;
// Written by the main thread while no phase runs.
const WORDS_AT: usize = 448;
const LISTS_AT: usize = 452;
const WORKSPACE_AT: usize = 456;
const PLANS_AT: usize = 460;
const SCRATCH_AT: usize = 464;
const SCRATCH_BYTES: usize = 468;
const ROUND_FIRST: usize = 472;
const IS_PREPARING: usize = 476;
const REFUSED_COUNT: usize = 480;

/** What the main thread decides for an op when its round begins. */
const PLAN_SHIFT: usize = 4;
// @ts-ignore: decorator
@inline
function planOf(index: i32): usize { return load<usize>(PLANS_AT) + (<usize>index << PLAN_SHIFT); }
// Words of a plan: where the prepared rows are; chunks of the preparation (0: rows that another op shares) and of the op.
const PREPARED: usize = 0;
const PREPARING_CHUNKS: usize = 4;
const CHUNKS: usize = 8;

/** Work in multiply-adds that is worth a chunk of its own: some 5 microseconds. */
const CHUNK_COST: i64 = 1 << 16;
/** Most chunks of an op for each thread: more than one, so that who is late holds up less. */
const CHUNKS_PER_THREAD: i64 = 4;
/** Work that is cut even so, some 5 milliseconds, because a chunk of seconds would look lost; and most chunks of an op. */
const LARGE_COST: i64 = 1 << 26;
const MOST_CHUNKS: i64 = 256;
/** Most ops of a round, so that a ticket holds all their chunks. */
const MOST_OPS: i32 = 128;

/** Looks at a word before sleeping: some 10 microseconds. */
const SPINS: i32 = 10000;
/** A sleep of the main thread, in nanoseconds, and how many of them without progress it takes to give up: 4 seconds. */
const NAP: i64 = 10_000_000;
const NAPS: i32 = 400;

/** Answers of runProgram(). */
const FINISHED: i32 = -1;
const LOST: i32 = -2;

// @ts-ignore: decorator
@inline
function opAt(index: i32): usize { return load<usize>(WORDS_AT) + <usize>index * OP_BYTES; }

/** First op of the round after the one that begins at `first`. A long round is cut: a wait more harms nothing. */
function endOfRound(words: usize, first: i32, ops: i32): i32 {
  let end = first + 1;
  while (end < ops && end - first < MOST_OPS && !waits(words + <usize>end * OP_BYTES)) end++;
  return end;
}

/** The op of this round, from `first` to `index`, that prepares the same rows: `index` itself when no earlier one does. */
function preparerOf(words: usize, first: i32, index: i32): i32 {
  const op = words + <usize>index * OP_BYTES;
  for (let other = first; other < index; other++) {
    const earlier = words + <usize>other * OP_BYTES;
    if (codeOf(earlier) == LINEAR && sharesRows(earlier, op)) return other;
  }
  return index;
}

/** Bytes that all prepared rows of a round need, in the round that needs most. */
export function preparedBytesOf(words: usize, ops: i32): usize {
  let most: usize = 0;
  for (let first = 0, end = 0; first < ops; first = end) {
    end = endOfRound(words, first, ops);
    let bytes: usize = 0;
    for (let index = first; index < end; index++) {
      const op = words + <usize>index * OP_BYTES;
      if (codeOf(op) == LINEAR && preparerOf(words, first, index) == index) bytes += preparedBytes(op);
    }
    most = max(most, bytes);
  }
  return most;
}

/** Bytes of scratch that each thread needs. */
export function scratchBytesOf(words: usize, ops: i32): usize {
  let most: usize = 0;
  for (let index = 0; index < ops; index++) most = max(most, scratchBytes(words + <usize>index * OP_BYTES));
  return (most + 63) & ~63;
}

/** Bytes of plans. */
export function planBytesOf(ops: i32): usize { return <usize>ops << PLAN_SHIFT; }

/**
 * Runs all ops. scratch: scratchBytes for each thread. FINISHED; or LOST; or the first op whose activations int8 cannot
 * round, whose results are +0: refusedCount() tells how many.
 */
export function runProgram(
  words: usize, ops: i32, lists: usize, workspace: usize, plans: usize, prepared: usize, scratch: usize, scratchBytes: usize, threads: i32,
): i32 {
  store<usize>(WORDS_AT, words);
  store<usize>(LISTS_AT, lists);
  store<usize>(WORKSPACE_AT, workspace);
  store<usize>(PLANS_AT, plans);
  store<usize>(SCRATCH_AT, scratch);
  store<usize>(SCRATCH_BYTES, scratchBytes);
  let refused = FINISHED;
  for (let first = 0, end = 0; first < ops; first = end) {
    end = endOfRound(words, first, ops);
    planRound(words, lists, first, end, prepared, threads);
    store<i32>(ROUND_FIRST, first);
    if (!runPhase(first, end, PREPARING_CHUNKS)) return LOST;
    refused = refuse(first, end, refused);
    if (!runPhase(first, end, CHUNKS)) return LOST;
  }
  return refused;
}

/** How many activations int8 could not round, in the first row that has any, of the op that runProgram() answered. */
export function refusedCount(): i32 { return load<i32>(REFUSED_COUNT); }

function chunksOf(units: i32, cost: i64, threads: i32): i32 {
  if (threads == 1) return min(units, 1);
  const most = max<i64>(min<i64>(threads * CHUNKS_PER_THREAD, 1 + cost / CHUNK_COST), cost / LARGE_COST);
  return min(units, <i32>min<i64>(most, MOST_CHUNKS));
}

function planRound(words: usize, lists: usize, first: i32, end: i32, prepared: usize, threads: i32): void {
  for (let index = first; index < end; index++) {
    const op = words + <usize>index * OP_BYTES, plan = planOf(index);
    const code = codeOf(op);
    store<i32>(plan, 0, PREPARING_CHUNKS);
    const units = unitsOf(op);
    store<i32>(plan, units == 0 ? 0 : code == REMEMBER ? 0 : chunksOf(units, costOf(op, lists), threads), CHUNKS);
    if (code == REMEMBER) compute(op, 0, units, 0, lists, load<usize>(WORKSPACE_AT), 0);
    if (code != LINEAR) continue;
    const preparer = preparerOf(words, first, index);
    if (preparer == index) {
      store<usize>(plan, prepared, PREPARED);
      prepared += preparedBytes(op);
      store<i32>(plan, chunksOf(rowsOf(op), <i64>rowsOf(op) * colsOf(op) * 4, threads), PREPARING_CHUNKS);
    } else {
      store<usize>(plan, load<usize>(planOf(preparer), PREPARED), PREPARED);
    }
  }
}

/** Products of int8 with a row that cannot be rounded: their results are +0, and nothing of them is left to do. The first of them, or the earlier one `refused`. */
function refuse(first: i32, end: i32, refused: i32): i32 {
  for (let index = first; index < end; index++) {
    const op = opAt(index);
    if (codeOf(op) != LINEAR || kindOf(handleOf(op)) != INT8) continue;
    const beyond = firstBeyond(load<usize>(planOf(index), PREPARED), rowsOf(op), quantizedBytes(blocksIn(colsOf(op))));
    if (beyond == 0) continue;
    memory.fill(load<usize>(WORKSPACE_AT) + (<usize>outOf(op) << LINE_SHIFT), 0, <usize>rowsOf(op) * strideOf(argument(op, 0)));
    store<i32>(planOf(index), 0, CHUNKS);
    if (refused != FINISHED) continue;
    refused = index;
    store<i32>(REFUSED_COUNT, beyond);
  }
  return refused;
}

/** Count of the first quantized row that has values beyond fp16. */
function firstBeyond(row: usize, rows: i32, bytes: usize): i32 {
  for (let r = 0; r < rows; r++, row += bytes) if (beyondOf(row)) return beyondOf(row);
  return 0;
}

/** Runs chunk `chunk` of the phase that runs. */
function runChunk(chunk: i32, thread: i32): void {
  const kind: usize = load<i32>(IS_PREPARING) ? PREPARING_CHUNKS : CHUNKS;
  let index = load<i32>(ROUND_FIRST);
  for (; chunk >= load<i32>(planOf(index) + kind); index++) chunk -= load<i32>(planOf(index) + kind);
  const op = opAt(index), plan = planOf(index);
  const chunks = load<i32>(plan + kind);
  const units = kind == PREPARING_CHUNKS ? rowsOf(op) : unitsOf(op);
  const from = <i32>(<i64>units * chunk / chunks), to = <i32>(<i64>units * (chunk + 1) / chunks);
  const prepared = load<usize>(plan, PREPARED), workspace = load<usize>(WORKSPACE_AT);
  if (kind == PREPARING_CHUNKS) return prepare(op, from, to, prepared, workspace);
  compute(op, from, to, prepared, load<usize>(LISTS_AT), workspace, load<usize>(SCRATCH_AT) + <usize>thread * load<usize>(SCRATCH_BYTES));
}

/** Runs a phase of the round's ops. False: a helper is lost. */
function runPhase(first: i32, end: i32, kind: usize): bool {
  let chunks = 0, most = 0;
  for (let index = first; index < end; index++) {
    chunks += load<i32>(planOf(index) + kind);
    most = max(most, load<i32>(planOf(index) + kind));
  }
  store<i32>(IS_PREPARING, kind == PREPARING_CHUNKS ? 1 : 0);
  if (most <= 1) {
    for (let chunk = 0; chunk < chunks; chunk++) runChunk(chunk, 0);
    return true;
  }
  atomic.store<i32>(DONE, 0);
  const phase: i64 = (atomic.load<i64>(TICKET) >> 32) + 1;
  atomic.store<i64>(TICKET, phase << 32 | <i64>chunks << 16);
  atomic.add<i32>(WAKE, 1);
  if (atomic.load<i32>(SLEEPERS) > 0) atomic.notify(WAKE, -1);
  takeChunks(0);
  return awaitDone(chunks);
}

/** Computes chunks of the phase until none is left to be taken. */
function takeChunks(thread: i32): void {
  for (;;) {
    const ticket = atomic.load<i64>(TICKET);
    const next = <i32>(ticket & 0xffff);
    if (next >= <i32>((ticket >> 16) & 0xffff)) return;
    if (atomic.cmpxchg<i64>(TICKET, ticket, ticket + 1) != ticket) continue;
    runChunk(next, thread);
    atomic.add<i32>(DONE, 1);
    if (atomic.load<i32>(MAIN_SLEEPS)) atomic.notify(DONE, 1);
  }
}

function awaitDone(chunks: i32): bool {
  for (let spin = 0; spin < SPINS; spin++) if (atomic.load<i32>(DONE) == chunks) return true;
  atomic.store<i32>(MAIN_SLEEPS, 1);
  let naps = 0;
  for (let done = atomic.load<i32>(DONE); done < chunks && naps < NAPS;) {
    // 2: nothing changed in that time.
    naps = atomic.wait<i32>(DONE, done, NAP) == 2 ? naps + 1 : 0;
    done = atomic.load<i32>(DONE);
  }
  atomic.store<i32>(MAIN_SLEEPS, 0);
  return naps < NAPS;
}

/** The life of a helper: thread 1 and up. Returns after stop(). */
export function help(thread: i32): void {
  while (!atomic.load<i32>(STOPPED)) {
    const seen = atomic.load<i32>(WAKE);
    takeChunks(thread);
    let spin = 0;
    while (spin < SPINS && atomic.load<i32>(WAKE) == seen) spin++;
    if (spin < SPINS) continue;
    atomic.add<i32>(SLEEPERS, 1);
    atomic.wait<i32>(WAKE, seen, -1);
    atomic.sub<i32>(SLEEPERS, 1);
  }
}

/** Ends all helpers: none takes a chunk after the one it is at. */
export function stop(): void {
  atomic.store<i32>(STOPPED, 1);
  atomic.add<i32>(WAKE, 1);
  atomic.notify(WAKE, -1);
}
