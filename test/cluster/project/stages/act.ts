/** Does what its cell says: words that are worked off one after the other, each of which may have a number behind a colon. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Run } from '../../../../stages/dag/task-types.ts';

/** Not spelled as a file beside this one: such are part of the code's identity, and these change. */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Where a test sees which cells were begun, and by which process. */
const BEGUN = `${root}/begun.log`;
const GATE = `${root}/gate`;

/** What was eaten: nothing frees it. */
const kept: Uint8Array[] = [];

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const name = cell.id.slice(cell.id.indexOf(':') + 1);
    appendFileSync(BEGUN, `${name} ${process.pid}\n`);
    let out = `${name} is done\n`;
    for (const word of String(cell.params['what']).split(' ')) {
      const [what, number = '0'] = word.split(':');
      switch (what) {
        case 'sleep': await new Promise((resolve) => setTimeout(resolve, Number(number))); break;
        // Until a test opens it, or is over.
        case 'gate': while (!existsSync(GATE) && existsSync(BEGUN)) await new Promise((resolve) => setTimeout(resolve, 50)); break;
        case 'say': console.error(`${name} says ${number}`); break;
        case 'crash': process.kill(process.pid, 'SIGSEGV'); await new Promise(() => undefined); break;
        case 'throw': throw new Error(`${name} was told to throw`);
        case 'fail': await io.fail(cell.id, { code: 'bad-input', sentence: `${name} was told to fail` }); break;
        // Of all that has memory here the kernel ends the job's own program first.
        case 'expose': writeFileSync(`/proc/${process.ppid}/oom_score_adj`, '1000'); break;
        // More megabytes than its job may have: each is written to, so that it is there.
        case 'eat': for (let eaten = 0; eaten < Number(number); eaten += 10) kept.push(new Uint8Array(10 << 20).fill(1)); break;
        case 'large': out += 'x'.repeat(Number(number)); break;
        case 'env': out += `${number}=${process.env[number] ?? 'unset'}\n`; break;
        // Without a network a process has no interface but the loopback, and that is down.
        case 'network': out += `interfaces: ${readFileSync('/proc/net/dev', 'utf8').split('\n').map((line) => line.split(':')[0]!.trim()).filter((found) => /^\w+$/.test(found)).join(' ')}\n`; break;
      }
      if (what === 'fail') out = '';
    }
    const tree = new Map<string, string | Uint8Array>([['small.txt', name]]);
    // A file of its own in the store, unless the cell is to be a small one.
    if (cell.params['what'] !== 'plain') tree.set('folder/large.bin', new Uint8Array(1 << 21).fill(name.length));
    if (out !== '') await io.commit(cell.id, { out, tree: { tree } });
  }
};
