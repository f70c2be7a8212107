/** Writes texts as generate.ts does, where an opening is from a text that may not be passed on: cells name its place, and its words are read from the text. */
import { file, stage } from '../dag/index.ts';
import type { Cell, Json, Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { Prompt } from './config-sources.ts';
import { generateStage, run as generate } from './generate.ts';
import { decodedText, wordsAt } from './openings.ts';
import { listParam } from './task-values.ts';

export const generateUnquotedStage = stage({ ...generateStage, module: 'stages/quantization/generate-unquoted.ts' });

/** An item of params.prompts: its words, or where they stand in the input `file`. */
type UnquotedPrompt = { readonly name: string; readonly ask?: boolean } & ({ readonly text: string } | { readonly in: string; readonly from: number; readonly to: number });

/** The cell of generateCell() with places for words. */
export function unquoted(cell: Cell, prompts: readonly Prompt[]): Cell {
  const files = [...new Set(prompts.flatMap(({ place }) => place?.file ?? []))];
  const items = prompts.map(({ name, text, ask, place }): UnquotedPrompt =>
    place === undefined ? { name, text, ...(ask === undefined ? {} : { ask }) } : { name, in: inputOf(files, place.file), from: place.from, to: place.to });
  return { ...cell, stage: generateUnquotedStage, params: { ...cell.params, prompts: items as unknown as Json }, inputs: { ...cell.inputs, ...Object.fromEntries(files.map((path) => [inputOf(files, path), file(path)])) } };
}

const inputOf = (files: readonly string[], path: string): string => `text${files.indexOf(path)}`;

export const run: Run = async (cells, io) => generate(await Promise.all(cells.map((cell) => quoted(cell, io))), io);

async function quoted(task: TaskCell, io: TaskIo): Promise<TaskCell> {
  const prompts = await Promise.all((listParam(task, 'prompts') as unknown as readonly UnquotedPrompt[]).map(async (prompt) =>
    'text' in prompt ? prompt : { name: prompt.name, text: wordsAt(prompt, decodedText(await io.input(task, prompt.in))) }));
  return { ...task, params: { ...task.params, prompts } };
}
