import type { Run } from '../index.ts';

/** How often each word of more than `longerThan` letters stands in a text. */
export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const text = new TextDecoder().decode(await io.input(cell, 'text'));
    const counts = new Map<string, number>();
    for (const [word] of text.toLowerCase().matchAll(/\p{Letter}+/gu)) {
      if (word.length > Number(cell.params['longerThan'])) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    await io.commit(cell.id, { counts: JSON.stringify([...counts].sort()) });
  }
};
