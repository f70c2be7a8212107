/** What a revision is looked up as, what is refused and why, and how pins are kept. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openGgufModel } from '../../kernels/gguf-model.ts';
import { tokenizerIdentity } from '../../stages/quantization/config-gguf.ts';
import { Problems, readYaml } from '../../stages/quantization/config-yaml.ts';
import { readBeginning } from '../../stages/quantization/hub/beginning.ts';
import { HubError } from '../../stages/quantization/hub/errors.ts';
import { pin } from '../../stages/quantization/hub/pin.ts';
import { LOCK_FILE, pinsOf } from '../../stages/quantization/hub/pins.ts';
import { POLICY } from '../../stages/quantization/hub/policy.ts';
import { Secret } from '../../stages/quantization/hub/secret.ts';
import { readHubSource } from '../../stages/quantization/hub/source.ts';
import { hub as hubKind } from '../../stages/quantization/model-sources/hub.ts';
import type { Pin } from '../../stages/quantization/hub/pin.ts';
import type { HubSettings } from '../../stages/quantization/hub/settings.ts';
import type { HubSource } from '../../stages/quantization/hub/source.ts';
import { novelGguf } from '../study/novel-gguf.ts';
import { gitSha1, noise, sha256, StandInHub, TOKEN } from './stand-in.ts';

const CONFIG = '{\n  "model_type": "llama",\n  "note": "a, \\"b\\" – ünïcödé  "\n}\n';
const FILES = { 'config.json': CONFIG, 'model.safetensors': noise('w', 5000), 'tokenizer.json': noise('t', 2000), 'tokenizer_config.json': '{}', 'README.md': '# card' };

interface Context { hub: StandInHub; folder: string; settings: HubSettings }
const test = suite<Context>('hub: pin');

test.before.each(async (context) => {
  context.hub = await new StandInHub().start();
  context.folder = mkdtempSync(join(tmpdir(), 'bitwidth-pin-'));
  mkdirSync(join(context.folder, 'data'));
  context.settings = { endpoint: context.hub.endpoint, offline: false, cache: join(context.folder, 'cache'), policy: { ...POLICY, answerMs: 300, idleMs: 300, attempts: 2, firstPauseMs: 1, longestPauseMs: 2 } };
});
test.after.each(({ hub, folder }) => {
  hub.close();
  rmSync(folder, { recursive: true, force: true });
});

const source = (text: string): HubSource => {
  const read = readHubSource(text);
  if (typeof read === 'string') throw new Error(read);
  return read;
};
const pinned = ({ settings, folder }: Context, text: string, more: Partial<HubSettings> = {}): Promise<Pin> => pin({ ...settings, ...more }, source(text), join(folder, 'files'));
async function whyNot(context: Context, text: string, more: Partial<HubSettings> = {}): Promise<string> {
  try {
    await pinned(context, text, more);
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    for (const secret of [TOKEN, context.hub.endpoint]) assert.not.ok(error.told.includes(secret), error.told);
    return `${error.code}: ${error.told}`;
  }
  throw new Error('it was pinned');
}
const withToken: Partial<HubSettings> = { token: new Secret(TOKEN, 'the variable HF_TOKEN') };

test('a revision becomes a commit, and every file a sha256', async (context) => {
  const { hub } = context;
  const { commit } = hub.add('test/model', FILES);
  const found = await pinned(context, 'test/model');
  const files = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map((name) => { const bytes = Buffer.from(FILES[name as keyof typeof FILES]); return { name, bytes: bytes.length, sha256: sha256(bytes) }; });
  assert.equal(found, { repository: 'test/model', revision: 'main', commit, gated: false, licence: 'apache-2.0', files, config: CONFIG });
  assert.equal(hub.bodies().map(({ path }) => path.split('/').at(-1)), ['config.json', 'tokenizer_config.json'], 'large files are told by their hash');
  assert.equal(readdirSync(join(context.folder, 'files')).sort(), [sha256(Buffer.from(CONFIG)), sha256(Buffer.from('{}'))].sort());
});

test('of a mirror without an API the headers tell the same', async (context) => {
  context.hub.add('test/model', FILES);
  const found = await pinned(context, 'test/model');
  context.hub.withoutApi = true;
  const { licence, ...rest } = found;
  assert.is(licence, 'apache-2.0');
  assert.equal(await pinned(context, 'test/model'), rest);
});

test('shards are those that the index names', async (context) => {
  const { 'model.safetensors': _, ...others } = FILES;
  const index = JSON.stringify({ weight_map: { a: 'm-2.safetensors', b: 'm-1.safetensors' } });
  context.hub.add('test/model', { ...others, 'model.safetensors.index.json': index, 'm-1.safetensors': noise('1', 3000), 'm-2.safetensors': noise('2', 3000), 'm-3.safetensors': 'unused' });
  assert.equal((await pinned(context, 'test/model')).files.map(({ name }) => name), ['config.json', 'm-1.safetensors', 'm-2.safetensors', 'tokenizer.json', 'tokenizer_config.json']);
  context.hub.add('test/less', { ...others, 'model.safetensors.index.json': index, 'm-1.safetensors': noise('1', 3000) });
  assert.match(await whyNot(context, 'test/less'), /^unfit: .*names m-2\.safetensors, which is not there/);
});

test('one GGUF file is pinned alone, with what its header says', async (context) => {
  const { hub, folder, settings } = context;
  const bytes = Buffer.from(novelGguf(true));
  // Larger than what is asked for first: most of it is never read.
  const { commit } = hub.add('test/model', { 'q4.gguf': bytes, 'noise.gguf': noise('gguf', 4000), 'README.md': '' });
  const model = openGgufModel(bytes);
  const pins = await pinned(context, 'test/model@main/q4.gguf');
  assert.equal(pins, {
    repository: 'test/model', revision: 'main', commit, gated: false, licence: 'apache-2.0', files: [{ name: 'q4.gguf', bytes: bytes.length, sha256: sha256(bytes) }],
    config: JSON.stringify(model.config, null, 1), gguf: { architecture: 'llama', tokenizer: sha256(model.tokenizerFiles().tokenizer) },
  });
  assert.match(await whyNot(context, 'test/model@main/q8.gguf'), /^no-file: test\/model at main has no file q8\.gguf/);
  assert.match(await whyNot(context, 'test/model@main/noise.gguf'), /^unfit: noise\.gguf of test\/model cannot be used: the file does not begin with "GGUF"/);
  assert.match(await whyNot(context, 'test/model'), /^unfit: .*name one, as in @<revision>\/q4\.gguf/);

  writeFileSync(join(folder, 'data/study.yaml'), 'models: [hf:test/model/q4.gguf]\n');
  const problems = new Problems();
  const yaml = (await readYaml(folder, 'data/study.yaml', problems))!;
  const written = await pinsOf(folder, yaml, 'data/study.yaml', problems, { update: false, say: () => undefined, settings });
  const again = await pinsOf(folder, yaml, 'data/study.yaml', problems, undefined);
  assert.equal(problems.lines(), []);
  assert.equal(again, written);
  const read = hubKind.read('test/model/q4.gguf', 'q4', { root: folder, home: folder, pins: again, sources: { models: new Map(), texts: new Map(), choices: new Map() } });
  assert.ok(typeof read === 'object');
  assert.is(hubKind.nameOf('test/model/sub/q4.gguf'), 'q4');
  assert.is(read.architecture, 'llama');
  assert.equal(read.weightCode, ['kernels/weight-files/gguf.ts', 'kernels/gguf/architectures/llama.ts']);
  assert.is(tokenizerIdentity(folder, read.files), sha256(model.tokenizerFiles().tokenizer));
});

test('of a large file only the beginning is read, as far as its reader goes', async (context) => {
  const { hub, settings, folder } = context;
  const bytes = noise('large', 9_000_000);
  const { commit } = hub.add('test/model', { 'q4.gguf': bytes });
  const file = { name: 'q4.gguf', bytes: bytes.length, sha256: sha256(bytes) };
  const read = (at: number, more: Partial<HubSettings> = {}) => readBeginning({ ...settings, ...more }, 'test/model', commit, file, (source) => Buffer.concat([source.read(0, 4), source.read(at, 10)]));
  const expected = (at: number): Buffer => Buffer.concat([bytes.subarray(0, 4), bytes.subarray(at, at + 10)]);
  const ranges = (): readonly (string | undefined)[] => hub.bodies().filter(({ origin }) => origin === 'files').map(({ range }) => range);
  assert.equal(await read(100), expected(100));
  assert.equal(await read(3_000_000), expected(3_000_000));
  assert.equal(ranges(), ['bytes=0-1048575', 'bytes=0-1048575', 'bytes=1048576-4194303']);
  assert.equal(await read(8_999_990), expected(8_999_990));
  hub.faults.set('q4.gguf', ({ response }) => void response.writeHead(200, { 'content-length': bytes.length }).end(bytes));
  assert.equal(await read(3_000_000), expected(3_000_000), 'a server without ranges');
  hub.faults.set('q4.gguf', ({ response }) => void response.writeHead(206).end(bytes.subarray(0, 1000)));
  assert.match(String(await read(100).catch((error: HubError) => error.told)), /ended q4\.gguf after 1000 of 9000000 bytes \(2 tries\)/);
  hub.faults.clear();
  const throwing = await readBeginning(settings, 'test/model', commit, file, () => { throw new RangeError('not a header'); }).catch((error: unknown) => error);
  assert.instance(throwing, RangeError);
  assert.match(String(await read(100, { offline: true }).catch((error: HubError) => error.told)), /not in the cache, and HF_HUB_OFFLINE is set/);
  const snapshot = join(folder, 'cache/models--test--model/snapshots', commit);
  mkdirSync(snapshot, { recursive: true });
  writeFileSync(join(snapshot, 'q4.gguf'), bytes);
  assert.equal(await read(3_000_000, { offline: true }), expected(3_000_000));
});

test('what is refused is explained, with what to do', async (context) => {
  const { hub } = context;
  hub.add('test/model', FILES);
  hub.add('test/gated', FILES, { gated: 'login' });
  hub.add('test/members', FILES, { gated: 'members' });
  hub.add('test/private', FILES, { private: true });
  hub.add('test/pickle', { 'config.json': '{}', 'pytorch_model.bin': 'x', 'tokenizer.json': '{}' });
  assert.match(await whyNot(context, 'test/none'), /^no-repository: the hub has no model test\/none that is public; check the name at https:\/\/huggingface\.co\/test\/none; a private one needs a token/);
  assert.match(await whyNot(context, 'test/none', withToken), /that the account of the token in the variable HF_TOKEN may see/);
  assert.match(await whyNot(context, 'test/private'), /^no-repository: .*that is public/);
  assert.is((await pinned(context, 'test/private', withToken)).repository, 'test/private');
  assert.match(await whyNot(context, 'test/model@v9'), /^no-revision: test\/model has no revision "v9"; its branches and tags are at/);
  assert.match(await whyNot(context, 'test/gated'), /^gated: test\/gated is gated: its authors give it to those who accept their conditions; accept them at https:\/\/huggingface\.co\/test\/gated, make a token .* set HF_TOKEN/);
  assert.is((await pinned(context, 'test/gated', withToken)).gated, true);
  assert.match(await whyNot(context, 'test/members', withToken), /^gated: .*the account of the token in the variable HF_TOKEN has no access/);
  assert.match(await whyNot(context, 'test/model', { token: new Secret('hf_wrong', 'the file that HF_TOKEN_PATH names') }), /^token: the hub does not accept the token in the file that HF_TOKEN_PATH names; make a new one/);
  assert.match(await whyNot(context, 'test/pickle'), /^unfit: test\/pickle at main has its weights as pickled files only/);
  assert.match(await whyNot(context, 'test/model', { endpoint: 'http://127.0.0.1:1' }), /^network: the hub cannot be reached: it refuses connections \(2 tries\); check the network/);
});

test('a hub that lies is not believed', async (context) => {
  const { hub } = context;
  const repository = hub.add('test/model', FILES);
  const answers = async (what: string, text: string, says: RegExp): Promise<void> => {
    hub.faults.set(what, ({ send }) => send(Buffer.from(text)));
    assert.match(await whyNot(context, 'test/model'), says);
    hub.faults.delete(what);
  };
  await answers('revision', 'no json', /^wrong-answer: .*no JSON/);
  await answers('revision', '[]', /another form/);
  await answers('revision', '{"sha":"main"}', /names no commit/);
  await answers('revision', JSON.stringify({ sha: repository.commit, siblings: [{ rfilename: '../../etc/passwd' }, { rfilename: 'config.json\u0000' }] }), /has no config\.json/);
  await answers('paths-info', JSON.stringify([{ type: 'file', path: 'config.json', oid: gitSha1(Buffer.from(CONFIG)), size: -1 }]), /gives config\.json no size/);
  await answers('paths-info', JSON.stringify([{ type: 'file', path: 'config.json', oid: 'x', size: 5 }]), /no hash of config\.json, and nothing is taken without one/);
  await answers('paths-info', '[]', /has no config\.json|says nothing of it/);
  hub.faults.set('config.json', ({ send, bytes }) => send(Buffer.from(bytes.toString().replace('llama', 'lIama'))));
  assert.match(await whyNot(context, 'test/model'), /^wrong-bytes: the hub sent other bytes for config\.json/);
  hub.faults.delete('config.json');
  hub.faults.set('revision', ({ response }) => { response.writeHead(200); const piece = Buffer.alloc(1 << 20, ' '); const more = (): void => { while (!response.destroyed && response.write(piece)); }; response.on('drain', more); more(); });
  assert.match(await whyNot(context, 'test/model'), /larger than 32000000 bytes/);
  hub.faults.clear();
  assert.match(await whyNot(context, `test/model@${'0'.repeat(40)}`), /^no-revision/);
});

test('offline, what Hugging Face\'s tools have is enough', async (context) => {
  const { folder } = context;
  assert.match(await whyNot(context, 'test/model', { offline: true }), /^offline: test\/model at main was not looked up before, and HF_HUB_OFFLINE is set; unset it once/);
  const { commit } = context.hub.add('test/model', FILES);
  const online = await pinned(context, 'test/model');
  const cache = join(folder, 'cache/models--test--model');
  for (const part of ['blobs', `snapshots/${commit}`, 'refs']) mkdirSync(join(cache, part), { recursive: true });
  writeFileSync(join(cache, 'refs/main'), commit);
  for (const [name, content] of Object.entries({ ...FILES, 'README.md': '---\nlanguage: en\nlicense: "mit"\n---\n# card' })) {
    const bytes = Buffer.from(content);
    const blob = bytes.length > 1000 ? sha256(bytes) : gitSha1(bytes);
    writeFileSync(join(cache, 'blobs', blob), bytes);
    symlinkSync(`../../blobs/${blob}`, join(cache, 'snapshots', commit, name));
  }
  context.hub.log.length = 0;
  assert.equal(await pinned(context, 'test/model', { offline: true }), { ...online, licence: 'mit' });
  assert.equal(context.hub.log, []);
});

test('pins are kept, read back as they were, and changed only when asked to', async (context) => {
  const { hub, folder, settings } = context;
  const repository = hub.add('test/model', FILES);
  const study = async (leave: { update: boolean } | undefined) => {
    writeFileSync(join(folder, 'data/study.yaml'), 'models: [a, hf:test/model, { name: x, source: "hf:test/model@main" }]\nquick: { models: [hf:test/model@v1] }\n');
    const problems = new Problems();
    const said: string[] = [];
    const yaml = (await readYaml(folder, 'data/study.yaml', problems))!;
    const pins = await pinsOf(folder, yaml, 'data/study.yaml', problems, leave === undefined ? undefined : { ...leave, say: (sentence) => said.push(sentence), settings });
    return { pins, said, problems: problems.lines() };
  };
  assert.equal((await study(undefined)).pins.known.size, 0);
  assert.not.ok(existsSync(join(folder, LOCK_FILE)), 'without leave nothing is asked or written');
  const first = await study({ update: false });
  assert.equal(first.problems, ['data/study.yaml:2:19 hf:test/model@v1: test/model has no revision "v1"; its branches and tags are at https://huggingface.co/test/model/tree/main; a commit has 40 digits']);
  repository.revisions['v1'] = repository.commit;
  const second = await study({ update: false });
  assert.equal(second.problems, []);
  assert.equal(second.said, [`hf:test/model@v1 is commit ${repository.commit}; licence apache-2.0; pinned in data/models.lock.yaml`]);
  const lock = readFileSync(join(folder, LOCK_FILE), 'utf8');
  assert.match(lock, /^# What each hf: source/);
  const asked = hub.log.length;
  const offline = await study(undefined);
  assert.equal(offline.pins, second.pins);
  assert.is(offline.pins.known.get('hf:test/model@main')?.config, CONFIG);
  assert.equal((await study({ update: false })).said, []);
  assert.is(hub.log.length, asked, 'what is pinned is asked for no more');

  const moved = hub.add('test/model', { ...FILES, 'new.txt': '' }, { licence: 'llama2' });
  moved.revisions['v1'] = moved.commit;
  const updated = await study({ update: true });
  assert.match(updated.said.join('\n'), new RegExp(`hf:test/model@main was commit ${repository.commit}, and is now commit ${moved.commit}; licence llama2, whose terms are yours to keep: https://huggingface.co/test/model`));
  assert.is(updated.pins.known.get('hf:test/model@main')?.commit, moved.commit);

  const broken = async (from: string | RegExp, to: string): Promise<string> => {
    writeFileSync(join(folder, LOCK_FILE), lock.replace(from, to));
    return (await study({ update: false })).problems.join('\n');
  };
  assert.match(await broken('"model_type": "llama"', '"model_type": "gpt2"'), /^data\/models\.lock\.yaml:\d+:\d+ config is not the config\.json that was looked up; take this entry out/);
  assert.match(await broken('format: 1', 'format: 2'), /newer version/);
  assert.match(await broken(/commit: \w+/, 'commit: main'), /must be 40 lower-case/);
  assert.match(await broken('tokenizer.json:', '../tokenizer.json:'), /can be no file of a repository/);
  assert.match(await broken(/sha256: \w+/, 'sha256: abc'), /64 lower-case/);
  assert.match(await broken('hf:test/model@main:', 'hf:test/model:'), /must be written in full, as hf:test\/model@main/);
  assert.match(await broken('repository: test/model', 'repository: test/other'), /must be those of/);
});

test.run();
