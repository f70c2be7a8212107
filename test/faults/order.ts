/** The order of a run's system calls, as strace saw them: what a name or a record stands for is on the disk before it is. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { NotPossible } from './fault.ts';
import { orderFaults } from './system-calls.ts';
import type { Fault, Trials } from './fault.ts';
import type { FaultyProject } from './faulty-project.ts';

const CALLS = 'trace=fsync,fdatasync,rename,renameat,renameat2,write,pwrite64,writev';

async function open(project: FaultyProject): Promise<Trials> {
  const trace = project.path('trace');
  const strace = ['-f', '-y', '-qq', '-s', '1000000', '-e', CALLS, '-o', trace];
  try {
    execFileSync('strace', [...strace, 'true'], { stdio: 'ignore' });
  } catch {
    throw new NotPossible('strace is not installed, or may not trace here');
  }
  return {
    async trial(_, index) {
      project.reset();
      rmSync(trace, { force: true });
      const command = [process.execPath, project.path('bin/bitwidth.mjs'), 'run', '--json', '--jobs', String(1 + index % 3)];
      const out = execFileSync('strace', [...strace, ...command], { cwd: project.root, encoding: 'utf8', env: { ...process.env, UV_USE_IO_URING: '0' } });
      assert.ok(existsSync(trace) && out.includes('"event":"done"'), out);
      const { faults, names, records, told } = orderFaults(readFileSync(trace, 'latin1'), project.store);
      assert.equal(faults, []);
      // What was looked at must be there, and what is looked for must be found where it is: without one kind of sync each.
      assert.ok(names >= 4 && told === project.cells && records === project.cells, `${names} names, ${records} records, ${told} told`);
      for (const kind of [/packs\/\.tmp-/, /objects\/..\/\.tmp-/, /packs>/, /objects\/..>/, /records\/[^>]*\.ndjson>/]) {
        const without = readFileSync(trace, 'latin1').split('\n').filter((line) => !(/ f(data)?sync\(/.test(line) && kind.test(line))).join('\n');
        assert.ok(orderFaults(without, project.store).faults.length > 0, `that ${kind.source} is not synced is noticed`);
      }
      await project.finish();
      await project.expectSound();
      return 'bytes synced, then named, then the folder synced, then recorded, then the record synced, then told';
    },
  };
}

export const orders: readonly Fault[] = [
  { name: 'order', title: 'The system calls of a run, as `strace` sees them: whether a power cut could ever leave a name or a record without its bytes', short: 1, long: 6, open },
];
