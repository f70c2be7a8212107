/**
 * What a server or a network may do to a run with a shared cache, done between it and a real S3 server. Whatever it is: the run ends in time with
 * exit code 0 and the bytes that it has without a cache, and a person is told in at most a sentence or two.
 */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { notRun } from '../../not-run.ts';
import { Group, HASTY, trafficOf, warningsOf, wordCells } from './cached-project.ts';
import { FaultProxy } from './fault-proxy.ts';
import { ACCESS, BUCKET, noServer, S3Server } from './s3-server.ts';
import type { Person } from './cached-project.ts';
import type { Fault } from './fault-proxy.ts';
import type { SharedCacheSettings } from '../../../stages/dag/index.ts';
import type { Project, RunAnswer } from '../project.ts';

interface Context { server: S3Server; proxy: FaultProxy; group: Group; anna: Person; prefix: string; expected: Buffer }
const test = suite<Context>('dag: faults of a shared cache');
const missing = noServer();
let prefixes = 0;

if (missing === undefined) {
  test.before(async (context) => {
    Object.assign(process.env, ACCESS);
    context.server = await S3Server.start();
    context.proxy = new FaultProxy(() => context.server.port);
    await context.proxy.start();
    const group = new Group();
    const plain = group.clone(() => undefined);
    await plain.run();
    context.expected = readFileSync(plain.path('site/index.html'));
    group.remove();
  });
  test.before.each((context) => {
    context.group = new Group();
    context.anna = context.group.person('Anna');
    context.group.be(context.anna);
    context.prefix = `faults-${prefixes++}`;
    context.proxy.choose = () => 'pass';
    context.proxy.requests.length = 0;
  });
  test.after.each(({ group }) => group.remove());
  test.after(async ({ server, proxy }) => {
    await proxy.stop();
    server.remove();
    for (const name of Object.keys(ACCESS)) delete process.env[name];
  });

  const cacheOf = ({ anna, proxy, prefix }: Context): SharedCacheSettings => ({ at: { kind: 's3', bucket: BUCKET, prefix, endpoint: proxy.endpoint, region: 'us-east-1' }, trust: [anna], patience: HASTY });
  const clone = (context: Context): Project => context.group.clone(() => cacheOf(context));
  /** The whole of what is promised of every run. */
  const isWell = (context: Context, project: Project, answer: RunAnswer): void => {
    assert.is(answer.code, 0, answer.lines.join('\n'));
    assert.equal(readFileSync(project.path('site/index.html')), context.expected);
  };
  const timed = async (act: () => Promise<RunAnswer>): Promise<{ readonly answer: RunAnswer; readonly ms: number }> => {
    const startedMs = performance.now();
    return { answer: await act(), ms: performance.now() - startedMs };
  };
  const isData = ({ method, path }: { readonly method: string; readonly path: string }): boolean => method === 'GET' && path.includes('/packs/');

  test('down from the start', async (context) => {
    await context.proxy.stop();
    try {
      const project = clone(context);
      const { answer, ms } = await timed(() => project.run());
      isWell(context, project, answer);
      assert.equal([answer.ran.length, warningsOf(answer).length], [5, 1], answer.lines.join('\n'));
      assert.match(warningsOf(answer)[0]!, /the shared cache s3:\/\/lab\/faults-\d+ cannot be used: nothing answers there \(connection refused\)\. This run goes on without it/);
      assert.ok(ms < 10_000, `${ms} ms`);
    } finally {
      await context.proxy.start();
    }
  });

  test('down from some request on, wherever that is', async (context) => {
    await clone(context).run();
    for (let until = 0; until < 5; until++) {
      context.proxy.requests.length = 0;
      context.proxy.choose = (_, n) => n < until ? 'pass' : 'reset';
      const project = clone(context);
      const answer = await project.run();
      isWell(context, project, answer);
      assert.ok(warningsOf(answer).length <= 3, warningsOf(answer).join('\n'));
    }
  });

  test('broken off twice in the middle: tried again', async (context) => {
    await clone(context).run();
    const project = clone(context);
    let broken = 0;
    // One try less than there are of a thing, whichever things they fall on.
    context.proxy.choose = (asked) => isData(asked) && broken++ < 2 ? 'reset' : 'pass';
    const answer = await project.run();
    isWell(context, project, answer);
    assert.equal([answer.ran, warningsOf(answer)], [[], []]);
    assert.ok(broken > 2);
  });

  test('never answers: let go of in time', async (context) => {
    await clone(context).run();
    context.proxy.choose = () => 'stall';
    const project = clone(context);
    const { answer, ms } = await timed(() => project.run());
    isWell(context, project, answer);
    assert.is(answer.ran.length, 5);
    assert.match(warningsOf(answer).join('\n'), /cannot be used: it did not answer within \d+ s/, answer.lines.join('\n'));
    assert.ok(ms < 25_000, `${ms} ms`);
  });

  test('slow: waited for as long as something comes', async (context) => {
    await clone(context).run();
    context.proxy.choose = (asked) => isData(asked) ? 'slow' : 'pass';
    const project = clone(context);
    const answer = await project.run();
    isWell(context, project, answer);
    assert.equal([answer.ran, warningsOf(answer)], [[], []]);
  });

  test('403: one sentence on credentials, and no second try', async (context) => {
    context.proxy.choose = () => ({ status: 403, code: 'AccessDenied' });
    const project = clone(context);
    const answer = await project.run();
    isWell(context, project, answer);
    assert.is(context.proxy.requests.length, 1);
    assert.equal(warningsOf(answer).length, 1);
    assert.match(warningsOf(answer)[0]!, /it refuses the credentials of the environment \(403 AccessDenied\); check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, and what they may do in the bucket lab/);
  });

  test('403 to puts only: everything is taken, and what cannot be put there is told once', async (context) => {
    await clone(context).run();
    context.proxy.choose = ({ method }) => method === 'PUT' ? { status: 403, code: 'AccessDenied' } : 'pass';
    const project = context.group.clone(() => cacheOf(context), () => wordCells([2, 3, 4, 6]));
    const answer = await project.run();
    assert.is(answer.code, 0);
    assert.equal(answer.ran, ['page:all', 'split:6', 'tally:all']);
    assert.equal(warningsOf(answer).length, 1);
    assert.match(warningsOf(answer)[0]!, /nothing can be put into the shared cache .*: it refuses the credentials .*\. What this run computes stays here; "cache push" sends it another time/);
  });

  for (const [name, fault] of [['429 with Retry-After', { status: 429, code: 'TooManyRequests', headers: { 'retry-after': '1' } }], ['503 SlowDown', { status: 503, code: 'SlowDown' }], ['500', { status: 500, code: 'InternalError' }]] as const) {
    test(`${name}, then better: waited for without a word`, async (context) => {
      await clone(context).run();
      const begun = performance.now();
      const at: number[] = [];
      context.proxy.requests.length = 0;
      context.proxy.choose = (_, n) => { at.push(performance.now() - begun); return n === 0 || n === 2 ? fault : 'pass'; };
      const project = clone(context);
      const answer = await project.run();
      isWell(context, project, answer);
      assert.equal([answer.ran, warningsOf(answer)], [[], []]);
      if (name.startsWith('429')) assert.ok(at[1]! - at[0]! >= 950, `asked again after ${at[1]! - at[0]!} ms`);
    });
  }

  for (const fault of [{ status: 429, headers: { 'retry-after': '2' } }, { status: 503, code: 'SlowDown' }] as const) {
    test(`${fault.status} for ever: let go of in time`, async (context) => {
      context.proxy.choose = () => fault;
      const project = clone(context);
      const { answer, ms } = await timed(() => project.run());
      isWell(context, project, answer);
      assert.equal(warningsOf(answer).length, 1, warningsOf(answer).join('\n'));
      assert.match(warningsOf(answer)[0]!, /it says that it is overloaded \((?:429|503)/);
      assert.ok(ms < 20_000, `${ms} ms`);
      assert.ok(context.proxy.requests.length < 12, `${context.proxy.requests.length} requests`);
    });
  }

  test('an answer that is cut, once: asked for again', async (context) => {
    await clone(context).run();
    let cut = 0;
    context.proxy.choose = (asked) => isData(asked) && cut++ === 0 ? 'cut' : 'pass';
    const project = clone(context);
    const answer = await project.run();
    isWell(context, project, answer);
    assert.equal([answer.ran, warningsOf(answer), cut > 1], [[], [], true]);
  });

  for (const fault of ['short', 'flip'] as const satisfies readonly Fault[]) {
    test(`an answer that is ${fault === 'short' ? 'half and ends well' : 'another by one bit'}: not used, told, computed`, async (context) => {
      await clone(context).run();
      context.proxy.choose = (asked) => isData(asked) ? fault : 'pass';
      const project = clone(context);
      const answer = await project.run();
      isWell(context, project, answer);
      assert.match(warningsOf(answer).join('\n'), /is damaged there \((?:it ends after|its bytes hash to another name)/);
      assert.is((await project.command('check')).code, 0);
    });
  }

  test('an entry of the list that is another by one bit counts for nothing', async (context) => {
    await clone(context).run();
    context.proxy.choose = ({ method, path }) => method === 'GET' && path.includes('/log/') ? 'flip' : 'pass';
    const project = clone(context);
    const answer = await project.run();
    isWell(context, project, answer);
    assert.is(answer.ran.length, 5);
    assert.match(warningsOf(answer).join('\n'), /1 entry of the shared cache (?:is damaged|bears the name)/);
  });

  test('elsewhere (301): not followed, and told', async (context) => {
    context.proxy.choose = () => ({ status: 301, code: 'PermanentRedirect', headers: { location: 'http://127.0.0.1:1/' } });
    const project = clone(context);
    const answer = await project.run();
    isWell(context, project, answer);
    assert.match(warningsOf(answer).join('\n'), /the bucket lab is not in the region us-east-1 \(301 PermanentRedirect\); say region: of the cache/);
  });

  test('a store that puts over what is there although asked not to: nothing is put', async (context) => {
    const { proxy } = context;
    // Its marker is put twice with success, as such a store would.
    proxy.choose = ({ method, path }) => method === 'PUT' && path.includes('bitwidth-cache') ? { status: 200 } : 'pass';
    const project = clone(context);
    const answer = await project.run();
    isWell(context, project, answer);
    assert.match(warningsOf(answer).join('\n'), /it puts over what is there although it was asked not to \(If-None-Match\)/);
    assert.equal(proxy.requests.filter(({ method, path }) => method === 'PUT' && !path.includes('bitwidth-cache')), []);
  });

  test('the put of an entry succeeds and its answer is lost: it is there once', async (context) => {
    let lost = 0;
    context.proxy.choose = ({ method, path }) => method === 'PUT' && path.includes('/log/') && lost++ === 0 ? 'lost' : 'pass';
    const project = clone(context);
    const answer = await project.run();
    isWell(context, project, answer);
    assert.equal([trafficOf(answer).left, lost], [0, 2]);
    const other = clone(context);
    const taken = await other.run();
    assert.equal([taken.ran, trafficOf(taken).taken], [[], 5]);
    assert.is(context.proxy.requests.filter(({ method, path }) => method === 'PUT' && path.endsWith('/log/0000000002')).length, 0);
  });
} else notRun('faults of the shared cache in S3', missing);

test.run();
