/** Several runs at once in one folder, as processes: each cell is computed once, all end with the same bytes, the dead hold nothing up. */
import { readFileSync, rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openStore } from '../../stages/dag/open-store.ts';
import { comesTrue, LaunchedProject } from './launched-project.ts';

const test = suite<{ project: LaunchedProject }>('dag: runs at once');
test.before((context) => { context.project = new LaunchedProject(); });
test.after(({ project }) => project.remove());

const names = (prefix: string, n: number): readonly string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}`);

interface Done { readonly ran: number; readonly cached: number; readonly failed: number; readonly skipped: number; readonly durationMs: number }
const doneOf = (out: string): Done => JSON.parse(out.trimEnd().split('\n').at(-1)!) as Done;

/** Lines of spans.log: '+greet:a' where a cell was begun, '-greet:a' where it was done. */
const spans = (project: LaunchedProject): readonly string[] => readFileSync(project.path('spans.log'), 'utf8').split('\n').filter((line) => line !== '');

async function finalHash(project: LaunchedProject): Promise<string> {
  const store = openStore({ folder: project.path('.bitwidth') });
  try {
    const record = store.newestOfCell('join:all')!;
    assert.equal(store.missingOutputs(record), []);
    assert.equal((await store.check()).damagedObjects, []);
    return record.outputs['out']!.sha256;
  } finally {
    await store.close();
  }
}

for (const runs of [2, 4]) {
  test(`${runs} runs: each cell is computed once, and the bytes are those of one run alone`, async ({ project }) => {
    const all = names(`together${runs}-`, 24);
    project.settings({ names: all, slowMs: 40, batches: 8 });
    const ends = await Promise.all(Array.from({ length: runs }, () => project.run('run', '--json', '--jobs', '2')));
    const counts = ends.map(({ code, out, err }) => {
      assert.is(code, 0, err);
      return doneOf(out);
    });
    assert.is(counts.reduce((sum, { ran }) => sum + ran, 0), 25, JSON.stringify(counts));
    for (const { ran, cached, failed, skipped } of counts) assert.equal([ran + cached, failed, skipped], [25, 0, 0]);
    assert.equal(spans(project).filter((line) => line.startsWith(`+greet:together${runs}-`)).sort(), all.map((name) => `+greet:${name}`).sort());
    const together = await finalHash(project);
    rmSync(project.path('.bitwidth/records'), { recursive: true });
    assert.is((await project.run('run', '--json')).code, 0);
    assert.is(await finalHash(project), together);
  });
}

test('a run that dies in the middle: the other takes over within seconds, and redoes nothing that was kept', async ({ project }) => {
  const all = names('widow', 8);
  project.settings({ names: all, slowMs: 300, batches: 8 });
  const before = project.workers().length;
  const dying = project.start(['run', '--json', '--jobs', '2']);
  assert.ok(await comesTrue(() => project.workers().length > before));
  const other = project.start(['run', '--json', '--jobs', '2']);
  assert.ok(await comesTrue(() => spans(project).filter((line) => line.startsWith('-greet:widow')).length >= 2));
  dying.child.kill('SIGKILL');
  const killedAtMs = performance.now();
  await dying.end;
  const { code, out } = await other.end;
  assert.is(code, 0);
  assert.is(doneOf(out).failed + doneOf(out).skipped, 0);
  // Six cells of 0.3 s at most; that a heartbeat has stopped would show after 30 s only.
  assert.ok(performance.now() - killedAtMs < 15_000, `${Math.round(performance.now() - killedAtMs)} ms after the death`);
  const begun = spans(project).filter((line) => line.startsWith('+greet:widow'));
  // Two were at work, and two had ended so shortly before that their commits were on the way.
  assert.ok(begun.length <= all.length + 4, `only what was in flight is begun again: ${begun.join(' ')}`);
});

test('timings of two runs do not overlap, nor does other work of either overlap them', async ({ project }) => {
  project.settings({ names: [...names('hum', 5), ...names('lap', 3)], slowMs: 250, batches: 8, timed: true });
  const first = project.start(['run', '--json', '--jobs', '2']);
  const second = project.start(['run', '--json', '--jobs', '1']);
  for (const { code } of await Promise.all([first.end, second.end])) assert.is(code, 0);
  const lines = spans(project).filter((line) => /^.(greet:lap|hum:)/.test(line));
  assert.is(lines.length, 16, lines.join(' '));
  for (const [i, line] of lines.entries()) if (line.startsWith('+greet')) assert.is(lines[i + 1], line.replace('+', '-'), lines.join(' '));
});

test.run();
