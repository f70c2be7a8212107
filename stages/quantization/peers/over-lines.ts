/** A peer that is a program, as the contract wants it (peers.ts): every answer is checked before it is believed. */
import type { PeerLimits, PeerModel, PeerRows, PeerRun, PeerTimingPlan } from '../peers.ts';
import { PeerProcess } from './process.ts';
import type { PeerProgram } from './process.ts';
import { computesIn, floatsIn, idsIn, PART_BYTES, storedIn, timedIn, Unprotocoled, weightsIn, wholeIn } from './protocol.ts';
import type { Fields } from './protocol.ts';

/** Vocabularies beyond are none that we know of. */
const LARGEST_VOCABULARY = 1 << 22;

/** `open`: what the program must know to load models. Throws StageFailure. */
export async function startOverLines(program: PeerProgram, open: Fields, limits: PeerLimits, signal: AbortSignal): Promise<PeerRun> {
  const { process, identity } = await PeerProcess.start(program, limits, signal);
  try {
    await process.answer('open', open, limits.loadMs);
  } catch (error) {
    await process.close();
    throw error;
  }
  let models = 0;
  return {
    identity,
    async load(format) {
      const model = ++models;
      const answer = await process.answer('load', { model, format }, limits.loadMs);
      return checked(process, () => loaded(process, model, answer));
    },
    async cpuMs() {
      const answered = await process.answer('clock', {});
      return checked(process, () => wholeIn(answered, 'cpuMs', 0));
    },
    close: () => process.close(),
  };
}

/** What is no answer of the protocol ends the process. */
async function checked<T>(process: PeerProcess, read: () => T): Promise<T> {
  try {
    return read();
  } catch (error) {
    return process.refuse(error);
  }
}

function loaded(process: PeerProcess, model: number, answer: Fields): PeerModel {
  const vocabulary = wholeIn(answer, 'vocabulary', 1, LARGEST_VOCABULARY);
  return {
    vocabulary, computes: computesIn(answer), weights: weightsIn(answer), storedSha256: storedIn(answer),
    logits: (tokens) => logits(process, model, vocabulary, tokens),
    generate: async (prompt, newTokens, sampling) => {
      const answered = await process.answer('generate', { model, prompt: [...prompt], newTokens, ...(sampling === undefined ? {} : { sampling }) });
      return checked(process, () => idsIn(answered, 'tokens', vocabulary, newTokens));
    },
    time: async (plan: PeerTimingPlan) => {
      const answered = await process.answer('time', { model, ...plan, tokens: [...plan.tokens] });
      return checked(process, () => timedIn(answered));
    },
    close: async () => { await process.answer('unload', { model }); },
  };
}

async function* logits(process: PeerProcess, model: number, vocabulary: number, tokens: Int32Array): AsyncGenerator<PeerRows> {
  const rowsAtOnce = Math.max(1, Math.floor(PART_BYTES / (4 * vocabulary)));
  const parts = process.ask('logits', { model, tokens: [...tokens], rowsAtOnce });
  let first = 0;
  try {
    for (;;) {
      const { done, value } = await parts.next();
      if (done === true) break;
      const from = first;
      const rows = await checked(process, (): PeerRows => {
        const count = wholeIn(value, 'count', 1, Math.min(rowsAtOnce, tokens.length - from));
        return { first: wholeIn(value, 'first', from, from), count, logits: floatsIn(value, 'logits', count, vocabulary) };
      });
      first += rows.count;
      yield rows;
    }
  } finally {
    await parts.return({});
  }
  if (first !== tokens.length) await process.refuse(new Unprotocoled(`gave ${first} rows of logits for ${tokens.length} tokens`));
}
