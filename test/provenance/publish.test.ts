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
import { openPack } from '../../provenance/pack-reader.ts';
import { scan } from '../../provenance/scan.ts';
import { STATEMENT_FILE } from '../../reports/statement.ts';
import { openZip } from '../../provenance/zip-reader.ts';
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
    assert.match(listed.lines.join('\n'), /\n {2}pages: \d+ files\n[\s\S]*\n {4}index\.html, [\d.]+ kB\n[\s\S]*\n {4}data\/records\.ndjson\.gz, [\d.]+ kB\n/);
    const done = await project.command('publish', '--to', project.path('public'));
    assert.is(done.code, 0, done.lines.join('\n'));
    assert.match(done.lines.join('\n'), /Published as v1/);
    process.env['BITWIDTH_TEST_TOKEN'] = 'tis nobler';
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
command('one file and a deposit: looked through as well, never written over what is there, anonymous where that is asked for', async () => {
  const project = new SiteProject();
  const say = async (...argv: string[]): Promise<string> => { const { code, lines } = await project.command('publish', ...argv); return `${code} ${lines.join('\n')}`; };
  try {
    assert.is((await project.command('run')).code, 0);
    assert.match(await say('--single-file', project.path('one.html')), /^0 [\s\S]*one file that needs nothing else/);
    assert.match(readFileSync(project.path('one.html'), 'utf8'), /<section class="page" id="quality\.html"/);
    assert.match(await say('--single-file', project.path('one.html')), /^2 .*exists; nothing is written over it/);
    assert.match(await say('--zenodo', project.path('deposit.zip')), /^2 .*Zenodo asks who made it; say so under "authors:" in data\/study\.yaml, in a CITATION\.cff, or with --creators/);
    assert.match(await say('--zenodo', project.path('deposit.zip'), '--creators', 'Example, Margarete; Doe, J.'), /^0 /);
    const zip = await openZip(project.path('deposit.zip'), { entries: 10_000, bytes: 1e9 });
    try {
      const names = [...zip.files.keys()];
      for (const path of ['.zenodo.json', 'ARTIFACT.md', 'study.zip', 'site/index.html', 'site/ARTIFACT.md', 'site/data/metrics.csv']) assert.ok(names.includes(path), path);
      const metadata = JSON.parse(Buffer.from(await zip.read('.zenodo.json')).toString()) as { [key: string]: unknown };
      assert.equal([metadata['upload_type'], metadata['access_right'], metadata['creators']], ['dataset', 'open', [{ name: 'Example, Margarete' }, { name: 'Doe, J.' }]]);
      assert.equal(metadata['related_identifiers'], ['cites', 'isDerivedFrom'].map((relation) => ({ identifier: 'arXiv:2309.05210', relation, resource_type: 'publication-preprint', scheme: 'arxiv' })));
      assert.equal([metadata['license'], metadata['title'], metadata['description']], ['apache-2.0', 'Words & <counts>', '<p>Counts words.</p>']);
      writeFileSync(project.path('inner.zip'), await zip.read('study.zip'));
    } finally {
      zip.close();
    }
    assert.match(await say('--zenodo', project.path('again.zip'), '--creators', 'Example, Margarete; Doe, J.'), /^0 /);
    assert.is(hashOf(project.read('again.zip')), hashOf(project.read('deposit.zip')), 'the same results make the same file');
    // What is in no page may be in the study: a word in a file of the project that a pack takes along.
    process.env['BITWIDTH_TEST_TOKEN'] = 'xylophone-and-more';
    project.write('README.md', 'We keep xylophone-and-more here.\n');
    assert.match(await say('--zenodo', project.path('leak.zip'), '--creators', 'Doe'), /^2 [\s\S]*project\/README\.md, byte 8: the value of the variable BITWIDTH_TEST_TOKEN/);
    assert.equal(readdirSync(project.root).filter((name) => /leak|deposit-/.test(name)), []);
    process.env['BITWIDTH_TEST_TOKEN'] = 'W. Shakespeare';
    assert.match(await say('--single-file', project.path('leak.html')), /^2 /);
    assert.not.ok(existsSync(project.path('leak.html')));
    delete process.env['BITWIDTH_TEST_TOKEN'];
    project.write('README.md', '');
    const pack = await openPack(project.path('inner.zip'));
    assert.ok(pack.cells.length > 0 && !pack.files.some(({ path }) => path.startsWith('site/')));
    pack.close();
    // Whose study it is stands in the package: a reader for review must not learn it.
    project.write('package.json', JSON.stringify({ name: 'small', author: 'W. Shakespeare <will@globe.example>' }));
    assert.match(await say('--single-file', project.path('two.html'), '--anonymous'), /^2 [\s\S]*an author of the package/);
    project.write('package.json', JSON.stringify({ name: 'small', author: 'Nobody Atall' }));
    assert.is((await project.command('attest')).code, 0);
    assert.match(await say('--to', project.path('blind'), '--anonymous'), /^0 /);
    assert.match(await say('--to', project.path('named')), /^0 /);
    assert.equal(['blind', 'named'].map((folder) => existsSync(project.path(folder, 'v1', STATEMENT_FILE))), [false, true]);
    assert.is((await project.command('check-site', project.path('named/v1'))).code, 0);
    assert.is((await project.command('check-site', project.path('blind/v1'))).code, 0);
    const signed = readFileSync(project.path('named/v1', STATEMENT_FILE));
    writeFileSync(project.path('named/v1', STATEMENT_FILE), signed.toString('utf8').replace(/"sig":"..../, '"sig":"AAAA'));
    assert.is((await project.command('check-site', project.path('named/v1'))).code, 3);
    for (const [argv, sentence] of [
      [['--to', 'a', '--branch', 'b'], /--to and --branch at once; choose one/], [['--push', '--to', 'a'], /--push goes with --branch/], [['--remote', 'origin'], /--remote goes with --branch/], [['--creators', 'x', '--to', 'a'], /--creators goes with --zenodo/],
      [['--anonymous', '--zenodo', 'z.zip', '--creators', 'x'], /--creators names people/], [['--anonymous', '--branch', 'b', '--as-me'], /--as-me names you/], [['--to', ''], /--to is empty/], [[], /say where to/],
    ] as const) assert.match(await say(...argv), new RegExp(`^2 .*${sentence.source}`), argv.join(' '));
  } finally {
    delete process.env['BITWIDTH_TEST_TOKEN'];
    project.remove();
  }
});
command('a number that was wrong keeps a page, in which the report agrees with itself; old versions are told', async () => {
  const project = new SiteProject();
  try {
    assert.is((await project.command('run')).code, 0);
    assert.is((await project.command('publish', '--to', project.path('public'))).code, 0);
    project.errata.push({ number: 'kl_mean.small.nf4', date: '2026-01-31', wrong: 'a <b>window</b> twice', successor: 'nll.small.nf4' }, { number: 'gone.small.fp4', date: '2026-02-01', wrong: 'it was never measured', successor: null });
    assert.is((await project.command('run')).code, 0);
    const { code, lines } = await project.command('publish', '--to', project.path('public'));
    assert.is(code, 0, lines.join('\n'));
    const page = project.read('public/latest/errata/kl_mean.small.nf4.html').toString('utf8');
    assert.match(page, /a &lt;b&gt;window&lt;\/b&gt; twice[\s\S]*in its place<\/dt><dd><a class="num[^>]*id="nll\.small\.nf4"/);
    assert.match(project.read('public/latest/errata/gone.small.fp4.html').toString('utf8'), /It is withdrawn: nothing stands in its place[\s\S]*this study computes it no more/);
    assert.match(project.read('public/latest/cells/summarize~small~nf4.html').toString('utf8'), /id="kl_mean\.small\.nf4">[^<]*<\/span><sup><a href="\.\.\/errata\/kl_mean\.small\.nf4\.html"/);
    assert.not.ok(existsSync(project.path('public/v1/errata')), 'a version never changes');
    assert.match(project.read('public/versions.js').toString('utf8'), /"wrong":\["gone\.small\.fp4","kl_mean\.small\.nf4"\]|"wrong":\["kl_mean\.small\.nf4","gone\.small\.fp4"\]/);
    for (const version of ['v1', 'v2', 'latest']) assert.is((await project.command('check-site', project.path('public', version))).code, 0, version);
  } finally {
    project.remove();
  }
});
command('a machine with a name that somebody chose is not anonymous', async () => {
  const project = new SiteProject();
  process.env['BITWIDTH_MACHINE'] = 'margaretes-laptop';
  try {
    assert.is((await project.command('run')).code, 0);
    const { code, lines } = await project.command('publish', '--to', project.path('blind'), '--anonymous');
    assert.is(code, 2);
    assert.match(lines.join('\n'), /the machine "margaretes-laptop" has a name that somebody chose/);
    const packed = await project.command('pack', '--to', project.path('blind.zip'), '--anonymous');
    assert.is(packed.code, 2);
    assert.match(packed.lines.join('\n'), /^pack: the machine "margaretes-laptop"/);
    assert.not.ok(existsSync(project.path('blind.zip')));
  } finally {
    delete process.env['BITWIDTH_MACHINE'];
    project.remove();
  }
});
command.run();
