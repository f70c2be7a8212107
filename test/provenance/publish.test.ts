/** What leaves is looked through first: a canary in each place; and what is published stays. */
import { gzipSync } from 'node:zlib';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MANIFEST_FILE, manifestText } from '../../reports/manifest.ts';
import { openWarehouse, sqlText } from '../../reports/warehouse.ts';
import { hashOf } from '../../provenance/pack-format.ts';
import { privateWords } from '../../provenance/private-words.ts';
import { filesToPublish, publishTo } from '../../provenance/publish.ts';
import { scan } from '../../provenance/scan.ts';
import { writeZip } from '../../provenance/zip-writer.ts';
import type { Finding } from '../../provenance/scan.ts';
import { SiteProject } from './site-project.ts';

// Put together, so that no one who looks for tokens takes this file for a leak.
const TOKEN = `hf_${'Ab3'.repeat(12)}`;
const WORDS = privateWords({ env: { HF_TOKEN: 'tell-nobody-this "quote"', GITHUB_TOKEN: 'short', API_KEY: 'true', PATH: '/usr/bin:/usr/local/bin' }, home: '/people/margarete', user: 'margarete', host: 'tower7.lab.example.edu', root: '/people/margarete/studies/mine' });

const scanning = suite<{ folder: string }>('provenance: what is private');
scanning.before.each((context) => { context.folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-private-'))); });
scanning.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const kinds = (findings: readonly Finding[]): string[] => findings.map(({ kind }) => kind);
const inText = async (text: string): Promise<string[]> => kinds(await scan('x', Buffer.from(text), WORDS));

scanning('each kind in plain text, with its place, and never the whole of it', async () => {
  const [found] = await scan('page.html', Buffer.from(`<p>é ${TOKEN}</p>`), WORDS);
  assert.equal(found, { where: 'page.html', offset: 6, kind: 'a token of Hugging Face', shown: `hf_A… (${TOKEN.length} characters)` });
  for (const [text, kind] of [
    ['in /people/margarete/x', 'the home folder'], ['by margarete,', "the user's name"], ['on tower7 here', "the machine's name"], ['tower7.lab.example.edu', "the machine's name"],
    ['x@university.edu', 'an e-mail address'], ['tell-nobody-this "quote"', 'the value of the variable HF_TOKEN'], ['tell-nobody-this \\"quote\\"', 'the value of the variable HF_TOKEN'], ['tell-nobody-this &quot;quote&quot;', 'the value of the variable HF_TOKEN'],
    ['a/%2Fpeople%2Fmargarete', 'the home folder'], [`gh${'p'}_${'a'.repeat(36)}`, 'a token of GitHub'], [`AK${'IA'}${'A1'.repeat(8)}`, 'a key of AWS'], [`-----BEGIN OPENSSH PRIVATE${' '}KEY-----`, 'a private key'], ['https://me:secret99@host/x', 'a password in an address'],
    [`eyJ${'a'.repeat(12)}.eyJ${'b'.repeat(12)}.${'c'.repeat(12)}`, 'a signed token (JWT)'],
  ] as const) assert.ok((await inText(text)).includes(kind), `${kind} in ${text}`);
});

scanning('what only looks like it is none', async () => {
  for (const text of ['margaretes and unmargarete-like', 'tower70', 'a@b', 'me@example.org', 'root and node and user', 'short', 'PATH=/usr/bin:/usr/local/bin', 'sk-eleton', 'nf4 @ 0.5', 'hf:org/name@main']) assert.equal(await inText(text), [], text);
  const common = privateWords({ env: {}, home: '/r', user: 'root', host: 'localhost', root: '/work' });
  assert.equal(common, [], 'names that every machine has tell nothing');
});

scanning('a canary in each place: gzip, zip, zip in zip, Parquet, DuckDB, a name of a file', async ({ folder }) => {
  const has = async (path: string, bytes: Uint8Array, where: RegExp): Promise<void> => {
    const found = await scan(path, bytes, WORDS);
    assert.ok(found.some((one) => one.kind === 'a token of Hugging Face' && where.test(one.where)), `${path}: ${JSON.stringify(found)}`);
  };
  await has('a.csv.gz', gzipSync(`x,${TOKEN}`), /^a\.csv\.gz \(unpacked\)$/);
  await writeZip(join(folder, 'inner.zip'), [{ path: 'deep.txt', bytes: Buffer.from(TOKEN) }]);
  await writeZip(join(folder, 'outer.zip'), [{ path: 'inner.zip', bytes: readFileSync(join(folder, 'inner.zip')) }]);
  await has('outer.zip', readFileSync(join(folder, 'outer.zip')), /^outer\.zip \(inner\.zip\) \(deep\.txt\)$/);
  await has('named.txt', Buffer.from(`data/${TOKEN}.csv`), /named/);
  const warehouse = await openWarehouse({ schema: readFileSync(new URL('../../data/schema.sql', import.meta.url), 'utf8'), rows: new Map([['texts', `${JSON.stringify({ text: 't', title: TOKEN, author: 'a', year: 1900, bytes: 1, cell: 'c' })}\n`.repeat(1)]]), scratch: folder });
  try {
    await warehouse.execute(`COPY texts TO ${sqlText(join(folder, 't.parquet'))} (FORMAT parquet, COMPRESSION zstd)`);
    await warehouse.execute(`ATTACH ${sqlText(join(folder, 't.duckdb'))} AS results; COPY FROM DATABASE memory TO results; DETACH results`);
  } finally {
    warehouse.close();
  }
  await has('t.parquet', readFileSync(join(folder, 't.parquet')), /^t\.parquet \(table rows\)$/);
  await has('t.duckdb', readFileSync(join(folder, 't.duckdb')), /^t\.duckdb \(table texts\)$/);
});

scanning('what cannot be looked into is told', async () => {
  // The shortest files, alone in their memory: tables without rows.
  for (const short of ['', 'PK', 'DUCK']) assert.equal(await scan('x', new TextEncoder().encode(short).slice(), WORDS), []);
  assert.equal(kinds(await scan('x.gz', Buffer.from('\x1f\x8b and no more', 'latin1'), WORDS)), ['something that cannot be looked into']);
  assert.equal(kinds(await scan('x.parquet', Buffer.from('PAR1 nothing PAR1'), WORDS)), ['something that cannot be looked into']);
  assert.equal(kinds(await scan('x.zip', Buffer.from('PK\x03\x04 nothing', 'latin1'), WORDS)), ['something that cannot be looked into']);
});
scanning.run();

interface Context { root: string; site: (text: string) => string; to: string; publish: (text: string) => string }
const test = suite<Context>('provenance: publish');
test.before.each((context) => {
  context.root = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-publish-')));
  context.to = join(context.root, 'public');
  context.site = (text) => {
    const folder = join(context.root, 'site');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, 'assets'), { recursive: true });
    mkdirSync(join(folder, 'data'));
    const files = { 'index.html': text, 'assets/style.css': 'a {}', 'assets/script.js': '' };
    for (const [path, content] of Object.entries(files)) writeFileSync(join(folder, path), content);
    writeFileSync(join(folder, MANIFEST_FILE), manifestText(new Map(Object.entries(files).map(([path, content]) => [path, { bytes: content.length, sha256: hashOf(content) }]))));
    writeFileSync(join(folder, 'left-behind.txt'), 'in no list');
    return folder;
  };
  context.publish = (text) => {
    const folder = context.site(text);
    const { name, before } = publishTo(context.to, folder, filesToPublish(folder), { title: 'A study', today: '2026-01-02' });
    return before ? `${name} again` : name;
  };
});
test.after.each(({ root }) => rmSync(root, { recursive: true, force: true }));

function refusal(act: () => unknown): string {
  try { act(); } catch (error) { assert.is((error as Error).name, 'ConfigurationError', (error as Error).stack); return (error as Error).message; }
  return assert.unreachable('it was not refused') as never;
}

test('versions stay, latest is the newest, the same again is none, and only what is listed leaves', ({ publish, to }) => {
  assert.equal([publish('one'), publish('one'), publish('two')], ['v1', 'v1 again', 'v2']);
  const read = (path: string): string => readFileSync(join(to, path), 'utf8');
  assert.equal([read('v1/index.html'), read('v2/index.html'), read('latest/index.html')], ['one', 'two', 'two']);
  assert.not.ok(existsSync(join(to, 'v1/left-behind.txt')));
  assert.match(read('index.html'), /v2[\s\S]*v1/);
  assert.is(read('versions.js'), 'window.bitwidthVersions = {"latest":"v2"};\n');
  assert.equal((JSON.parse(read('versions.json')) as { versions: { name: string }[] }).versions.map(({ name }) => name), ['v1', 'v2']);
});

test("others' files are left alone, and what is theirs where ours would be is refused", ({ publish, to }) => {
  mkdirSync(to);
  writeFileSync(join(to, 'CNAME'), 'theirs');
  publish('one');
  assert.is(readFileSync(join(to, 'CNAME'), 'utf8'), 'theirs');
  writeFileSync(join(to, 'latest/note.txt'), 'theirs');
  assert.match(refusal(() => publish('two')), /has files in latest\/ that this program did not put there: note\.txt; nothing was changed/);
  rmSync(join(to, 'latest/note.txt'));
  mkdirSync(join(to, 'v7'));
  assert.match(refusal(() => publish('two')), /holds v7, which this program did not put there/);
  rmSync(join(to, 'v7'), { recursive: true });
  writeFileSync(join(to, `v1/${MANIFEST_FILE}`), '{}');
  assert.match(refusal(() => publish('two')), /holds another v1 than was published/);
  rmSync(join(to, 'v1'), { recursive: true });
  assert.match(refusal(() => publish('two')), /has lost v1/);
});

test('a folder of others is refused', ({ publish, to }) => {
  mkdirSync(to);
  writeFileSync(join(to, 'index.html'), 'theirs');
  assert.match(refusal(() => publish('one')), /holds index\.html already/);
  assert.equal(readdirSync(to), ['index.html']);
  rmSync(join(to, 'index.html'));
  writeFileSync(join(to, 'versions.json'), '{"format":1,"versions":[{"name":"v9"}]}');
  assert.match(refusal(() => publish('one')), /not a list of versions that this program wrote/);
});

test('after a kill at any step the next one ends as if nothing had happened', ({ publish, to, site }) => {
  publish('one');
  // Copied, not yet named; named, not yet listed; listed, latest not yet there.
  mkdirSync(join(to, '.unfinished-v2'));
  assert.is(publish('two'), 'v2');
  const folder = site('three');
  mkdirSync(join(to, 'v3/data'), { recursive: true });
  for (const path of ['index.html', MANIFEST_FILE]) writeFileSync(join(to, 'v3', path), readFileSync(join(folder, path)));
  assert.is(publish('three'), 'v3');
  rmSync(join(to, 'latest'), { recursive: true });
  assert.is(publish('three'), 'v3 again');
  assert.is(readFileSync(join(to, 'latest/index.html'), 'utf8'), 'three');
  assert.equal(readdirSync(to).filter((name) => name.includes('unfinished')), []);
});
test.run();

const command = suite<{ project: SiteProject }>('provenance: publish, the command');
command('a report is looked through and published; a private word in it is refused with exit code 2, and nothing is written', async () => {
  const project = new SiteProject();
  try {
    assert.is((await project.command('run')).code, 0);
    const listed = await project.command('publish', '--list');
    assert.is(listed.code, 0, listed.lines.join('\n'));
    const done = await project.command('publish', '--to', project.path('public'));
    assert.is(done.code, 0, done.lines.join('\n'));
    assert.match(done.lines.join('\n'), /Published as v1/);
    process.env['BITWIDTH_TEST_TOKEN'] = 'question';
    const refused = await project.command('publish', '--to', project.path('other'));
    assert.is(refused.code, 0, 'it is in no page: only counted');
    process.env['BITWIDTH_TEST_TOKEN'] = 'W. Shakespeare';
    const secret = await project.command('publish', '--to', project.path('third'));
    assert.is(secret.code, 2);
    assert.match(secret.lines.join('\n'), /sources\.csv, byte \d+: the value of the variable BITWIDTH_TEST_TOKEN: W\. S?… \(14 characters\)|sources\.csv, byte \d+: the value of the variable BITWIDTH_TEST_TOKEN/);
    assert.not.ok(existsSync(project.path('third')));
    assert.not.match(secret.lines.join('\n'), /Shakespeare/);
    project.write('site/index.html', 'tampered');
    const other = await project.command('publish', '--to', project.path('fourth'));
    assert.is(other.code, 3, other.lines.join('\n'));
    assert.match((await project.command('publish', '--to', project.path('site/inside'))).lines.join('\n'), /lies in the report itself/);
  } finally {
    delete process.env['BITWIDTH_TEST_TOKEN'];
    project.remove();
  }
});
command.run();
