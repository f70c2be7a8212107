/** From a cell's inputs to a tokenizer, and the texts that go into it: what is wrong with either is the input's fault. */
import { chatText } from '../../kernels/chat.ts';
import { openTokenizer } from '../../kernels/tokenizer.ts';
import type { Tokenizer } from '../../kernels/index.ts';
import type { TaskCell, TaskIo } from '../dag/index.ts';
import { BadInput } from './task-values.ts';

/** Opens the tokenizer in inputs `tokenizer` and `tokenizerConfig`. Throws BadInput. */
export async function taskTokenizer(io: TaskIo, cell: TaskCell): Promise<Tokenizer> {
  const [json, config] = [await io.input(cell, 'tokenizer'), await io.input(cell, 'tokenizerConfig')];
  return blaming('the tokenizer cannot be read', () => openTokenizer(json, config));
}

/** Ids of a text, as Tokenizer.encode. `what` names it: 'the text', 'the prompt mary'. Throws BadInput. */
export function encoded(tokenizer: Tokenizer, text: string, what: string): Promise<Int32Array> {
  return blaming(`${what} cannot be cut into tokens`, () => tokenizer.encode(text));
}

/** As chatText of the input `tokenizerConfig`. Throws BadInput. */
export async function taskChatText(io: TaskIo, cell: TaskCell, question: string): Promise<string | undefined> {
  const config = await io.input(cell, 'tokenizerConfig');
  return blaming('the question cannot be put', () => chatText(config, question));
}

async function blaming<T>(sentence: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new BadInput(`${sentence}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
