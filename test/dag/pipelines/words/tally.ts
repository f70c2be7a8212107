import type { Run } from '../../../../stages/dag/task-types.ts';

/** Counts gathered words; what is missing is counted as missing, with its reason. */
export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const input = cell.inputs['words'];
    if (input?.kind !== 'gather') throw new Error('words must be gathered');
    const lines: string[] = [];
    for (const item of input.items) {
      if ('missing' in item) lines.push(`${item.cell} missing: ${item.missing.code} ${item.missing.sentence}`);
      else lines.push(`${item.cell} ${(JSON.parse(new TextDecoder().decode(await io.read(item.handle))) as string[]).length}`);
    }
    await io.commit(cell.id, { lines: lines.join('\n') });
  }
};
