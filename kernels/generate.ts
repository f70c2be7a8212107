/**
 * Continuing prompts. All prompts of a call decode as one batch; since a row never depends on its neighbours, the result of
 * each is that of a call of its own.
 */
import type { Draws, Rows } from './ops.ts';
import { checkSampling } from './sampler.ts';
import type { Sampling } from './sampler.ts';
import type { Session } from './session.ts';

export interface Prompt {
  readonly ids: Int32Array;
  /** 32-bit number of the prompt (promptKeyOf): the noise follows it, not the prompt's place in the list. */
  readonly key: number;
}

export interface GenerateOptions extends Sampling {
  readonly prompts: readonly Prompt[];
  readonly maxNewTokens: number;
  /** A sequence ends after one of these tokens, which is kept as its last. Absent: only the length ends it. */
  readonly endTokens?: readonly number[];
}

/** Rows of one step while prompts are read: bounds the engine's workspace, changes no result. */
const ROWS_PER_STEP = 512;

/** The new token ids of each prompt, at most maxNewTokens. Resets the session. */
export async function generate(session: Session, options: GenerateOptions): Promise<Int32Array[]> {
  const [texts] = await generateAll(session, [options]);
  return texts!;
}

/** As generate() for each request, all of them decoding as one batch: fewer, fuller steps. */
export async function generateAll(session: Session, requests: readonly GenerateOptions[]): Promise<Int32Array[][]> {
  const sequences = requests.map((request) => {
    checkRequest(request);
    return request.prompts.map(({ ids, key }): Sequence => ({ ids, key, request, text: [] }));
  });
  await decode(session, sequences.flat().filter(({ request }) => request.maxNewTokens > 0));
  return sequences.map((own) => own.map(({ text }) => Int32Array.from(text)));
}

interface Sequence extends Prompt {
  readonly request: GenerateOptions;
  /** The new tokens so far. */
  readonly text: number[];
}

function checkRequest(request: GenerateOptions): void {
  const { prompts, maxNewTokens } = request;
  checkSampling(request);
  if (!(Number.isInteger(maxNewTokens) && maxNewTokens >= 0)) throw new RangeError(`max_new_tokens is ${maxNewTokens}; it must be a whole number`);
  if (prompts.some(({ ids }) => ids.length === 0)) throw new RangeError('a prompt needs at least one token');
}

async function decode(session: Session, sequences: readonly Sequence[]): Promise<void> {
  if (sequences.length === 0) return;
  // The last new token is never fed, so it needs no position.
  session.reset(sequences.length, Math.max(...sequences.map(({ ids, request }) => ids.length + request.maxNewTokens - 1)));
  /** What the next tokens of these slots are drawn with. */
  const drawsOf = (slots: readonly number[]): Draws => {
    const of = slots.map((slot) => sequences[slot]!);
    return {
      temperature: Float32Array.from(of, ({ request }) => request.temperature),
      topK: Int32Array.from(of, ({ request }) => request.topK),
      promptKey: Int32Array.from(of, ({ key }) => key),
      seed: Int32Array.from(of, ({ request }) => request.seed),
      position: Int32Array.from(of, ({ ids, text }) => ids.length + text.length),
    };
  };
  /** Adds a token to the text of `slot`; whether it goes on after that. */
  const extend = (slot: number, token: number): boolean => {
    const { request, text } = sequences[slot]!;
    text.push(token);
    return !request.endTokens?.includes(token) && text.length < request.maxNewTokens;
  };

  const active: number[] = [];
  for (const rows of promptSteps(sequences)) {
    const slots = rows.ends.map(({ slot }) => slot);
    const tokens = await session.draw(rows, drawsOf(slots), Int32Array.from(rows.ends, ({ row }) => row));
    slots.forEach((slot, index) => { if (extend(slot, tokens[index]!)) active.push(slot); });
  }
  let slots: readonly number[] = active.sort((a, b) => a - b);
  while (slots.length > 0) {
    const tokens = await session.draw({
      slot: Int32Array.from(slots),
      position: Int32Array.from(slots, (slot) => sequences[slot]!.ids.length + sequences[slot]!.text.length - 1),
      token: Int32Array.from(slots, (slot) => sequences[slot]!.text.at(-1)!),
    }, drawsOf(slots));
    slots = slots.filter((slot, index) => extend(slot, tokens[index]!));
  }
}

interface PromptStep extends Rows {
  /** The row that is the last of a sequence's prompt: for each sequence, in the order of rows. */
  readonly ends: readonly { readonly slot: number; readonly row: number }[];
}

/** All tokens of all prompts, one prompt after the other, cut into steps. A prompt of several sequences is read in the first one's slot. */
function* promptSteps(prompts: readonly Prompt[]): Generator<PromptStep> {
  const all = equalPrompts(prompts).flatMap(({ ids, slots }) => Array.from(ids, (token, position) => ({ slots, position, token, last: position === ids.length - 1 })));
  for (let from = 0; from < all.length; from += ROWS_PER_STEP) {
    const rows = all.slice(from, from + ROWS_PER_STEP);
    const copies = rows.flatMap(({ slots }, row) => slots.slice(1).map((slot) => ({ row, slot })));
    yield {
      slot: Int32Array.from(rows, ({ slots }) => slots[0]),
      position: Int32Array.from(rows, ({ position }) => position),
      token: Int32Array.from(rows, ({ token }) => token),
      ...(copies.length > 0 ? { copies: { row: Int32Array.from(copies, ({ row }) => row), slot: Int32Array.from(copies, ({ slot }) => slot) } } : {}),
      ends: rows.flatMap(({ slots, last }, row) => (last ? slots.map((slot) => ({ slot, row })) : [])),
    };
  }
}

/** Each prompt once, with the slots of the sequences that it begins. */
function equalPrompts(prompts: readonly Prompt[]): { readonly ids: Int32Array; readonly slots: readonly [number, ...number[]] }[] {
  const groups = new Map<string, { readonly ids: Int32Array; readonly slots: [number, ...number[]] }>();
  for (const [slot, { ids }] of prompts.entries()) {
    const same = groups.get(ids.join());
    if (same) same.slots.push(slot);
    else groups.set(ids.join(), { ids, slots: [slot] });
  }
  return [...groups.values()];
}
