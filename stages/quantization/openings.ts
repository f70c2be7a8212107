/**
 * Openings of texts that may not be passed on. What a cell is made of is published with its record, so such an opening is named by its place in the text,
 * and its words are read there when they are needed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Prompt, TextSource } from './config-sources.ts';

/** Where an opening stands in a file: its first character and the one behind its last, counted in UTF-16 units of the decoded text. */
export interface Place { readonly file: string; readonly from: number; readonly to: number }

/** Where these words stand, however their lines are broken; undefined: nowhere. */
export function placeOf(opening: string, text: string): Omit<Place, 'file'> | undefined {
  const words = opening.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const found = new RegExp(words.join('\\s+'), 'u').exec(text);
  return found === null ? undefined : { from: found.index, to: found.index + found[0].length };
}

/** The words at a place, with one space between them. */
export const wordsAt = ({ from, to }: Omit<Place, 'file'>, text: string): string => text.slice(from, to).replaceAll(/\s+/g, ' ');

export const decodedText = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Prompts with the place of each that is from a text that may not be passed on. Throws Error, a sentence, where one is not in its text. */
export function placed(prompts: readonly Prompt[], texts: readonly TextSource[], root: string): readonly Prompt[] {
  const read = new Map<string, string>();
  return prompts.map((prompt) => {
    const source = texts.find(({ name }) => name === prompt.from);
    if (source === undefined || source.redistribute) return prompt;
    const { path } = source.file;
    let text = read.get(path);
    if (text === undefined) {
      try {
        text = decodedText(readFileSync(join(root, path)));
      } catch (error) {
        throw new Error(`prompt ${prompt.name} is from ${path}, which cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
      }
      read.set(path, text);
    }
    const place = placeOf(prompt.text, text);
    if (place === undefined) throw new Error(`prompt ${prompt.name} does not stand in ${path} word for word; that text may not be passed on, so the study keeps the place of the words instead of them`);
    return { ...prompt, place: { file: path, ...place } };
  });
}
