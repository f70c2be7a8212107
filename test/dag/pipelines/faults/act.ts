/** Does to each cell what its parameter `act` says, and notes in begun.log that it began. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Run } from '../../../../stages/dag/task-types.ts';

const root = dirname(fileURLToPath(import.meta.url));

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    appendFileSync(`${root}/begun.log`, `${cell.id}\n`);
    for (const [name, input] of Object.entries(cell.inputs)) if (input.kind === 'object') await io.input(cell, name);
    const commit = (): Promise<void> => io.commit(cell.id, { out: `${cell.id} ${JSON.stringify(cell.params)}` });
    switch (cell.params['act']) {
      case 'commit': await commit(); break;
      case 'throw': throw new Error('a mistake nobody expected');
      case 'fail': await io.fail(cell.id, { code: 'bad-input', sentence: 'the input is bad', hint: 'make it good' }); break;
      case 'unavailable': await io.fail(cell.id, { code: 'not-available', sentence: 'no adapter' }); break;
      case 'unavailable once':
        if (existsSync(`${root}/was-here`)) { await commit(); break; }
        writeFileSync(`${root}/was-here`, '');
        await io.fail(cell.id, { code: 'not-available', sentence: 'try again' });
        break;
      case 'say': process.stderr.write(`of ${cell.id}\u001b[2J\r\nand more\n`); await io.commit(cell.id, { out: 'said' }); break;
      case 'warn': io.warn(`${cell.id} is slow`); await commit(); break;
      case 'crash': process.stderr.write('last words\n'); process.kill(process.pid, 'SIGKILL'); await new Promise(() => undefined); break;
      case 'crash once':
        if (!existsSync(`${root}/was-here`)) { writeFileSync(`${root}/was-here`, ''); process.kill(process.pid, 'SIGKILL'); await new Promise(() => undefined); }
        await commit();
        break;
      case 'exit': process.exit(0); break;
      case 'hang': for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000); break;
      case 'nothing': break;
      case 'twice': await commit(); await commit(); break;
      case 'other output': await io.commit(cell.id, { wrong: 'x' }); break;
      case 'escape': await io.commit(cell.id, { out: { tree: new Map([['../escaped', 'x']]) } }); break;
      case 'flood': for (let i = 0; i < 200; i++) process.stdout.write('x'.repeat(64 * 1024)); await commit(); break;
      case 'large': await io.commit(cell.id, { out: new Uint8Array(3 << 20).fill(7) }); break;
      case 'random': await io.commit(cell.id, { out: String(process.hrtime.bigint()) }); break;
      case 'slow': await new Promise((resolve) => setTimeout(resolve, 150)); await commit(); break;
      case 'span':
        appendFileSync(`${root}/spans.log`, `+${cell.id}\n`);
        await new Promise((resolve) => setTimeout(resolve, 120));
        appendFileSync(`${root}/spans.log`, `-${cell.id}\n`);
        await commit();
        break;
      case 'on card': {
        const line = JSON.stringify({ cell: cell.id, card: process.env['CARD'] ?? 'none', pid: process.pid });
        const lines = (sign: string): number => !existsSync(`${root}/cards.log`) ? 0 : readFileSync(`${root}/cards.log`, 'utf8').split('\n').filter((one) => one.startsWith(sign)).length;
        const [begun, ended] = [lines('+'), lines('-')];
        appendFileSync(`${root}/cards.log`, `+${line}\n`);
        await new Promise((resolve) => setTimeout(resolve, Number(cell.params['ms'] ?? 250)));
        // Where two are to be at work at once, one that starts slowly is waited for.
        for (let tries = 0; cell.params['meets'] === true && tries < 100 && begun === ended && lines('+') === begun + 1; tries++) await new Promise((resolve) => setTimeout(resolve, 50));
        appendFileSync(`${root}/cards.log`, `-${line}\n`);
        await commit();
        break;
      }
      case 'hold': await io.commit(cell.id, { out: String(new Uint8Array(Number(cell.params['bytes'])).fill(1).length) }); break;
      case 'cpus': appendFileSync(`${root}/cpus.log`, `${io.cpus}\n`); await commit(); break;
      default: throw new Error(`unknown act ${String(cell.params['act'])}`);
    }
  }
};
