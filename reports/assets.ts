/** The stage `assets`: the style sheet, the script and the schema of the tables, as they are. */
import type { Run } from '../stages/dag/index.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const [style, script, schema] = [await io.input(cell, 'style'), await io.input(cell, 'script'), await io.input(cell, 'schema')];
    await io.commit(cell.id, { assets: { tree: new Map([['assets/style.css', style], ['assets/script.js', script], ['data/schema.sql', schema]]) } });
  }
};
