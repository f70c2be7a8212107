/** One function in a process of its own: however it ends, its caller goes on. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inheritedOptions } from '../../stages/dag/executors/worker.ts';
import { inOwnProcess } from '../../stages/dag/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-own-'));
const busyFile = join(scratch, 'pid');
test.before.each(() => rmSync(busyFile, { force: true }));
test.after(() => rmSync(scratch, { recursive: true }));

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
/** Some seconds on a quiet machine. */
async function until(happened: () => boolean): Promise<void> {
  for (let tries = 0; !happened(); tries++) {
    assert.ok(tries < 300, 'it takes too long');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const called = (name: string, args: readonly unknown[] = [], more: { readonly timeoutMs?: number; readonly environment?: { readonly [variable: string]: string | undefined } } = {}) =>
  inOwnProcess({ root, module: 'test/dag/programs/own.ts', name, args, timeoutMs: 60_000, ...more });

test('what it answers, and what it printed', async () => {
  const end = await called('run', [2, { c: 3 }], { environment: { OWN_PROCESS: 'yes' } });
  assert.is(end.kind, 'answered');
  const { sum, variable, pid } = (end as { readonly answer: Awaited<ReturnType<typeof import('./programs/own.ts').run>> }).answer;
  assert.equal([sum, variable], [5, 'yes']);
  assert.is.not(pid, process.pid);
  assert.equal(end.printed.split('\n').sort(), ['a line', 'another']);
});

test('a variable can be taken away', async () => {
  process.env['OWN_PROCESS'] = 'no';
  try {
    const end = await called('run', [2, { c: 3 }], { environment: { OWN_PROCESS: undefined } });
    assert.is((end as { readonly answer: { readonly variable?: string } }).answer.variable, undefined);
  } finally {
    delete process.env['OWN_PROCESS'];
  }
});

test('what it throws, and what cannot be called', async () => {
  assert.equal(await called('throwing'), { kind: 'threw', message: 'the disk is full', printed: '' });
  assert.is((await called('absent')).kind, 'threw');
  assert.match((await inOwnProcess({ root, module: 'test/dag/programs/none.ts', name: 'run', args: [], timeoutMs: 60_000 }) as { readonly message: string }).message, /none/);
});

test('how it died', async () => {
  const how = async (...call: Parameters<typeof called>) => {
    const end = await called(...call);
    return end.kind === 'died' ? end.how : end.kind;
  };
  assert.is(await how('dying', ['SIGSEGV']), 'was ended by SIGSEGV');
  assert.is(await how('leaving', [3]), 'ended with exit code 3');
  assert.is(await how('busy', [busyFile], { timeoutMs: 1500 }), 'did not end within 1.5 s');
});

test('it inherits the options of Node, and no script', () => {
  assert.equal(inheritedOptions(['--import', 'tsx', '--input-type=module', '-e', 'start()', '--trace-warnings']), ['--import', 'tsx', '--trace-warnings']);
  assert.equal(inheritedOptions(['--print', 'start()']), []);
});

test('it ends with its caller, even where it hangs', async () => {
  const caller = spawn(process.execPath, ['--import', 'tsx', join(root, 'test/dag/programs/call-busy.ts'), root, busyFile], { stdio: ['ignore', 'inherit', 'inherit'] });
  await until(() => existsSync(busyFile) && readFileSync(busyFile, 'utf8') !== '');
  const pid = Number(readFileSync(busyFile, 'utf8'));
  assert.ok(isAlive(pid));
  caller.kill('SIGKILL');
  await until(() => !isAlive(pid));
});

test.run();
