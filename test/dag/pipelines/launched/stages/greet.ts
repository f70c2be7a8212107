import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import type { Run } from '../../../../../stages/dag/task-types.ts';

/** An asset beside its source: found from a bundle, too, and part of the code's identity. */
const word = readFileSync(new URL('./greeting.txt', import.meta.url), 'utf8').trim();

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const { name, loud, slowMs, computeMs, child } = cell.params;
    appendFileSync(`${process.cwd()}/workers.log`, `${process.pid}\n`);
    appendFileSync(`${process.cwd()}/spans.log`, `+${cell.id}\n`);
    // As a compiler would be: a process that the worker started and that knows nothing of the run.
    if (child === true) appendFileSync(`${process.cwd()}/children.log`, `${spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], { stdio: 'ignore' }).pid}\n`);
    await new Promise((resolve) => setTimeout(resolve, Number(slowMs)));
    // A computation that leaves the event loop no turn.
    const endMs = performance.now() + Number(computeMs);
    while (performance.now() < endMs);
    appendFileSync(`${process.cwd()}/spans.log`, `-${cell.id}\n`);
    await io.commit(cell.id, { out: `${word} ${String(name)}${loud === true ? '!' : ''}` });
  }
};
