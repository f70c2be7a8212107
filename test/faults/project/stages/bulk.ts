import type { Run } from '../../../../stages/dag/task-types.ts';

/** Above the size from which an object has a file of its own. */
const LARGE_BYTES = (1 << 20) + 100;

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const part = await io.input(cell, 'part');
    const large = new Uint8Array(LARGE_BYTES).map((_, i) => (part[i % part.length]! + i) & 0xff);
    await io.commit(cell.id, { large, tree: { tree: new Map<string, string | Uint8Array>([['a', part], ['deep/er/b', `tree of ${cell.id}`]]) } });
  }
};
