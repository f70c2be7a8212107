/** What a person reads on coming back: who is at work, what happened meanwhile, and why a past run computed what it did. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, file, stage } from '../../stages/dag/index.ts';
import { comesTrue, LaunchedProject } from './launched-project.ts';
import { Project } from './project.ts';

const TIME = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/.source;
const RUN = /\d{4}-\d\d-\d\dT[\d-]{8}-[0-9a-f]{8}/.source;

const test = suite<{ launched: LaunchedProject }>('dag: past runs');
test.before((context) => { context.launched = new LaunchedProject(); });
test.after(({ launched }) => launched.remove());

/** The lines of `status` below its table. */
async function recent(project: LaunchedProject): Promise<readonly string[]> {
  const lines = (await project.run('status')).out.trimEnd().split('\n');
  const blank = lines.indexOf('');
  return blank < 0 ? [] : lines.slice(blank + 1);
}

test('status: nothing is told where nothing happened; then a run in words, at most five lines', async ({ launched }) => {
  launched.settings({ names: ['ada', 'grace'] });
  assert.equal(await recent(launched), []);
  await launched.run('run');
  const [first, computed, ...more] = await recent(launched);
  assert.match(first!, new RegExp(`^Last run: ${TIME}, \\d+\\.\\d s: 3 cells computed; run ${RUN}$`));
  assert.match(computed!, /^  computed: (greet 2 \(.* s\), join 1 \(.* s\)|join 1 .*, greet 2 .*)$/);
  assert.equal(more, []);
  launched.settings({ names: ['ada', 'grace', 'edsger'] });
  await launched.run('run', 'greet');
  launched.settings({ names: ['ada', 'grace', 'edsger', 'barbara'] });
  await launched.run('run');
  const lines = await recent(launched);
  assert.is(lines.length, 4);
  assert.match(lines[2]!, new RegExp(`^Before that: ${TIME}, .* s: 1 cell computed \\(only greet\\); run ${RUN}$`));
  assert.match(lines[3]!, new RegExp(`^1 earlier run since ${TIME}: 3 cells computed$`));
});

test('status: who is at work, and since when; an interruption and a killed run are told as such', async ({ launched }) => {
  // Long enough for the first cell to outlast two calls of status on a loaded machine.
  launched.settings({ names: ['m', 'n'], slowMs: 4000 });
  const before = launched.workers().length;
  const { child, end } = launched.start(['run', '--jobs', '1']);
  assert.ok(await comesTrue(() => launched.workers().length > before));
  const during = (await launched.run('status')).out;
  assert.match(during, /^greet +- +- +2$/m, 'two are running');
  assert.match(during, new RegExp(`^running: greet:m and greet:n by process ${child.pid} on this machine, at work since ${TIME}$`, 'm'));
  child.kill('SIGSTOP');
  assert.match((await launched.run('status')).out, /^running: .*; it is stopped \(Ctrl-Z, SIGSTOP\): kill -CONT lets it go on$/m);
  child.kill('SIGCONT');
  child.kill('SIGINT');
  assert.is((await end).code, 130);
  const [line] = await recent(launched);
  assert.match(line!, new RegExp(`^Last run: ${TIME}, .* s: 1 cell computed, 2 left, interrupted; run ${RUN}$`));

  launched.settings({ names: ['m', 'n', 'o'], slowMs: 700 });
  const second = launched.start(['run', '--jobs', '1']);
  // The decisions of a task are written with its first record.
  assert.ok(await comesTrue(() => launched.segments().some((segment) => segment.includes('"cell":"greet:o"'))), 'a cell of the second run is on the disk');
  second.child.kill('SIGKILL');
  await second.end;
  const [killed] = await recent(launched);
  assert.match(killed!, new RegExp(`^Last run: ${TIME}, .* s: [12] cells? computed, cut off \\(its process was killed, or the machine went down\\); run ${RUN}$`));
});

test('why --run: the reasons of that run, also of one long past', async () => {
  let factor = 1;
  const split = stage({ name: 'split', title: 'Split the text', determinism: 'exact', module: 'split.ts', outputs: ['words'], where: 'in-process' });
  const project = new Project('words', () => ({ name: 'words', cells: [2, 3].map((n) => cell(split, String(n), { params: { characters: n, factor }, inputs: { text: file('text.txt') } })) }));
  try {
    project.write('text.txt', 'one two');
    const runOf = async (): Promise<string> => {
      await project.run();
      return (await project.command('why', 'split:2', '--run', 'last')).lines[0]!.split(' ')[1]!.replace(',', '');
    };
    const first = await runOf();
    factor = 2;
    const second = await runOf();
    project.write('text.txt', 'one two three');
    await project.run('split:3');
    const why = async (...argv: string[]): Promise<readonly string[]> => (await project.command('why', ...argv)).lines;
    const [head, id, computed, ...reasons] = await why('split:2', '--run', second);
    assert.match(head!, new RegExp(`^run ${second}, begun ${TIME}, on machine-`));
    assert.is(id, 'split:2');
    assert.match(computed!, new RegExp(`^  then computed ${TIME}, .* s, on machine-\\S+, because:$`));
    assert.equal(reasons, ['    params.factor 1 -> 2']);
    assert.equal((await why('split:2', '--run', first)).slice(3), ['    never computed']);
    assert.equal((await why('split:2', '--run', 'last')).slice(2), ['  was not computed then: it was up to date, was left undone, or was not asked for']);
    assert.equal((await why('split:3', '--run', 'last')).slice(3), ['    input text changed (text.txt)']);
    const { code, complaints } = await project.command('why', 'split:2', '--run', '20');
    assert.is(code, 2);
    assert.match(complaints[0]!, new RegExp(`^"20" may be 3 runs: ${first}, ${second}, ${RUN}$`));
  } finally {
    project.remove();
  }
});

test.run();
