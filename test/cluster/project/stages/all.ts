import type { Run } from '../../../../stages/dag/task-types.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const input = cell.inputs['of'];
    if (input?.kind !== 'gather') throw new Error('`of` must be gathered');
    const lines: string[] = [];
    for (const item of input.items) lines.push('missing' in item ? `${item.cell}: none, ${item.missing.code}: ${item.missing.sentence}` : new TextDecoder().decode(await io.read(item.handle)));
    await io.commit(cell.id, { out: lines.join('\n') });
  }
};
