/** One file from a server that does all the wrong things: it ends, in bounded time, with the promised bytes or with a sentence, and nothing else is ever kept. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ownProcessId } from '../../stages/dag/index.ts';
import { download } from '../../stages/quantization/hub/download.ts';
import { HubError } from '../../stages/quantization/hub/errors.ts';
import { Obtainer } from '../../stages/quantization/hub/obtain.ts';
import { POLICY } from '../../stages/quantization/hub/policy.ts';
import { retryAfterMs } from '../../stages/quantization/hub/retry.ts';
import { Secret } from '../../stages/quantization/hub/secret.ts';
import type { PinnedFile } from '../../stages/quantization/hub/download.ts';
import type { HubSettings } from '../../stages/quantization/hub/settings.ts';
import { FAULTS } from './faults.ts';
import { noise, sha256, StandInHub, TOKEN } from './stand-in.ts';

const BYTES = noise('model', 3_000_000);
const FILE: PinnedFile = { name: 'model.safetensors', bytes: BYTES.length, sha256: sha256(BYTES) };
export const IMPATIENT = { ...POLICY, answerMs: 500, idleMs: 500, attempts: 3, firstPauseMs: 5, longestPauseMs: 20, longestRetryAfterMs: 3000, graceMs: 2500, leastBytesPerSecond: 1e9 };

interface Context { hub: StandInHub; folder: string; settings: HubSettings; commit: string }
const test = suite<Context>('hub: download');

test.before.each(async (context) => {
  context.hub = await new StandInHub().start();
  context.commit = context.hub.add('test/model', { 'model.safetensors': BYTES }).commit;
  context.folder = mkdtempSync(join(tmpdir(), 'bitwidth-hub-'));
  context.settings = { endpoint: context.hub.endpoint, token: new Secret(TOKEN, 'the variable HF_TOKEN'), offline: false, cache: join(context.folder, 'no-cache'), policy: IMPATIENT };
});
test.after.each(({ hub, folder }) => {
  hub.close();
  rmSync(folder, { recursive: true, force: true });
});

const options = ({ folder, commit }: Context) => ({ repository: 'test/model', commit, folder });

for (const { name, fault, ends, requests, keeps } of FAULTS) test(`a server that ${name}`, async (context) => {
  const { hub, folder, settings } = context;
  hub.faults.set('model.safetensors', fault);
  const startedMs = performance.now();
  let error: unknown;
  const path = await download(settings, FILE, options(context)).catch((caught: unknown) => { error = caught; return undefined; });
  assert.ok(performance.now() - startedMs < 10_000, `it took ${performance.now() - startedMs} ms`);
  if (ends === 'whole') {
    assert.is(error, undefined, String(error));
    assert.ok(readFileSync(path!).equals(BYTES));
    assert.equal(readdirSync(folder), [FILE.sha256], 'nothing else is left');
  } else {
    assert.instance(error, HubError);
    const { code, told } = error as HubError;
    assert.is(code, ends.code, told);
    assert.match(told, ends.says);
    for (const secret of [TOKEN, hub.endpoint, hub.filesEndpoint, 'signature', 'x.example', folder]) assert.not.ok(told.includes(secret), told);
    assert.not.ok(readdirSync(folder).includes(FILE.sha256), 'what is not the file has not its name');
    if (keeps === 'nothing') assert.equal(readdirSync(folder), []);
    if (keeps === 'something') assert.ok(readdirSync(folder).length > 0);
  }
  const asked = hub.bodies().filter(({ origin }) => origin === 'files').length;
  if (requests !== undefined) assert.ok(asked >= requests[0] && asked <= requests[1], `${asked} requests`);
  // Whatever happens: who asked is the hub's business alone.
  for (const { origin, authorization } of hub.log) assert.is(authorization, origin === 'hub' ? `Bearer ${TOKEN}` : undefined);
});

test('what broke off in one run is gone on with in the next', async (context) => {
  const { hub, settings } = context;
  hub.faults.set('model.safetensors', ({ response, bytes, times, send }) => {
    if (times > 1) return send();
    response.writeHead(200, { 'content-length': bytes.length, etag: `"${sha256(bytes)}"` });
    response.write(bytes.subarray(0, 1_000_000));
  });
  const stop = new AbortController();
  const seen: number[] = [];
  const reason = new Error('stopped');
  let error: unknown;
  await download(settings, FILE, { ...options(context), signal: stop.signal, onBytes: (bytes) => { seen.push(bytes); if (bytes >= 1_000_000) stop.abort(reason); } }).catch((caught: unknown) => { error = caught; });
  assert.is(error, reason);
  await download(settings, FILE, options(context));
  assert.equal(hub.bodies().filter(({ origin }) => origin === 'files').map(({ range }) => range), [undefined, 'bytes=1000000-']);
});

test('a damaged beginning is found out, and the file is taken anew', async (context) => {
  const part = join(context.folder, `${FILE.sha256}.part-${ownProcessId()}`);
  writeFileSync(part, Buffer.alloc(1_000_000, 'x'));
  await download(context.settings, FILE, options(context));
  assert.ok(readFileSync(join(context.folder, FILE.sha256)).equals(BYTES));
  assert.is(context.hub.bodies().filter(({ origin }) => origin === 'files').length, 2);
});

test('what a dead process left is taken over, what one elsewhere writes is not', async (context) => {
  const { folder, settings, hub } = context;
  const dead = join(folder, `${FILE.sha256}.part-${ownProcessId().replace(/-\d+-\d+$/, '-4194999-1')}`);
  writeFileSync(dead, BYTES.subarray(0, 2_000_000));
  writeFileSync(`${dead}.json`, JSON.stringify({ url: `/test/model/resolve/${context.commit}/model.safetensors`, etag: `"${FILE.sha256}"`, size: FILE.bytes }));
  await download(settings, FILE, options(context));
  assert.is(hub.bodies().at(-1)?.range, 'bytes=2000000-');
  assert.equal(readdirSync(folder), [FILE.sha256]);

  rmSync(join(folder, FILE.sha256));
  const elsewhere = join(folder, `${FILE.sha256}.part-000000000000-1-1`);
  writeFileSync(elsewhere, 'theirs');
  let ended = false;
  const waiting = download(settings, FILE, options(context)).finally(() => { ended = true; });
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.not.ok(ended, 'it waits for a download that may go on');
  const old = new Date(Date.now() - 3_600_000);
  utimesSync(elsewhere, old, old);
  await waiting;
  assert.equal(readdirSync(folder), [FILE.sha256]);
});

test('of two processes that want the same file one downloads it, and both have it', async ({ hub, folder, commit }) => {
  hub.faults.set('model.safetensors', ({ response, bytes }) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 1_000_000));
    setTimeout(() => response.end(bytes.subarray(1_000_000)), 1500);
  });
  const asked = JSON.stringify({ endpoint: hub.endpoint, folder, repository: 'test/model', commit, file: FILE });
  const one = () => promisify(execFile)(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('./obtain-once.ts', import.meta.url)), asked]);
  const ended = await Promise.all([one(), one(), one()]);
  assert.equal(ended.map(({ stdout }) => stdout.trim()), Array.from({ length: 3 }, () => join(folder, FILE.sha256)));
  assert.ok(readFileSync(join(folder, FILE.sha256)).equals(BYTES));
  assert.equal(readdirSync(folder), [FILE.sha256]);
  assert.is(hub.bodies().filter(({ origin }) => origin === 'files').length, 1);
});

test('files come several at once, each once however often it is wanted', async ({ hub, folder, settings }) => {
  const contents = Array.from({ length: 8 }, (_, i) => noise(`shard ${i}`, 200_000));
  const { commit } = hub.add('test/shards', Object.fromEntries(contents.map((bytes, i) => [`s${i}.safetensors`, bytes])));
  let [now, most] = [0, 0];
  for (let i = 0; i < 8; i++) hub.faults.set(`s${i}.safetensors`, ({ send, response }) => {
    most = Math.max(most, ++now);
    response.on('close', () => { now--; });
    setTimeout(send, 30);
  });
  const progress: (readonly [number, number])[] = [];
  const obtainer = new Obtainer(settings, { folder, signal: new AbortController().signal, onProgress: (done, total) => progress.push([done, total]) });
  const files = contents.map((bytes, i) => ({ name: `s${i}.safetensors`, bytes: bytes.length, sha256: sha256(bytes) }));
  await obtainer.expect([...files, files[0]!]);
  await Promise.all([...files, files[0]!].map((file) => obtainer.get('test/shards', commit, file)));
  assert.is(most, settings.policy.filesAtOnce);
  assert.is(hub.bodies().filter(({ origin }) => origin === 'files').length, 8);
  assert.equal(progress.at(-1), [1_600_000, 1_600_000]);
});

test('the cache of other tools is used when its bytes are right, and never written', async ({ hub, folder, settings, commit }) => {
  const cache = join(folder, 'cache');
  const snapshot = join(cache, 'models--test--model/snapshots', commit);
  mkdirSync(snapshot, { recursive: true });
  writeFileSync(join(snapshot, 'model.safetensors'), BYTES, { mode: 0o444 });
  const own = join(folder, 'own');
  mkdirSync(own);
  const obtainer = (): Obtainer => new Obtainer({ ...settings, cache }, { folder: own, signal: new AbortController().signal, onProgress: () => undefined });
  assert.ok(readFileSync(await obtainer().get('test/model', commit, FILE)).equals(BYTES));
  assert.equal(hub.log, [], 'nothing was asked for');
  rmSync(join(own, FILE.sha256));
  rmSync(join(snapshot, 'model.safetensors'));
  writeFileSync(join(snapshot, 'model.safetensors'), Buffer.alloc(BYTES.length, 'x'));
  assert.ok(readFileSync(await obtainer().get('test/model', commit, FILE)).equals(BYTES));
  assert.is(hub.bodies().length, 2, 'a redirect, and the file');
  assert.ok(readFileSync(join(snapshot, 'model.safetensors')).equals(Buffer.alloc(BYTES.length, 'x')));
  assert.equal(readdirSync(cache, { recursive: true }).sort(), ['models--test--model', 'models--test--model/snapshots', `models--test--model/snapshots/${commit}`, `models--test--model/snapshots/${commit}/model.safetensors`]);
});

test('a finished file that was changed afterwards is not believed', async ({ folder, settings, commit, hub }) => {
  writeFileSync(join(folder, FILE.sha256), Buffer.alloc(BYTES.length));
  const obtainer = new Obtainer(settings, { folder, signal: new AbortController().signal, onProgress: () => undefined });
  assert.ok(readFileSync(await obtainer.get('test/model', commit, FILE)).equals(BYTES));
  assert.is(hub.bodies().length, 2);
});

test('a disk without room for it is told of before the first byte', async ({ folder, settings, hub }) => {
  const obtainer = new Obtainer(settings, { folder, signal: new AbortController().signal, onProgress: () => undefined });
  await obtainer.expect([FILE]);
  const error = await obtainer.expect([{ ...FILE, sha256: 'f'.repeat(64), bytes: 4e15 }]).catch((caught: unknown) => caught);
  assert.instance(error, HubError);
  assert.match((error as HubError).told, /^the models need 4\.0 PB, and the disk has .* left; free some space/);
  assert.equal(hub.log, []);
});

test('Retry-After is seconds or a date', () => {
  assert.equal([undefined, '7', 'soon', '-1', 'Thu, 26 Nov 2026 12:00:10 GMT', 'Thu, 26 Nov 2026 11:00:00 GMT'].map((header) => retryAfterMs(header, Date.parse('2026-11-26T12:00:00Z'))), [undefined, 7000, undefined, undefined, 10_000, 0]);
});

test.run();
