/**
 * Squares a number, by a tool if it has one; what comes out does not show it. Notes in used.log which tool, what process, how many
 * processors. `act`: what goes wrong when the variable TEST_ENGINE says that another engine computes, but for one that is sound.
 */
import { appendFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Run } from '../../../../stages/dag/task-types.ts';

const root = dirname(fileURLToPath(import.meta.url));

export const run: Run = async (cells, io) => {
  const other = process.env['TEST_ENGINE'];
  const unsound = other !== undefined && other !== 'sound';
  for (const cell of cells) {
    appendFileSync(`${root}/begun.log`, `${cell.id}\n`);
    const tool = cell.tools?.['library'];
    const library = tool === undefined ? 'none' : tool.kind === 'missing' ? `missing: ${tool.failure.sentence}` : new TextDecoder().decode(await io.read(tool.handle));
    appendFileSync(`${root}/used.log`, `${JSON.stringify({ cell: cell.id, library, engine: other, pid: process.pid, cpus: io.cpus })}\n`);
    const { n, act } = cell.params;
    if (unsound && act === 'unavailable') { await io.fail(cell.id, { code: 'not-available', sentence: 'no adapter', hint: 'add one' }); continue; }
    if (unsound && act === 'throw') throw new Error('the other engine is wrong');
    if (unsound && act === 'crash') { process.kill(process.pid, 'SIGKILL'); await new Promise(() => undefined); }
    if (other !== undefined && act === 'hang') await new Promise((resolve) => setTimeout(resolve, 60_000));
    const text = String(Number(n) ** 2 + (other !== undefined && act === 'differ' ? 1 : 0));
    const square = act === 'large' ? new Uint8Array(3 << 20).fill(Number(n)) : act === 'tree' ? { tree: new Map([['square.txt', text]]) } : text;
    await io.commit(cell.id, { square, log: String(process.hrtime.bigint()) }, { engine: other ?? (tool?.kind === 'object' ? 'compiled' : 'plain'), build: '1' });
  }
};
