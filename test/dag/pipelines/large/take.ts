/** Takes a file in without holding it: in one piece, as a folder, half done before, or as what the store has already. */
import { existsSync, renameSync, statSync, writeFileSync } from 'node:fs';
import type { OutputPart, Run, TaskCell } from '../../../../stages/dag/index.ts';

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    const handle = handleOf(task);
    switch (task.params['how']) {
      case 'copied': await io.commit(task.id, { bytes: await io.copy(handle) }); break;
      case 'folder': await io.commit(task.id, { bytes: { tree: new Map<string, OutputPart>([['a/large.bin', await io.copy(handle)], ['b.txt', 'small']]) } }); break;
      case 'elsewhere': await io.commit(task.id, { bytes: { file: handle.path } }); break;
      case 'promised': {
        const stored = Object.values(task.present ?? {})[0];
        await io.commit(task.id, { bytes: stored === undefined ? await io.copy(handle) : { stored } }, { how: stored === undefined ? 'copied' : 'stored' });
        break;
      }
      case 'resumed': {
        const half = `${io.unfinished}/half`;
        if (!existsSync(half)) {
          renameSync((await io.copy(handle)).file, half);
          await io.fail(task.id, { code: 'not-available', sentence: 'half of it is there' });
        } else {
          writeFileSync(`${io.unfinished}/log`, `found ${statSync(half).size}`);
          await io.commit(task.id, { bytes: { file: half } });
        }
      }
    }
    io.progress(1, 2, 'bytes');
  }
};

function handleOf(task: TaskCell) {
  const input = task.inputs['file'];
  if (input?.kind !== 'object') throw new Error('no file');
  return input.handle;
}
