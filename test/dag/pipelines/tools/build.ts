/** Makes a tool, or cannot; notes in begun.log that it tried. */
import { appendFileSync, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Run } from '../../../../stages/dag/task-types.ts';

const root = dirname(fileURLToPath(import.meta.url));

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    appendFileSync(`${root}/begun.log`, `${cell.id}\n`);
    if (existsSync(`${root}/no-compiler`)) await io.fail(cell.id, { code: 'not-available', sentence: 'there is no compiler', hint: 'install one' });
    else await io.commit(cell.id, { library: cell.params['tree'] === true ? { tree: new Map([['a', 'b']]) } : `library ${String(cell.params['version'])}` });
  }
};
