/** Typed access to what a task cell carries, and the few shapes in which stages hand each other JSON. */
import { StageFailure } from '../dag/index.ts';
import type { Failure, Json, TaskCell, TaskIo } from '../dag/index.ts';

/** What came in cannot be used: the failure of the cell at work, or of the whole task where nothing can go on. */
export class BadInput extends StageFailure {
  constructor(sentence: string, hint?: string) {
    super({ code: 'bad-input', sentence, ...(hint === undefined ? {} : { hint }) });
  }
}

/** The failure that an expected error stands for; undefined for one that nobody expected. */
export function expectedFailure(error: unknown): Failure | undefined {
  if (error instanceof StageFailure) return error.failure;
  if (!(error instanceof Error)) return undefined;
  // By name: importing the kernels' classes would make their code part of every stage's.
  if (error.name === 'NotFinite') return { code: 'not-finite', sentence: error.message };
  if (error.name === 'EngineUnfit') return { code: 'not-available', sentence: error.message };
  return undefined;
}

/**
 * Does the work of one cell; an expected failure ends this cell and lets the others go on. Anything else is a fault of the
 * program and is thrown on.
 */
export async function guarded(io: TaskIo, cell: TaskCell, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const failure = expectedFailure(error);
    if (failure === undefined) throw error;
    await io.fail(cell.id, failure);
  }
}

/**
 * Does the work of several cells at once. Where it fails as expected, it does not say for which of them: each is tried alone, so that the
 * guilty one fails and no other. The work must commit nothing before all is done that may fail.
 */
export async function guardedTogether(io: TaskIo, cells: readonly TaskCell[], work: (cells: readonly TaskCell[]) => Promise<void>): Promise<void> {
  try {
    await work(cells);
  } catch (error) {
    if (expectedFailure(error) === undefined) throw error;
    for (const cell of cells) await guarded(io, cell, () => work([cell]));
  }
}

/** Opens what all cells of a task need: an expected failure is that of all of them. */
export async function openedForAll<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const failure = expectedFailure(error);
    throw failure === undefined ? error : new StageFailure(failure);
  }
}

export function textParam(cell: TaskCell, name: string): string {
  const value = cell.params[name];
  if (typeof value !== 'string') throw new Error(`${cell.id}: params.${name} must be text`);
  return value;
}

export function numberParam(cell: TaskCell, name: string): number {
  const value = cell.params[name];
  if (typeof value !== 'number') throw new Error(`${cell.id}: params.${name} must be a number`);
  return value;
}

export function listParam(cell: TaskCell, name: string): readonly Json[] {
  const value = cell.params[name];
  if (!Array.isArray(value)) throw new Error(`${cell.id}: params.${name} must be a list`);
  return value;
}

/** Reads an input that another stage wrote as JSON. */
export async function jsonInput<T>(io: TaskIo, cell: TaskCell, name: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await io.input(cell, name))) as T;
}

/** Output `tokens` of tokenize. */
export interface TokenizedText {
  readonly ids: readonly number[];
  /** UTF-8 bytes of the text that each token stands for. */
  readonly bytes: readonly number[];
  /** What the model expects before a text (Tokenizer.start); absent where that is nothing. */
  readonly start?: readonly number[];
}

/** One item of output `texts` of generate, per prompt in the order of params.prompts. */
export interface WrittenText {
  readonly prompt: string;
  readonly promptIds: readonly number[];
  /** New tokens only; ends early where the model ended its text. */
  readonly ids: readonly number[];
  readonly text: string;
  /** The text token by token. */
  readonly pieces: readonly string[];
}

/** One item of output `nll` of judge: -log p of each new token under the judge, in nats. */
export interface JudgedText { readonly prompt: string; readonly nll: readonly number[] }
