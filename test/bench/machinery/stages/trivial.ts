/** Each cell's output is a line that its parameters and inputs decide, so that a change goes on to whatever reads it. */
import { createHash } from 'node:crypto';
import type { InputHandle, Run, TaskInput } from '../../../../stages/dag/task-types.ts';

export const run: Run = async (cells, io) => {
  for (const { id, params, inputs } of cells) {
    const hash = createHash('sha256').update(JSON.stringify(params));
    for (const input of Object.values(inputs)) for (const { sha256 } of handlesOf(input)) hash.update(sha256);
    await io.commit(id, { out: `${id} ${hash.digest('hex')}\n` });
  }
};

function handlesOf(input: TaskInput): readonly InputHandle[] {
  if (input.kind === 'object') return [input.handle];
  return input.kind === 'gather' ? input.items.flatMap((item) => 'missing' in item ? [] : [item.handle]) : [];
}
