/** A shared cache in a real S3 server. Without Go, which builds it, none of this is run. */
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RemoteError } from '../../../stages/dag/cache/remote.ts';
import { s3Remote } from '../../../stages/dag/cache/s3.ts';
import { notRun } from '../../not-run.ts';
import { Group, HASTY, trafficOf, warningsOf, wordCells } from './cached-project.ts';
import { ACCESS, BUCKET, noServer, S3Server } from './s3-server.ts';
import type { Person } from './cached-project.ts';
import type { SharedCacheSettings } from '../../../stages/dag/index.ts';

const test = suite<{ server: S3Server; group: Group; anna: Person; ben: Person; prefix: string }>('dag: shared S3');
const missing = noServer();
const signal = (): AbortSignal => AbortSignal.timeout(60_000);
const source = (bytes: Uint8Array) => ({ bytes: bytes.length, read: async (offset: number, length: number) => bytes.subarray(offset, offset + length) });
let prefixes = 0;

if (missing === undefined) {
  test.before(async (context) => {
    Object.assign(process.env, ACCESS);
    context.server = await S3Server.start();
  });
  test.before.each((context) => {
    context.group = new Group();
    context.anna = context.group.person('Anna');
    context.ben = context.group.person('Ben');
    context.group.be(context.anna);
    context.prefix = `study-${prefixes++}`;
  });
  test.after.each(({ group }) => group.remove());
  test.after(({ server }) => {
    server.remove();
    for (const name of Object.keys(ACCESS)) delete process.env[name];
  });

  const at = ({ server, prefix }: { readonly server: S3Server; readonly prefix: string }) => ({ kind: 's3', bucket: BUCKET, prefix, endpoint: server.endpoint, region: 'us-east-1' }) as const;
  const cacheOf = (context: { readonly server: S3Server; readonly prefix: string; readonly anna: Person; readonly ben: Person }): SharedCacheSettings => ({ at: at(context), trust: [context.anna, context.ben].map(({ name, key }) => ({ name, key })), patience: HASTY });

  test('the contract: whole, ranges, absence, sizes, lists in order, and the first of two puts', async (context) => {
    const remote = s3Remote(at(context));
    assert.is(await remote.get('objects/no', undefined, signal()), undefined);
    assert.is(await remote.size('objects/no', signal()), undefined);
    const bytes = randomBytes(300_000);
    assert.is(await remote.put('objects/a', source(bytes), 'if-absent', signal()), 'put');
    assert.is(await remote.put('objects/a', source(randomBytes(10)), 'if-absent', signal()), 'present');
    assert.equal(Buffer.from((await remote.get('objects/a', undefined, signal()))!), bytes);
    assert.equal(Buffer.from((await remote.get('objects/a', { offset: 1000, length: 77 }, signal()))!), bytes.subarray(1000, 1077));
    assert.is((await remote.get('objects/a', { offset: 299_990, length: 100 }, signal()))!.length, 10);
    assert.is((await remote.get('objects/a', { offset: 400_000, length: 100 }, signal()))!.length, 0);
    assert.is(await remote.size('objects/a', signal()), 300_000);
    assert.is(await remote.put('objects/a', source(Buffer.from('new')), 'replace', signal()), 'put');
    assert.is(await remote.size('objects/a', signal()), 3);
    for (const n of [3, 1, 2]) await remote.put(`log/000000000${n}`, source(Buffer.from('x'.repeat(n))), 'if-absent', signal());
    assert.equal(await remote.list('log/', '', signal()), { files: [1, 2, 3].map((n) => ({ name: `log/000000000${n}`, bytes: n })), more: false });
    assert.equal(await remote.list('log/', 'log/0000000002', signal()), { files: [{ name: 'log/0000000003', bytes: 3 }], more: false });
    const many = s3Remote({ ...at(context), prefix: `${context.prefix}-many` });
    for (let n = 0; n < 1050; n += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => many.put(`log/${String(n + i).padStart(10, '0')}`, source(Buffer.from('x')), 'if-absent', signal())));
    const begun = await many.list('log/', '', signal());
    assert.equal([begun.files.length, begun.more], [1000, true]);
    assert.equal((await many.list('log/', begun.files.at(-1)!.name, signal())).files.length, 50);
    const puts = await Promise.all(Array.from({ length: 8 }, (_, n) => remote.put('log/0000000004', source(Buffer.from(`writer ${n}`)), 'if-absent', signal()).catch((error: RemoteError) => error.trouble)));
    assert.is(puts.filter((put) => put === 'put').length, 1, puts.join());
  });

  test('an object of 150 MB goes up in parts and comes back the same; the second put of it is none', async (context) => {
    const remote = s3Remote(at(context));
    const bytes = Buffer.alloc(150_000_000);
    for (let at = 0; at < bytes.length; at += 64) createHash('sha256').update(String(at)).digest().copy(bytes, at);
    assert.is(await remote.put('objects/large', source(bytes), 'if-absent', signal()), 'put');
    assert.is(await remote.size('objects/large', signal()), bytes.length);
    const back = createHash('sha256');
    for (let at = 0; at < bytes.length; at += 16 << 20) back.update((await remote.get('objects/large', { offset: at, length: Math.min(16 << 20, bytes.length - at) }, signal()))!);
    assert.is(back.digest('hex'), createHash('sha256').update(bytes).digest('hex'));
    assert.is(await remote.put('objects/large', source(bytes), 'if-absent', signal()), 'present');
  });

  test('an empty store takes everything from it, computes nothing, and publishes equal bytes', async (context) => {
    const { group, ben } = context;
    const first = group.clone(() => cacheOf(context));
    const made = await first.run();
    assert.equal([made.code, trafficOf(made).sent], [0, 5], made.lines.join('\n'));
    group.be(ben);
    const second = group.clone(() => cacheOf(context));
    const taken = await second.run();
    assert.equal([taken.code, taken.ran, taken.done['cached'], trafficOf(taken).taken], [0, [], 5, 5], taken.lines.join('\n'));
    assert.equal(readFileSync(second.path('site/index.html')), readFileSync(first.path('site/index.html')));
    const again = await second.run();
    assert.equal([again.ran, trafficOf(again).requests], [[], 1], 'one look at the list');
  });

  test('two coordinators at once: nothing is lost, and each result is put there once', async (context) => {
    const { group } = context;
    const [one, two] = [group.clone(() => cacheOf(context), () => wordCells([2, 3, 4, 5])), group.clone(() => cacheOf(context), () => wordCells([3, 4, 5, 6]))];
    const answers = await Promise.all([one.run(), two.run()]);
    assert.equal(answers.map(({ code }) => code), [0, 0]);
    assert.is(answers.reduce((sum, answer) => sum + trafficOf(answer).sent, 0), 9, 'three splits of both once, two of one, two sums, two pages');
    for (const lengths of [[2, 3, 4, 5], [3, 4, 5, 6]]) assert.equal((await group.clone(() => cacheOf(context), () => wordCells(lengths)).run()).ran, []);
  });

  for (const [what, spoil] of [['torn', (path: string) => truncateSync(path, 30)], ['other bytes', (path: string) => writeFileSync(path, 'x'.repeat(400))], ['missing', (path: string) => rmSync(path)]] as const) {
    test(`a remote pack that is ${what}: told, computed, and put there anew`, async (context) => {
      const { group, server, prefix } = context;
      const first = group.clone(() => cacheOf(context));
      await first.run();
      const packs = join(server.bucket, prefix, 'packs');
      const [folder] = readFolder(packs);
      const [pack] = readFolder(join(packs, folder!));
      chmodSync(join(packs, folder!, pack!), 0o644);
      spoil(join(packs, folder!, pack!));
      const second = group.clone(() => cacheOf(context));
      const answer = await second.run();
      assert.is(answer.code, 0);
      assert.ok(warningsOf(answer).some((sentence) => /is damaged there|is not there any more/.test(sentence)), answer.lines.join('\n'));
      assert.equal(readFileSync(second.path('site/index.html')), readFileSync(first.path('site/index.html')));
      const third = group.clone(() => cacheOf(context));
      const last = await third.run();
      assert.equal(last.ran, [], [answer, last].map(({ lines }) => lines.join('\n')).join('\n\n'));
      assert.equal(readFileSync(third.path('site/index.html')), readFileSync(first.path('site/index.html')));
    });
  }

  test('wrong credentials: one sentence that names where they came from and not what they are', async (context) => {
    process.env['AWS_SECRET_ACCESS_KEY'] = 'quite-another-secret';
    try {
      const answer = await context.group.clone(() => cacheOf(context)).run();
      assert.equal([answer.code, answer.ran.length], [0, 5]);
      assert.is(warningsOf(answer).length, 1, warningsOf(answer).join('\n'));
      assert.match(warningsOf(answer)[0]!, /refuses the credentials of the environment \(403 SignatureDoesNotMatch\); check AWS_ACCESS_KEY_ID/);
      assert.not.match(answer.lines.join('\n'), /quite-another-secret|AKTEST/);
    } finally {
      process.env['AWS_SECRET_ACCESS_KEY'] = ACCESS.AWS_SECRET_ACCESS_KEY;
    }
  });

  test('no credentials, a profile, a bucket that is not there', async (context) => {
    const { group, server } = context;
    const home = join(group.folder, 'home');
    mkdirSync(join(home, '.aws'), { recursive: true });
    const before = { ...process.env };
    for (const name of Object.keys(ACCESS)) delete process.env[name];
    process.env['HOME'] = home;
    try {
      const none = await group.clone(() => cacheOf(context)).run();
      assert.match(warningsOf(none).join('\n'), /there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them under \[default\] in ~\/\.aws\/credentials/);
      writeFileSync(join(home, '.aws/credentials'), `[default]\naws_access_key_id = nobody\n[lab]\naws_access_key_id = ${ACCESS.AWS_ACCESS_KEY_ID}\naws_secret_access_key=${ACCESS.AWS_SECRET_ACCESS_KEY}\n`);
      process.env['AWS_PROFILE'] = 'lab';
      const answer = await group.clone(() => cacheOf(context)).run();
      assert.equal([warningsOf(answer), trafficOf(answer).sent], [[], 5]);
      const lost = await group.clone(() => ({ ...cacheOf(context), at: { kind: 's3', bucket: 'nowhere', prefix: '', endpoint: server.endpoint, region: 'us-east-1' } })).run();
      assert.match(warningsOf(lost).join('\n'), /it has no bucket nowhere; make it, or name another/);
    } finally {
      for (const name of ['HOME', 'AWS_PROFILE', ...Object.keys(ACCESS)]) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    }
  });
} else notRun('the shared cache in S3', missing);

function readFolder(path: string): readonly string[] {
  return readdirSync(path).filter((name) => !name.startsWith('.'));
}

test.run();
