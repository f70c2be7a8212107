/** The stage `drawn-with`: what each page was drawn from beside the tables and the records, so that whoever has the site can draw it again. */
import type { Run } from '../stages/dag/index.ts';
import { omittedIn } from './cell-pages.ts';
import { DRAWN_WITH_FILE, DRAWN_WITH_FORMAT } from './drawn-with-file.ts';
import type { DrawnWith } from './drawn-with-file.ts';
import { text } from './task-tables.ts';
import type { Verdicts } from './verdicts.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const drawnWith: DrawnWith = {
      format: DRAWN_WITH_FORMAT, ...cell.params as unknown as Pick<DrawnWith, 'formats' | 'models' | 'peers' | 'tables' | 'errata' | 'about'>, omitted: Object.fromEntries(await omittedIn(cell, io)),
      ...('verdicts' in cell.inputs ? { verdicts: JSON.parse(text(await io.input(cell, 'verdicts'))) as Verdicts } : {}),
    };
    await io.commit(cell.id, { list: { tree: new Map([[DRAWN_WITH_FILE, `${JSON.stringify(drawnWith)}\n`]]) } });
  }
};
