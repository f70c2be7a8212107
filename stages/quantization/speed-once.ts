/** One timing of a session: a prompt read, then token after token, by a clock around each step. */
import type { Session } from '../../kernels/index.ts';
import type { Rows } from '../../kernels/ops.ts';

/** What is timed. */
export interface TimedSession {
  readonly session: Session;
  /** As an engine instance's. */
  workedMs(): number | undefined;
}

/** What a phase took, prefill or decode. */
export interface TimedPhase {
  readonly tokens: number;
  readonly durationMs: number;
  /** That a GPU worked of it, by its own clock; absent where the host computed, or there is no such clock. */
  readonly gpuMs?: number;
  /** Its single steps, ms, at most the first MOST_STEPS: prompts read (each the time to a first token), or tokens decoded. */
  readonly stepsMs: readonly number[];
}

/** A timing of half a second on the smallest model has some thousands; percentiles need no more. Rates count every step. */
const MOST_STEPS = 2000;

/**
 * Reads the prompt and decodes after it, to the end of the span and over again, until decoding alone has lasted `leastMs`. So the prompt is
 * read at least once, and as often as decoding starts over: both phases share one loop, and no time goes into anything but the two.
 */
export async function timeOnce({ session, workedMs }: TimedSession, tokens: Int32Array, promptTokens: number, warmUpTokens: number, leastMs: number): Promise<{ readonly prefill: Stopwatch; readonly decode: Stopwatch }> {
  const prompt = rowsFrom(tokens, 0, promptTokens);
  const last = Int32Array.of(promptTokens - 1);
  const prefill = new Stopwatch(workedMs);
  const decode = new Stopwatch(workedMs);
  session.reset(1, tokens.length);
  for (let position = 0; position < warmUpTokens; position += 1) await session.step(rowsFrom(tokens, position, 1));
  workedMs();
  do {
    session.reset(1, tokens.length);
    await prefill.step(promptTokens, () => session.step(prompt, last));
    let position = promptTokens;
    do {
      const row = rowsFrom(tokens, position, 1);
      await decode.step(1, () => session.step(row));
      position += 1;
    } while (position < tokens.length && decode.durationMs < leastMs);
  } while (decode.durationMs < leastMs);
  return { prefill, decode };
}

/** Tokens of one sequence, from a position on. */
function rowsFrom(tokens: Int32Array, position: number, count: number): Rows {
  return { slot: new Int32Array(count), position: Int32Array.from({ length: count }, (_, index) => position + index), token: tokens.slice(position, position + count) };
}

class Stopwatch {
  durationMs = 0;
  #tokens = 0;
  #gpuMs: number | undefined;
  readonly #workedMs: TimedSession['workedMs'];
  readonly #stepsMs: number[] = [];

  constructor(workedMs: TimedSession['workedMs']) {
    this.#workedMs = workedMs;
  }

  async step(tokens: number, work: () => Promise<unknown>): Promise<void> {
    const startedAt = performance.now();
    await work();
    const stepMs = performance.now() - startedAt;
    this.durationMs += stepMs;
    this.#tokens += tokens;
    const workedMs = this.#workedMs();
    if (workedMs !== undefined) this.#gpuMs = (this.#gpuMs ?? 0) + workedMs;
    // To the microsecond: the clock tells no more, and there are many of them.
    if (this.#stepsMs.length < MOST_STEPS) this.#stepsMs.push(Math.round(stepMs * 1000) / 1000);
  }

  taken(): TimedPhase {
    return { tokens: this.#tokens, durationMs: this.durationMs, ...(this.#gpuMs === undefined ? {} : { gpuMs: this.#gpuMs }), stepsMs: this.#stepsMs };
  }
}
