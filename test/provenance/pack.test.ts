/** `pack` and `open`, and what a reader of packs refuses. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine, pipeline } from '../../stages/dag/index.ts';
import { provenanceCommands } from '../../provenance/index.ts';
import { hashOf } from '../../provenance/pack-format.ts';
import { openPack } from '../../provenance/pack-reader.ts';
import { reproductionOf } from '../../provenance/reproduction.ts';
import { openZip } from '../../provenance/zip-reader.ts';
import { writeZip } from '../../provenance/zip-writer.ts';
import { tableProject } from './study.ts';
import type { PackManifest, PackedCell } from '../../provenance/pack-format.ts';
import type { Project } from '../dag/project.ts';
import type { Settings } from './study.ts';

interface Said { readonly code: number; readonly text: string }
interface Context { settings: Settings; project: Project; say: (...argv: string[]) => Promise<Said>; pack: (name: string) => Promise<string> }
const test = suite<Context>('provenance: pack, open');
test.before.each(async (context) => {
  context.settings = { factor: 1, models: ['a', 'b'], rate: 100 };
  const { project, declare } = tableProject(context.settings);
  context.project = project;
  context.say = async (...argv) => {
    const lines: string[] = [];
    const code = await commandLine(() => pipeline({ ...declare(), root: project.root }), argv, { commands: provenanceCommands, print: (line) => lines.push(line), complain: (line) => lines.push(line) });
    return { code, text: lines.join('\n') };
  };
  context.pack = async (name) => {
    const { code, text } = await context.say('pack', '--to', project.path(name));
    assert.is(code, 0, text);
    return project.path(name);
  };
  await project.run();
});
test.after.each(({ project }) => project.remove());

/** The contents of a zip, to be changed. */
async function contents(file: string): Promise<Map<string, Buffer>> {
  const zip = await openZip(file);
  try {
    const files = new Map<string, Buffer>();
    for (const [name] of zip.files) files.set(name, Buffer.from(await zip.read(name)));
    return files;
  } finally {
    zip.close();
  }
}

async function packOf(file: string, files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  await writeZip(file, [...files].map(([path, bytes]) => ({ path, bytes })));
  return file;
}

test('a pack holds what was read, the sources, the records, the timings and the report; equal results have equal packs', async ({ project, pack }) => {
  const file = await pack('one.zip');
  const opened = await openPack(file);
  try {
    const paths = opened.files.map(({ path }) => path);
    for (const path of ['cells.ndjson', 'closures.json', 'machines.json', 'project/text.txt', 'project/count.ts', 'project/words.ts', 'site/index.html']) assert.ok(paths.includes(path), path);
    assert.is(opened.cells.length, 6);
    const timing = opened.cells.find(({ cell }) => cell === 'measure:a')!;
    assert.ok(paths.includes(`objects/${timing.record!.outputs['rows']!.sha256}`));
    assert.is((await opened.rows('metrics'))!.length, 4);
    assert.equal(opened.closure(opened.cells.find(({ cell }) => cell === 'count:a')!.record!.fields.code)!['words.ts']!.length, 64);
    assert.not.match(JSON.stringify(opened.cells), new RegExp(project.root));
  } finally {
    opened.close();
  }
  assert.equal(readFileSync(await pack('two.zip')), readFileSync(file));
});

test('open writes the report byte for byte, to a new folder only', async ({ project, say, pack }) => {
  const file = await pack('one.zip');
  const { code, text } = await say('open', file, '--to', project.path('seen'));
  assert.is(code, 0, text);
  assert.match(text, /6 results of 6 cells, \d+ files, every one as it is listed/);
  assert.equal(readdirSync(project.path('seen')), readdirSync(project.path('site')));
  assert.is(project.read('seen/index.html'), project.read('site/index.html'));
  assert.match((await say('open', file, '--to', project.path('seen'))).text, /not empty/);
  assert.match((await say('pack', '--to', file)).text, /exists; nothing is written over it/);
});

test('what may not be passed on stays out of a pack, which says so, and so does what quotes it', async ({ settings, project, say }) => {
  project.write('text.txt', 'to be or not to\nbe: that is the question\n');
  mkdirSync(project.path('data'), { recursive: true });
  project.write('data/prompts.yaml', 'prompts:\n  hamlet: { from: hamlet, text: "or not to be: that is" }\n');
  project.write('data/study.yaml', '# to be or not to say\ntexts: [hamlet]\n');
  for (const [redistribute, there] of [[false, false], [true, true]] as const) {
    settings.redistribute = redistribute;
    await project.run();
    const { code, text } = await say('pack', '--to', project.path(`${String(redistribute)}.zip`));
    assert.is(code, 0, text);
    const opened = await openPack(project.path(`${String(redistribute)}.zip`));
    for (const path of ['text.txt', 'data/prompts.yaml']) assert.is(opened.files.some((file) => file.path === `project/${path}`), there, path);
    assert.ok(opened.files.some(({ path }) => path === 'project/data/study.yaml'), 'five words in a row are no quotation');
    opened.close();
    assert.is(/left out: text\.txt: it may not be passed on \(redistribute: no\)/.test(text), !there, text);
    assert.is(/left out: data\/prompts\.yaml: it quotes text\.txt, which may not be passed on/.test(text), !there, text);
  }
});

test('a private word keeps a pack here', async ({ project, say }) => {
  process.env['BITWIDTH_TEST_TOKEN'] = 'to be or not';
  try {
    const { code, text } = await say('pack', '--to', project.path('one.zip'));
    assert.is(code, 2);
    assert.match(text, /project\/text\.txt, byte 0: the value of the variable BITWIDTH_TEST_TOKEN: .*nothing was written/);
    assert.not.ok(existsSync(project.path('one.zip')));
  } finally {
    delete process.env['BITWIDTH_TEST_TOKEN'];
  }
});

test('results that are out of date are not packed with sources of today; the last run is, and says what is missing', async (context) => {
  const { project, say } = context;
  project.write('words.ts', project.read('words.ts').replace('.length', '.length + 1'));
  const refused = await say('pack', '--to', project.path('stale.zip'));
  assert.is(refused.code, 2);
  assert.match(refused.text, /would be computed anew, such as count:a; "bitwidth run"/);
  assert.not.ok(existsSync(project.path('stale.zip')));
  const { code, text } = await say('pack', 'last', '--to', project.path('last.zip'));
  assert.is(code, 0, text);
  assert.match(text, /left out: words\.ts: it is not as it was when the results were computed/);
});

test('every change of a pack is refused, with its file', async ({ project, say, pack }) => {
  const sound = await contents(await pack('one.zip'));
  const refuses = async (change: (files: Map<string, Buffer>) => void, message: RegExp): Promise<void> => {
    const files = new Map(sound);
    change(files);
    const file = await packOf(project.path('changed.zip'), files);
    const { code, text } = await say('open', file, '--to', project.path('never'));
    assert.is(code, 2, text);
    assert.match(text, message);
    assert.not.ok(existsSync(project.path('never')), 'nothing is written');
  };
  const manifest = (files: Map<string, Buffer>, change: (value: { -readonly [name in keyof PackManifest]: unknown }) => void): void => {
    const value = JSON.parse(files.get('pack.json')!.toString()) as PackManifest;
    change(value as never);
    files.set('pack.json', Buffer.from(JSON.stringify(value)));
  };
  const flipped = (bytes: Buffer): Buffer => { const other = Buffer.from(bytes); other[other.length >> 1]! ^= 1; return other; };
  for (const name of sound.keys()) if (name !== 'pack.json') await refuses((files) => files.set(name, flipped(files.get(name)!)), new RegExp(`${name.replace(/[.]/g, '\\.')} is not what its list says: its sha256 is another`));
  await refuses((files) => files.delete('site/index.html'), /site\/index\.html is in its list and not in it/);
  await refuses((files) => files.set('site/extra.html', Buffer.from('x')), /"site\/extra\.html" is in it and not in its list/);
  await refuses((files) => files.set('cells.ndjson', Buffer.from('')), /cells\.ndjson has another size/);
  await refuses((files) => files.delete('pack.json'), /it is no pack/);
  await refuses((files) => files.set('pack.json', Buffer.from('[')), /pack\.json is no JSON/);
  await refuses((files) => manifest(files, (value) => { value.format = 99; }), /format 99, made by a newer version/);
  await refuses((files) => manifest(files, (value) => { value.files = 7; }), /does not say what it must/);
  await refuses((files) => manifest(files, (value) => { value.flags = ['--to=x']; }), /does not say what it must/);
});

test('a line of cells that lies about itself is refused even where its list was made to fit', async ({ project, say, pack }) => {
  const files = await contents(await pack('one.zip'));
  const cells = Buffer.from(files.get('cells.ndjson')!.toString().replace('"durationMs"', '"durationmS"'));
  const manifest = JSON.parse(files.get('pack.json')!.toString()) as { files: { path: string; sha256: string; bytes: number }[] };
  for (const one of manifest.files) if (one.path === 'cells.ndjson') Object.assign(one, { sha256: hashOf(cells), bytes: cells.length });
  files.set('cells.ndjson', cells);
  files.set('pack.json', Buffer.from(JSON.stringify(manifest)));
  assert.match((await say('open', await packOf(project.path('changed.zip'), files), '--to', project.path('never'))).text, /a line of cells\.ndjson does not say what it must/);
});

test('what is no zip, or a hostile one, is refused with the reason', async ({ project, say }) => {
  const refuses = async (message: RegExp): Promise<void> => {
    const { code, text } = await say('open', project.path('bad.zip'), '--to', project.path('never'));
    assert.is(code, 2, text);
    assert.match(text, message);
    assert.not.ok(existsSync(project.path('never')));
  };
  await refuses(/there is no such file/);
  project.write('bad.zip', 'no zip at all');
  await refuses(/it is no zip/);
  // Names are written over in place: the writer itself refuses them.
  for (const [plain, hostile, message] of [['aa/evil', '../evil', /leads out|invalid relative path/], ['aaaevil', '/etc/pw', /leads out|absolute path/], ['aa/bbbb', 'aa\\bbbb', /plain path|invalid characters/], ['./aaaaa'.replace('./', 'bb'), './aaaaa', /leads out|spelled/]] as const) {
    const file = await packOf(project.path('bad.zip'), new Map([[plain, Buffer.from('x')]]));
    writeFileSync(file, Buffer.from(readFileSync(file).toString('latin1').replaceAll(plain, hostile), 'latin1'));
    await refuses(message);
  }
  const twice = await packOf(project.path('bad.zip'), new Map([['same1', Buffer.from('x')], ['same2', Buffer.from('y')]]));
  writeFileSync(twice, Buffer.from(readFileSync(twice).toString('latin1').replaceAll('same2', 'same1'), 'latin1'));
  await refuses(/twice/);
  // A link: the external attributes of its entry in the central directory (38 bytes in) say what kind of file it is.
  const link = await packOf(project.path('bad.zip'), new Map([['link', Buffer.from('/etc/passwd')]]));
  const bytes = readFileSync(link);
  bytes.writeUInt32LE((0o120777 << 16) >>> 0, bytes.indexOf(Buffer.from('PK\x01\x02')) + 38);
  writeFileSync(link, bytes);
  await refuses(/no regular file/);
  // Its directory says that it unpacks to 4 GB less one byte, twice.
  const bomb = await packOf(project.path('bad.zip'), new Map([['a.txt', Buffer.from('aaaa')], ['b.txt', Buffer.from('bbbb')], ['c.txt', Buffer.from('cccc')]]));
  const large = readFileSync(bomb);
  for (let at = large.indexOf('PK\x01\x02'); at >= 0; at = large.indexOf('PK\x01\x02', at + 4)) large.writeUInt32LE(0xfffffffe, at + 24);
  writeFileSync(bomb, large);
  await refuses(/unpacks to more than/);
});

test('a reproduction tells equal, different and not run apart, and what rests on timings', async (context) => {
  const { settings, project, pack } = context;
  const about = { by: 'test', machine: 'here', cpu: 'one', when: '2026-01-01T00:00:00+00:00' };
  const then = await openPack(await pack('then.zip'));
  settings.rate = 120;
  await project.run();
  const timed = await openPack(await pack('timed.zip'));
  settings.rate = 100;
  project.write('words.ts', project.read('words.ts').replace('.length', '.length + 1'));
  await project.run();
  const changed = await openPack(await pack('changed.zip'));
  try {
    const same = await reproductionOf(then, timed, about);
    assert.equal(same.cells, Object.fromEntries(['count:a', 'count:b'].map((cell) => [cell, { key: keyIn(then.cells, cell), result: 'equal' }])), 'the table and the page rest on timings');
    assert.equal(same.otherCode, []);
    const other = await reproductionOf(then, changed, about);
    assert.equal(Object.values(other.cells).map(({ result }) => result), ['differs', 'differs']);
    assert.equal(other.otherCode, ['words.ts']);
  } finally {
    for (const one of [then, timed, changed]) one.close();
  }
});

test('the ledger takes what a reproduction wrote, and holds it against the results of today', async (context) => {
  const { project, say, pack } = context;
  assert.match((await say('ledger')).text, /There are no reproductions/);
  const then = await openPack(await pack('then.zip'));
  const found = await reproductionOf(then, then, { by: 'a lab', machine: '2 cores', cpu: 'Some CPU', when: '2026-01-01T00:00:00+00:00' });
  then.close();
  project.write('found.json', JSON.stringify(found));
  const added = await say('ledger', 'add', project.path('found.json'));
  assert.is(added.code, 0, added.text);
  assert.match(added.text, /2026-01-01, a lab, Some CPU \(2 cores\); 2 of 2 results that count now came out equal$/);
  await say('ledger', 'add', project.path('found.json'));
  assert.is(readdirSync(project.path('data/reproductions')).length, 1, 'the same one is one');
  project.write('text.txt', 'another');
  await project.run();
  assert.match((await say('ledger')).text, /0 of 0 results that count now came out equal, 2 are of earlier results/);
  for (const [text, message] of [['{', /it is no JSON/], ['{}', /it is no reproduction/], [JSON.stringify({ ...found, format: 9 }), /format 9/], [JSON.stringify({ ...found, cells: { x: { key: '..', result: 'equal' } } }), /does not say what a reproduction must/]] as const) {
    project.write('bad.json', text);
    const { code, text: answer } = await say('ledger', 'add', project.path('bad.json'));
    assert.is(code, 2);
    assert.match(answer, message);
  }
});

const keyIn = (cells: readonly PackedCell[], cell: string): string => cells.find((one) => one.cell === cell)!.record!.key;

test.run();
