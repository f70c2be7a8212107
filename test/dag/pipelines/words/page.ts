import type { Run } from '../../../../stages/dag/task-types.ts';

/** Draws the tally as a tree of files. */
export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const lines = new TextDecoder().decode(await io.input(cell, 'lines')).split('\n');
    await io.commit(cell.id, { site: { tree: new Map([
      ['index.html', `<ul>${lines.map((line) => `<li>${line}</li>`).join('')}</ul>\n`],
      ...lines.map((line, i): [string, string] => [`lines/${i}.txt`, `${line}\n`]),
    ]) } });
  }
};
