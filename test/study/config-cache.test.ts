/** `cache:` of data/study.yaml: what it accepts, and how it answers every mistake. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isConfigurationError } from '../../stages/dag/index.ts';
import { readCache } from '../../stages/quantization/config-cache.ts';
import { Reader } from '../../stages/quantization/config-fields.ts';
import { Problems, readYaml } from '../../stages/quantization/config-yaml.ts';
import type { SharedCacheSettings } from '../../stages/dag/index.ts';

const KEY = 'ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
const ROOT = '/project';

async function read(yaml: string, env: { readonly [name: string]: string } = {}): Promise<{ readonly settings: SharedCacheSettings | undefined; readonly mistakes: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-config-'));
  try {
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data/study.yaml'), yaml);
    const problems = new Problems();
    const top = await readYaml(folder, 'data/study.yaml', problems);
    const reader = new Reader('data/study.yaml', problems);
    const settings = readCache(reader, reader.openMap(top, 'the study')?.entries.get('cache')?.value, ROOT, env);
    return { settings, mistakes: problems.lines() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a folder, S3, and who is trusted', async () => {
  assert.equal((await read(`cache: { folder: /shared/bitwidth/, trust: [{ name: Anna, key: "${KEY}" }], read_only: yes }`)).settings,
    { at: { kind: 'folder', path: '/shared/bitwidth' }, trust: [{ name: 'Anna', key: KEY }], readOnly: true });
  assert.equal((await read('cache: { folder: beside }')).settings, { at: { kind: 'folder', path: '/project/beside' }, trust: [], readOnly: false });
  assert.equal((await read(`cache: { s3: lab/studies/one, endpoint: "http://127.0.0.1:7070", region: eu-central-1, trust: ["${KEY}"] }`)).settings,
    { at: { kind: 's3', bucket: 'lab', prefix: 'studies/one', endpoint: 'http://127.0.0.1:7070', region: 'eu-central-1' }, trust: [{ name: KEY.slice(0, 16), key: KEY }], readOnly: false });
  assert.equal((await read('cache: { s3: lab }', { AWS_ENDPOINT_URL_S3: 'https://s3.example.org' })).settings?.at, { kind: 's3', bucket: 'lab', prefix: '', endpoint: 'https://s3.example.org' });
  assert.equal(await read('title: none'), { settings: undefined, mistakes: [] });
});

test('every mistake: where, what is wrong, what is allowed', async () => {
  const first = async (yaml: string): Promise<string> => (await read(yaml)).mistakes[0] ?? 'accepted';
  assert.is(await first('cache: {}'), 'data/study.yaml:1:8 cache needs one of folder and s3, and has neither; write folder: /shared/bitwidth, or s3: bucket/prefix');
  assert.is(await first('cache: { folder: /a, s3: b }'), 'data/study.yaml:1:8 cache needs one of folder and s3, and has both; write folder: /shared/bitwidth, or s3: bucket/prefix');
  assert.is(await first('cache: { folder: /a, region: x }'), 'data/study.yaml:1:22 region belongs to s3; take it out');
  assert.match(await first('cache: { s3: "lab/../x" }'), /:1:14 s3 "lab\/\.\.\/x" names no bucket; write bucket or bucket\/prefix/);
  assert.match(await first('cache: { s3: lab, endpoint: "https://me:secret@s3.example.org" }'), /:1:29 endpoint .* is no address of a store; write one such as https:\/\/s3\.example\.org, without a password/);
  assert.match(await first('cache: { folder: /a, trust: [ed25519:short] }'), /:1:30 "ed25519:short" is no key; "cache status" shows one's own/);
  assert.match(await first('cache: { folder: /a, read_only: maybe }'), /read_only must be yes or no/);
  assert.match((await read('cache: { folder: /a, path: /a }')).mistakes.join(), /unknown key "path" in cache; keys are folder, s3, endpoint, region, trust, read_only/);
});

test('BITWIDTH_CACHE stands in for the place, and not for whom to trust', async () => {
  const yaml = `cache: { folder: /shared, trust: ["${KEY}"] }`;
  assert.is((await read(yaml, { BITWIDTH_CACHE: 'off' })).settings, undefined);
  assert.equal((await read(yaml, { BITWIDTH_CACHE: '/elsewhere' })).settings?.at, { kind: 'folder', path: '/elsewhere' });
  const there = (await read(yaml, { BITWIDTH_CACHE: 's3://runs/bitwidth', AWS_ENDPOINT_URL: 'https://s3.example.org/' })).settings;
  assert.equal(there?.at, { kind: 's3', bucket: 'runs', prefix: 'bitwidth', endpoint: 'https://s3.example.org/' });
  assert.is(there?.trust.length, 1);
  assert.equal((await read('title: none', { BITWIDTH_CACHE: '/elsewhere' })).settings, { at: { kind: 'folder', path: '/elsewhere' }, trust: [], readOnly: false });
  try {
    await read(yaml, { BITWIDTH_CACHE: 's3://NO' });
    assert.unreachable();
  } catch (error) {
    assert.ok(isConfigurationError(error));
    assert.is((error as Error).message, 'BITWIDTH_CACHE is "s3://NO"; it is off, a folder, or s3://bucket/prefix');
  }
});

test.run();
