/** Interruptions: the first lets running cells finish, the second stops at once, and no process outlives the run. */
import { execFileSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { comesTrue, isAlive, LaunchedProject } from './launched-project.ts';

const test = suite<{ project: LaunchedProject }>('dag: signals');
test.before((context) => { context.project = new LaunchedProject(); });
test.after(({ project }) => project.remove());

/** The letter of a process's state: 'T' for stopped. */
function stateOf(pid: number): string | undefined {
  const stat = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stat.trim()[0];
}

/** Starts a run and waits until a worker has begun a cell. */
async function untilBegun(project: LaunchedProject) {
  const before = project.workers().length;
  const { child, end } = project.start(['run', '--json', '--jobs', '1']);
  assert.ok(await comesTrue(() => project.workers().length > before), 'a worker begins');
  return { child, end, worker: project.workers().at(-1)! };
}

for (const [signal, names] of [['SIGINT', ['a', 'b']], ['SIGTERM', ['c', 'd']], ['SIGHUP', ['e', 'f']]] as const) {
  test(`${signal} once: the running cell is committed, the rest is left, exit code 130, no process stays`, async ({ project }) => {
    project.settings({ names, slowMs: 800, child: true });
    const { child, end, worker } = await untilBegun(project);
    child.kill(signal);
    const { code, out } = await end;
    assert.is(code, 130);
    const done = JSON.parse(out.trimEnd().split('\n').at(-1)!) as { [field: string]: unknown };
    assert.equal({ ...done, durationMs: 0 }, { event: 'done', ran: 1, cached: 0, failed: 0, skipped: 2, interrupted: true, durationMs: 0 });
    assert.match(out, /"stopping: running cells end where their stage can stop, finished or not, and what is done is kept; once more to stop at once"/);
    assert.ok(await comesTrue(() => ![worker, project.children().at(-1)!].some(isAlive)));
    const next = await project.run('run', '--json');
    assert.is(next.code, 0);
    assert.match(next.out, /"ran":2,"cached":1/);
  });
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} twice: stopped at once, also in a computation that leaves the event loop no turn, and what it had started goes too`, async ({ project }) => {
    project.settings({ names: [`x-${signal}`], computeMs: 60_000, child: true });
    const { child, end, worker } = await untilBegun(project);
    assert.ok(await comesTrue(() => project.children().length > 0 && isAlive(project.children().at(-1)!)));
    child.kill(signal);
    assert.ok(isAlive(worker));
    await new Promise((resolve) => setTimeout(resolve, 100));
    child.kill(signal);
    assert.is((await end).code, 130);
    assert.ok(await comesTrue(() => ![worker, project.children().at(-1)!].some(isAlive)));
  });
}

test('the coordinator killed with SIGKILL: its worker goes too, and the compiler that this one had started; the next run needs no hand', async ({ project }) => {
  project.settings({ names: ['y'], computeMs: 60_000, child: true });
  const before = project.children().length;
  const { child, end, worker } = await untilBegun(project);
  assert.ok(await comesTrue(() => project.children().length > before));
  const grandchild = project.children().at(-1)!;
  assert.ok(isAlive(grandchild));
  child.kill('SIGKILL');
  await end;
  assert.ok(await comesTrue(() => !isAlive(worker)), 'the worker notices that its parent is gone');
  assert.ok(await comesTrue(() => !isAlive(grandchild)), 'and takes along what it had started');
  project.settings({ names: ['y'], slowMs: 1 });
  assert.is((await project.run('run')).code, 0);
});

test('a worker killed with SIGKILL: what it had started goes too', async ({ project }) => {
  project.settings({ names: ['z'], slowMs: 500, child: true });
  const { end, worker } = await untilBegun(project);
  assert.ok(await comesTrue(() => project.children().length > 0 && isAlive(project.children().at(-1)!)));
  const grandchild = project.children().at(-1)!;
  process.kill(worker, 'SIGKILL');
  assert.is((await end).code, 0, 'the cell is tried again');
  assert.ok(await comesTrue(() => ![grandchild, project.children().at(-1)!].some(isAlive)));
});

test('Ctrl-Z stops the workers too, and their going on is the run\'s', async ({ project }) => {
  project.settings({ names: ['sleeper'], slowMs: 700 });
  const { child, end, worker } = await untilBegun(project);
  child.kill('SIGTSTP');
  assert.ok(await comesTrue(() => [child.pid!, worker].every((pid) => stateOf(pid) === 'T')), 'both are stopped');
  child.kill('SIGCONT');
  assert.is((await end).code, 0);
});

test('a timing during which its process stood still is thrown away and taken again', async ({ project }) => {
  project.settings({ names: ['clock'], slowMs: 600, timed: true });
  const { end, worker } = await untilBegun(project);
  process.kill(worker, 'SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 1600));
  process.kill(worker, 'SIGCONT');
  const { code, out } = await end;
  assert.is(code, 0);
  const events = out.trimEnd().split('\n').map((line) => JSON.parse(line) as { event: string; cell?: string; sentence?: string; durationMs?: number });
  assert.match(events.find(({ event }) => event === 'warning')!.sentence!, /^greet: the process stood still for 1\.\d s while it timed \(.*\); 1 cell of it will be timed again$/);
  assert.is(events.filter(({ event, cell }) => event === 'ran' && cell === 'greet:clock').length, 1);
  assert.ok(events.find(({ event, cell }) => event === 'ran' && cell === 'greet:clock')!.durationMs! < 1600, 'what is kept is the second timing');
});

test('what is no timing is not thrown away', async ({ project }) => {
  project.settings({ names: ['exact'], slowMs: 600 });
  const { end, worker } = await untilBegun(project);
  process.kill(worker, 'SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 1300));
  process.kill(worker, 'SIGCONT');
  const { code, out } = await end;
  assert.is(code, 0);
  assert.not.match(out, /stood still/);
});

test.run();
