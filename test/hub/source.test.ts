/** How sources of a hub are written, which files make a model, where settings come from, and that a token shows itself nowhere. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withheld, withhold } from '../../stages/dag/index.ts';
import { hubChecks } from '../../stages/quantization/doctor.ts';
import { HubError } from '../../stages/quantization/hub/errors.ts';
import { choose, shardsOf } from '../../stages/quantization/hub/files.ts';
import { Secret } from '../../stages/quantization/hub/secret.ts';
import { hubSettings } from '../../stages/quantization/hub/settings.ts';
import { hubSourceText, readHubSource } from '../../stages/quantization/hub/source.ts';
import { hub } from '../../stages/quantization/model-sources/hub.ts';

test('a source is a repository, a revision, and at most one file', () => {
  const full = (text: string): string => { const source = readHubSource(text); return typeof source === 'string' ? source : hubSourceText(source); };
  const same: { readonly [written: string]: string } = {
    'org/name': 'hf:org/name@main', 'org/name@v1.0': 'hf:org/name@v1.0', 'org/na.me_1-x@refs/pr/7': 'hf:org/na.me_1-x@refs/pr/7',
    'org/name/q4.gguf': 'hf:org/name@main/q4.gguf', 'org/name@abc/sub/q4.GGUF': 'hf:org/name@abc/sub/q4.GGUF', 'org/name@refs/pr/7/q4.gguf': 'hf:org/name@refs/pr/7/q4.gguf',
    [`org/name@${'a'.repeat(40)}`]: `hf:org/name@${'a'.repeat(40)}`,
  };
  for (const [written, text] of Object.entries(same)) assert.is(full(written), text);
  for (const wrong of ['', 'name', 'org/', '/name', 'org/name@', 'org/name@a..b', 'org/name@../x', 'org/../name', 'org/name@main/../x.gguf', 'org/name@main/model.bin', 'org/name/config.json', 'a/b/c', 'org/-name', 'o--rg/name', 'org/name@main@x', 'org/na me', 'org/name@main/a\u0000.gguf', 'https://hub/org/name']) {
    assert.match(full(wrong), /; |named so/, wrong);
  }
  assert.is(hub.nameOf('org/name@main'), 'name');
});

test('a model is its config, weights and tokenizer; pickled weights are not opened', () => {
  const chosen = (...names: string[]) => choose(new Set(names));
  assert.equal(chosen('README.md', 'config.json', 'model.safetensors', 'model.safetensors.index.json', 'tokenizer.json', 'tokenizer.model', 'pytorch_model.bin'), { config: 'config.json', weights: 'model.safetensors', tokenizer: 'tokenizer.json' });
  assert.equal(chosen('config.json', 'model.safetensors.index.json', 'tokenizer.model', 'tokenizer_config.json'), { config: 'config.json', weights: { index: 'model.safetensors.index.json' }, tokenizer: 'tokenizer.model', tokenizerConfig: 'tokenizer_config.json' });
  assert.match(String(chosen('config.json', 'pytorch_model-00001-of-00002.bin', 'tokenizer.json')), /pickled files only, which are programs/);
  assert.match(String(chosen('a-q4.gguf', 'README.md')), /has no config\.json.*name one, as in @<revision>\/a-q4\.gguf/);
  assert.match(String(chosen('config.json', 'model.safetensors')), /no tokenizer\.json and no tokenizer\.model/);
  assert.equal(shardsOf(Buffer.from('{"weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors","c":"m-1.safetensors"}}')), ['m-1.safetensors', 'm-2.safetensors']);
  for (const [index, why] of [['{', /not valid JSON/], ['[]', /no weight_map/], ['{"weight_map":[]}', /no weight_map/], ['{"weight_map":{}}', /names 0 files/], ['{"weight_map":{"a":"../m.safetensors"}}', /no name of a safetensors file/], ['{"weight_map":{"a":1}}', /no name of a/], ['{"weight_map":{"a":"x/y.safetensors"}}', /no name of a/]] as const) {
    assert.match(String(shardsOf(Buffer.from(index))), why);
  }
});

test("settings are those of Hugging Face's tools", () => {
  const home = mkdtempSync(join(tmpdir(), 'bitwidth-home-'));
  try {
    const of = (env: { [name: string]: string } = {}) => hubSettings(env, home);
    assert.equal({ ...of(), policy: null }, { endpoint: 'https://huggingface.co', offline: false, cache: join(home, '.cache/huggingface/hub'), policy: null });
    assert.is(of({ XDG_CACHE_HOME: '/x' }).cache, '/x/huggingface/hub');
    assert.is(of({ XDG_CACHE_HOME: '/x', HF_HOME: '~/hf' }).cache, join(home, 'hf/hub'));
    assert.is(of({ HF_HOME: '/h', HF_HUB_CACHE: '/c' }).cache, '/c');
    assert.equal(['1', 'true', 'ON', 'yes', '0', 'false', ''].map((value) => of({ HF_HUB_OFFLINE: value }).offline), [true, true, true, true, false, false, false]);
    assert.is(of({ HF_ENDPOINT: 'https://mirror.example/hub/' }).endpoint, 'https://mirror.example/hub');
    assert.is(of({ HF_HUB_DOWNLOAD_TIMEOUT: '7' }).policy.idleMs, 7000);
    for (const endpoint of ['mirror', 'ftp://mirror.example', 'https://me:secret@mirror.example', 'https://mirror.example/?a=1']) assert.throws(() => of({ HF_ENDPOINT: endpoint }), (error: Error) => error instanceof HubError && !error.message.includes('mirror'));

    mkdirSync(join(home, '.cache/huggingface'), { recursive: true });
    writeFileSync(join(home, '.cache/huggingface/token'), 'hf_file\n');
    writeFileSync(join(home, 'elsewhere'), 'hf_path');
    assert.is(of().token?.reveal(), 'hf_file');
    assert.is(of({ HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }).token, undefined);
    assert.is(of({ HF_TOKEN_PATH: '~/elsewhere' }).token?.reveal(), 'hf_path');
    assert.is(of({ HF_TOKEN: 'hf_own', HF_TOKEN_PATH: '~/elsewhere' }).token?.reveal(), 'hf_own');
    assert.is(of({ HF_HOME: join(home, 'none') }).token, undefined);
    assert.throws(() => of({ HF_TOKEN: 'hf_ two words' }), (error: Error) => error instanceof HubError && !error.message.includes('two'));
    // In the open it would be everybody's; on this machine it stays here.
    assert.is(of({ HF_TOKEN: 'hf_own', HF_ENDPOINT: 'http://mirror.example' }).token, undefined);
    assert.ok(of({ HF_TOKEN: 'hf_own', HF_ENDPOINT: 'http://127.0.0.1:1' }).token);
    const { items } = hubChecks({ HF_TOKEN: 'hf_canary', HF_ENDPOINT: 'https://secret.example', HF_HOME: join(home, 'none') });
    assert.equal(items.map(({ state }) => state), ['ok', 'ok', 'missing']);
    assert.not.match(JSON.stringify(items), /canary|secret\.example/);
    assert.is(hubChecks({ HF_ENDPOINT: 'x' }).items[0]?.state, 'broken');
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test('a token shows itself nowhere, and processes do not inherit it', () => {
  const token = new Secret('hf_canary', 'the variable HF_TOKEN');
  const holder = { token, list: [token] };
  for (const shown of [String(token), `${token}`, JSON.stringify(holder), inspect(holder, { depth: 9, showHidden: true }), JSON.stringify(Object.entries(token))]) assert.not.match(shown, /canary/);
  assert.is(token.hideIn('Bearer hf_canary!'), 'Bearer …!');
  const env: { [name: string]: string } = { HF_TOKEN_FOR_TEST: 'hf_canary', PATH: '/bin' };
  withhold(['HF_TOKEN_FOR_TEST', 'OTHER'], env);
  assert.equal(env, { PATH: '/bin' });
  assert.is(withheld().get('HF_TOKEN_FOR_TEST'), 'hf_canary');
});

test.run();
