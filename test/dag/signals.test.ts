/** Interruptions: the first lets running cells finish, the second stops at once, and no process outlives the run. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { comesTrue, isAlive, LaunchedProject } from './launched-project.ts';

const test = suite<{ project: LaunchedProject }>('dag: signals');
test.before((context) => { context.project = new LaunchedProject(); });
test.after(({ project }) => project.remove());

/** Starts a run and waits until a worker has begun its `cells`-th cell. */
async function untilBegun(project: LaunchedProject) {
  const before = project.workers().length;
  const { child, end } = project.start(['run', '--json', '--jobs', '1']);
  assert.ok(await comesTrue(() => project.workers().length > before), 'a worker begins');
  return { child, end, worker: project.workers().at(-1)! };
}

test('Ctrl-C once: the running cell is committed, the rest is left, exit code 130', async ({ project }) => {
  project.settings({ names: ['a', 'b'], slowMs: 800 });
  const { child, end, worker } = await untilBegun(project);
  child.kill('SIGINT');
  const { code, out } = await end;
  assert.is(code, 130);
  const done = JSON.parse(out.trimEnd().split('\n').at(-1)!) as { [field: string]: unknown };
  assert.equal({ ...done, durationMs: 0 }, { event: 'done', ran: 1, cached: 0, failed: 0, skipped: 2, interrupted: true, durationMs: 0 });
  assert.ok(await comesTrue(() => !isAlive(worker)));
  const next = await project.run('run', '--json');
  assert.is(next.code, 0);
  assert.match(next.out, /"ran":2,"cached":1/);
});

test('twice: stopped at once, also in a computation that leaves the event loop no turn', async ({ project }) => {
  project.settings({ names: ['x'], computeMs: 60_000 });
  const { child, end, worker } = await untilBegun(project);
  child.kill('SIGTERM');
  assert.ok(isAlive(worker));
  await new Promise((resolve) => setTimeout(resolve, 100));
  child.kill('SIGTERM');
  assert.is((await end).code, 130);
  assert.ok(await comesTrue(() => !isAlive(worker)));
});

test('the coordinator killed with SIGKILL: its worker goes too, and the next run needs no hand', async ({ project }) => {
  project.settings({ names: ['y'], computeMs: 60_000 });
  const { child, end, worker } = await untilBegun(project);
  child.kill('SIGKILL');
  await end;
  assert.ok(await comesTrue(() => !isAlive(worker)), 'the worker notices that its parent is gone');
  project.settings({ names: ['y'], slowMs: 1 });
  assert.is((await project.run('run')).code, 0);
});

test.run();
