/** The stage `assets`: the style sheet and the script, as they are. */
import type { Run } from '../stages/dag/index.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    await io.commit(cell.id, { assets: { tree: new Map([['assets/style.css', await io.input(cell, 'style')], ['assets/script.js', await io.input(cell, 'script')]]) } });
  }
};
