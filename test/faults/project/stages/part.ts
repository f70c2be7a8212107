import { appendFileSync, chmodSync, existsSync, writeFileSync } from 'node:fs';
import { readActs } from '../acts.ts';
import type { Run } from '../../../../stages/dag/task-types.ts';
import type { Act } from '../acts.ts';

const SLEEPER = new Int32Array(new SharedArrayBuffer(4));
const isWork = (act: Act | undefined): boolean => act === undefined || act === 'flood' || typeof act === 'object';

export const run: Run = async (cells, io) => {
  const root = process.cwd();
  const { slowMs, acts } = readActs(root);
  appendFileSync(`${root}/workers.log`, `${process.pid}\n`);
  for (const cell of cells) {
    const act = acts[cell.id];
    if (act === 'crash once' && !existsSync(`${root}/crashed-once`)) {
      writeFileSync(`${root}/crashed-once`, '');
      process.kill(process.pid, 'SIGKILL');
      Atomics.wait(SLEEPER, 0, 0, 10_000);
    }
    if (act === 'crash') { process.kill(process.pid, 'SIGKILL'); Atomics.wait(SLEEPER, 0, 0, 10_000); }
    if (act === 'exit') process.exit(0);
    if (act === 'hang') for (;;) Atomics.wait(SLEEPER, 0, 0, 10_000);
    if (act === 'throw') throw new Error('a mistake nobody expected');
    if (act === 'flood') for (let i = 0; i < 400; i++) process.stdout.write('x'.repeat(64 * 1024));
    if (act === 'nothing') continue;
    if (typeof act === 'object' && 'overwrite' in act) { chmodSync(act.overwrite, 0o644); writeFileSync(act.overwrite, 'not yours'); }
    if (typeof act === 'object' && 'treePath' in act) { await io.commit(cell.id, { out: { tree: new Map([[act.treePath, 'x']]) } }); continue; }
    if (!isWork(act) && act !== 'crash once') throw new Error(`unknown act ${JSON.stringify(act)}`);
    const text = new TextDecoder().decode(await io.input(cell, 'text'));
    if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
    await io.commit(cell.id, { out: `${cell.id} of ${text}` });
  }
};
