/** `check` finds what is damaged, says where and whose it is, and with --repair the next run makes it again. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, file, gather, output, stage } from '../../stages/dag/index.ts';
import { Project } from './project.ts';
import { filesUnder, replaceFile } from './store-help.ts';
import type { CheckReport } from '../../stages/dag/store.ts';

const split = stage({ name: 'split', title: 'Split the text', determinism: 'exact', module: 'split.ts', outputs: ['words'], where: 'in-process' });
const tally = stage({ name: 'tally', title: 'Count the words', determinism: 'exact', module: 'tally.ts', outputs: ['lines'], where: 'in-process' });
const page = stage({ name: 'page', title: 'Draw the tally', determinism: 'exact', module: 'page.ts', outputs: ['site'], where: 'in-process' });
const big = stage({ name: 'big', title: 'Make much', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'], unstableOutputs: ['log'], where: 'in-process' });

const test = suite<{ project: Project; factor: number }>('dag: check');
test.before.each(async (context) => {
  context.factor = 1;
  context.project = new Project('words', () => {
    const splits = [2, 3, 4].map((n) => cell(split, String(n), { params: { characters: n, factor: context.factor }, inputs: { text: file('text.txt') } }));
    const all = cell(tally, 'all', { inputs: { words: gather(splits.map((one) => output(one))) } });
    return { name: 'words', cells: [...splits, all, cell(page, 'index', { inputs: { lines: output(all) } }), cell(big, 'one', { params: { n: 3, act: 'large' } })], exports: [{ to: 'site', from: [{ kind: 'output', cell: 'page:index', output: 'site' }] }] };
  });
  context.project.write('text.txt', 'to be one or two');
  writeFileSync(context.project.path('use.ts'), readFileSync(new URL('./pipelines/tools/use.ts', import.meta.url)));
  await context.project.run();
});
test.after.each(({ project }) => project.remove());

async function check(project: Project, ...argv: string[]): Promise<{ code: number; report: CheckReport & { damagedLists: readonly unknown[]; repaired: boolean } }> {
  const { code, lines } = await project.command('check', '--json', ...argv);
  return { code, report: JSON.parse(lines[0]!) as CheckReport & { damagedLists: readonly unknown[]; repaired: boolean } };
}

/** Where the bytes of an output lie. */
function change(project: Project, folder: 'packs' | 'objects', text: string, how: (bytes: Buffer, at: number) => Uint8Array | undefined): void {
  for (const name of filesUnder(project.path('.bitwidth', folder))) {
    const path = project.path('.bitwidth', folder, name);
    const bytes = readFileSync(path);
    const at = bytes.indexOf(text);
    if (at < 0) continue;
    const changed = how(bytes, at);
    if (changed === undefined) rmSync(path);
    else replaceFile(path, changed);
    return;
  }
  throw new Error(`nothing in ${folder} holds ${text}`);
}

const flipped = (bytes: Buffer, at: number): Uint8Array => { bytes[at]! ^= 1; return bytes; };
const TWO = '["to","be","or"]';
const LARGE = '\x03\x03\x03\x03';

test('a sound store: exit code 0, everything was looked at', async ({ project }) => {
  const { code, report } = await check(project);
  assert.is(code, 0);
  assert.equal([report.damagedObjects, report.damagedLines, report.damagedLists, report.repaired], [[], [], [], false]);
  assert.is(report.records, 6);
  assert.ok(report.bytes > 3 << 20);
  const { lines } = await project.command('check');
  assert.match(lines.at(-1)!, /^\d+ objects \(3\.1 MB\) and 6 records looked at: all are sound\.$/);
});

for (const [what, folder, text, how, finding] of [
  ['a flipped bit in a pack', 'packs', TWO, flipped, /^damaged: object [0-9a-f]{12} in packs\/[0-9a-f]{64}\.pack at byte \d+: its bytes hash to [0-9a-f]{12} \(split:2\)$/m],
  ['a flipped bit of a large object', 'objects', LARGE, flipped, /^damaged: object [0-9a-f]{12} in objects\/..\/[0-9a-f]{64}: its bytes hash to [0-9a-f]{12} \(big:one\)$/m],
  ['a pack that was cut', 'packs', TWO, (bytes: Buffer) => bytes.subarray(0, -1), /its pack has \d+ bytes instead of \d+ \(/],
  ['a large object that was cut', 'objects', LARGE, (bytes: Buffer) => bytes.subarray(0, 9), /its bytes hash to .* \(big:one\)$/m],
  ['a large object that was emptied', 'objects', LARGE, () => new Uint8Array(0), /its bytes hash to .* \(big:one\)$/m],
  ['a pack that is gone', 'packs', TWO, () => undefined, /^gone: object [0-9a-f]{12}: it is not in the store \(split:2\)$/m],
  ['a large object that is gone', 'objects', LARGE, () => undefined, /^gone: object [0-9a-f]{12}: it is not in the store \(big:one\)$/m],
] as const) {
  test(`${what} is found; --repair sets it aside; the next run makes it again`, async ({ project }) => {
    const site = project.read('site/index.html');
    change(project, folder, text, how);
    const before = filesUnder(project.path('.bitwidth')).filter((name) => !/^(cache|build)\//.test(name));
    const { code, lines } = await project.command('check');
    assert.is(code, 1);
    assert.match(lines.join('\n'), finding);
    assert.match(lines.join('\n'), /"check --repair" sets it aside/);
    assert.equal(filesUnder(project.path('.bitwidth')).filter((name) => !/^(cache|build)\//.test(name)), before, 'looking changes nothing');
    assert.is((await check(project, '--repair')).code, 0);
    const again = await check(project);
    assert.equal([again.code, again.report.damagedObjects], [0, []]);
    const { ran, code: ended } = await project.run();
    assert.is(ended, 0);
    assert.ok(ran.length > 0);
    assert.equal((await project.run()).ran, []);
    assert.is(project.read('site/index.html'), site);
    assert.is((await check(project)).code, 0);
  });
}

test('damaged bytes are kept in aside/ with the reason', async ({ project }) => {
  change(project, 'objects', LARGE, flipped);
  await check(project, '--repair');
  const aside = readdirSync(project.path('.bitwidth/aside'));
  assert.is(aside.length, 2);
  assert.is(readFileSync(project.path('.bitwidth/aside', aside.find((name) => !name.endsWith('.reason'))!)).length, 3 << 20);
});

test('an object that no record cites is looked at too: equal bytes would be taken for it', async ({ project }) => {
  const name = 'ab'.repeat(32);
  const [folder] = readdirSync(project.path('.bitwidth/objects'));
  renameSync(project.path('.bitwidth/objects', folder!), project.path('.bitwidth/objects/ab'));
  const [file] = readdirSync(project.path('.bitwidth/objects/ab'));
  renameSync(project.path('.bitwidth/objects/ab', file!), project.path('.bitwidth/objects/ab', name));
  const { report } = await check(project);
  assert.equal(report.damagedObjects.map(({ sha256, cells }) => [sha256.slice(0, 4), cells]), [['abab', []], [file!.slice(0, 4), ['big:one']]]);
  await check(project, '--repair');
  assert.not.ok(existsSync(project.path('.bitwidth/objects/ab', name)));
});

test('a flipped bit in the log: the line and its cell are named, the next run computes it again and the store is sound', async ({ project }) => {
  const [segment] = readdirSync(project.path('.bitwidth/records'));
  const path = project.path('.bitwidth/records', segment!);
  replaceFile(path, Buffer.from(readFileSync(path, 'utf8').replace('"cell":"split:3","key"', '"cell":"split:3","kex"').replace(/("cell":"split:3",[^\n]*"status":"done)/, '$1x')));
  const { code, lines } = await project.command('check');
  assert.is(code, 1);
  assert.match(lines.join('\n'), /^damaged: a line of records\/\S+\.ndjson at byte \d+ \(\d+ bytes\): its checksum does not hold; it seems to be about split:3: what stood there counts as never computed$/m);
  const { ran, events } = await project.run();
  assert.equal(ran, ['split:3']);
  assert.ok(events.some(({ event, sentence }) => event === 'warning' && /^\d lines? of the log cannot be trusted/.test(String(sentence))), JSON.stringify(events));
  assert.is((await check(project)).code, 0, 'a run has told of it');
  assert.not.match((await project.command('status')).lines.join('\n'), /cannot be trusted/);
});

test('the log cut at any byte is no damage: what was not finished was not promised', async ({ project }) => {
  const [segment] = readdirSync(project.path('.bitwidth/records'));
  const path = project.path('.bitwidth/records', segment!);
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length += 97) {
    replaceFile(path, whole.subarray(0, length));
    assert.equal((await check(project)).report.damagedLines, [], `cut at ${length}`);
  }
});

test('what is remembered of an exported folder cut at any line: a file that is gone is written again', async ({ project }) => {
  const name = filesUnder(project.path('.bitwidth/cache')).find((one) => one.startsWith('export-'))!;
  const path = project.path('.bitwidth/cache', name);
  const whole = readFileSync(path);
  const site = project.read('site/index.html');
  for (let length = whole.indexOf('\n') + 1; length > 0; length = whole.indexOf('\n', length) + 1) {
    replaceFile(path, whole.subarray(0, length));
    rmSync(project.path('site'), { recursive: true });
    assert.equal((await project.run()).ran, []);
    assert.is(project.read('site/index.html'), site, `cut at ${length}`);
  }
});

test('an object replaced by a link to nothing or to a folder is set aside and made again', async ({ project }) => {
  for (const target of ['nothing', 'logs']) {
    const [name] = filesUnder(project.path('.bitwidth/objects'));
    const path = project.path('.bitwidth/objects', name!);
    rmSync(path);
    symlinkSync(project.path('.bitwidth', target), path);
    assert.is((await check(project, '--repair')).code, 0, target);
    assert.is((await project.run()).code, 0);
    assert.is((await check(project)).code, 0);
  }
});

test('a result that only an earlier setting needs may be gone, and is not called damage', async (context) => {
  const { project } = context;
  context.factor = 2;
  project.write('text.txt', 'a be too four');
  await project.run();
  change(project, 'packs', TWO, () => undefined);
  const { report } = await check(project);
  assert.ok(report.damagedObjects.every(({ cells }) => !cells.includes('split:2')), JSON.stringify(report.damagedObjects));
});

test('a damaged list of a kept run is found and set aside', async ({ project }) => {
  assert.is((await project.command('keep', '--as', 'first')).code, 0);
  const path = project.path('.bitwidth/kept/first.json.gz');
  replaceFile(path, flipped(readFileSync(path), 40));
  const { code, lines } = await project.command('check');
  assert.is(code, 1);
  assert.match(lines.join('\n'), /^damaged: the list of the kept run first \(kept\/first\.json\.gz\): its bytes are not what was written$/m);
  const refused = await project.command('gc', '--yes');
  assert.equal([refused.code, refused.complaints.length], [2, 1]);
  assert.is((await project.command('check', '--repair')).code, 0);
  assert.is((await project.command('check')).code, 0);
});

test('--help, and what is no option', async ({ project }) => {
  assert.match((await project.command('check', '--help')).lines.join('\n'), /--repair/);
  assert.is((await project.command('check', '--repare')).code, 2);
  assert.is((await project.command('check', 'split')).code, 2);
});

test.run();
