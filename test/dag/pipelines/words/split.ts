/** Splits a text into one output for each word length: real work, small. */
import type { Run } from '../../../../stages/dag/task-types.ts';
import { wordsIn } from './shared.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const text = new TextDecoder().decode(await io.input(cell, 'text'));
    const wanted = cell.params['characters'];
    await io.commit(cell.id, { words: JSON.stringify(wordsIn(text).filter((word) => word.length === wanted)) }, { engine: 'split' });
    io.progress(1, 1, 'texts');
  }
};
