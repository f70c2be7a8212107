/** The study's reader: what it accepts, and how it answers every mistake (file:line:column, what is wrong, what is allowed). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isConfigurationError } from '../../stages/dag/index.ts';
import { PROMPTS_FILE, SOURCES_FILE, STUDY_FILE, readStudy } from '../../stages/quantization/config.ts';
import { fetchCell } from '../../stages/quantization/fetch.ts';
import type { StudyConfig } from '../../stages/quantization/config.ts';
import { root } from './in-process.ts';

const original = readFileSync(join(root, STUDY_FILE), 'utf8');

/** Reads a project folder with this study and the real sources, prompts and model configs. */
async function read(study: string, { quick = false, more = () => {} }: { quick?: boolean; more?: (folder: string) => void } = {}): Promise<StudyConfig> {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-config-'));
  try {
    mkdirSync(join(folder, 'data'));
    for (const file of [SOURCES_FILE, PROMPTS_FILE]) cpSync(join(root, file), join(folder, file));
    for (const name of ['novel-1m', 'novel-4m', 'novel-10m']) {
      mkdirSync(join(folder, 'data/models', name), { recursive: true });
      cpSync(join(root, 'data/models', name, 'config.json'), join(folder, 'data/models', name, 'config.json'));
    }
    writeFileSync(join(folder, STUDY_FILE), study);
    more(folder);
    return await readStudy(folder, { quick });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The message's lines for a study that is refused. */
async function refused(study: string, options: Parameters<typeof read>[1] = {}): Promise<string[]> {
  try {
    await read(study, options);
  } catch (error) {
    if (isConfigurationError(error)) return error.message.split('\n');
    throw error;
  }
  throw new Error('the study was accepted');
}

/** The study with one line replaced; says where that line is. */
function edited(key: string, line: string): { study: string; at: number } {
  const lines = original.split('\n');
  const index = lines.findIndex((candidate) => candidate.startsWith(`${key}:`));
  assert.ok(index >= 0, `the study has no line ${key}:`);
  lines[index] = line;
  return { study: lines.join('\n'), at: index + 1 };
}

/** What a changed line is answered with, without its place, which must be the line's own and the given column. */
async function answer(key: string, line: string, column: number): Promise<string> {
  const { study, at } = edited(key, line);
  const lines = await refused(study);
  assert.is(lines.length, 1, lines.join('\n'));
  const place = `${STUDY_FILE}:${at}:${column} `;
  assert.ok(lines[0]?.startsWith(place), `${lines[0]} should begin with ${place}`);
  return (lines[0] ?? '').slice(place.length);
}

test('the study of the project is read, and its quick form', async () => {
  const config = await readStudy(root);
  assert.equal(config.models.map(({ name, baseFormat, architecture }) => [name, baseFormat, architecture]), [['novel-1m', 'fp16', 'llama'], ['novel-4m', 'fp16', 'llama'], ['novel-10m', 'fp16', 'llama']]);
  assert.is(config.judge, 'novel-10m');
  assert.equal(config.formats, ['fp32', 'fp16', 'bf16', 'int8', 'nf4', 'fp4', 'nf4-dq', 'fp4-dq']);
  assert.is(config.models[0]?.files.weights[0]?.sha256, 'aeb44f5a74df3a86e0c53c98deb1d460812f4466a6ab7dcdefc516752ea6782c');
  assert.ok(config.texts.length * config.windowsPerText >= 30, 'verdicts need 30 windows');

  const quick = await readStudy(root, { quick: true });
  assert.equal(quick.models.map(({ name }) => name), ['novel-1m']);
  assert.equal(quick.texts, config.texts, 'what the quick block does not name stays');
});

test('an unknown format is answered with its place, the formats, and the nearest one', async () => {
  assert.is(await answer('formats', 'formats: [fp32, nf5]', 17), 'unknown format "nf5"; formats are fp32, fp16, bf16, int8, nf4, nf4-dq, fp4, fp4-dq; did you mean "nf4"?');
  assert.is(await answer('formats', 'formats: [4]', 11), 'a format must be a name, not 4; formats are fp32, fp16, bf16, int8, nf4, nf4-dq, fp4, fp4-dq');
  assert.is(await answer('formats', 'formats: [nf4, nf4]', 16), '"nf4" stands in formats a second time; keep one');
  assert.is(await answer('formats', 'formats: nf4', 10), 'formats must be a list, such as [a, b], not the text "nf4"');
  assert.is(await answer('formats', 'formats: []', 10), 'formats is empty; give at least one');
});

test('names are checked against what there is', async () => {
  assert.is(await answer('judge', 'judge: novel10m', 8), 'unknown judge "novel10m"; models of this study are novel-1m, novel-4m, novel-10m; did you mean "novel-10m"?');
  assert.match(await answer('texts', 'texts: [garden, moby]', 17), /^unknown text "moby"; texts are garden, hound, treasure/);
  assert.match(await answer('prompts', 'prompts: [mari]', 11), /^unknown prompt "mari"; prompts are .*; did you mean "mary"\?$/);
  assert.match(await answer('engine', 'engine: wasmm', 9), /^unknown engine "wasmm"; engines are auto, .*did you mean "wasm"\?$/);
});

test('the engines that are timed are the study\'s own and others of the register', async () => {
  const listed = async (engines: string, engine = 'auto'): Promise<string[]> =>
    (await refused(original.replace(/^  engines: \[auto.*$/m, `  engines: ${engines}`).replace(/^engine: auto$/m, `engine: ${engine}`))).map((line) => line.replace(/^data\/study\.yaml:\d+:/, ''));
  assert.match((await listed('[auto, nativ]'))[0]!, /^19 unknown engine "nativ"; engines are auto, reference, .*did you mean "native"\?$/);
  assert.equal(await listed('[wasm]'), ["12 speed.engines lacks auto, the study's own engine, with which the others are shown; add it"]);
  assert.equal(await listed('[auto, auto]'), ['19 "auto" stands in speed.engines a second time; keep one']);
  assert.equal(await listed('[auto, wasm]', 'wasm'), ["19 wasm is the study's own engine, which speed.engines calls auto; write auto"]);
  assert.equal(await listed('auto'), ['12 speed.engines must be a list, such as [a, b], not the text "auto"']);
  assert.equal((await read(original.replace(/^  engines: \[auto.*$/m, '  engines: [auto, wasm, native]'))).speed.engines, ['auto', 'wasm', 'native']);
});

test('the study\'s own engine gives the reference\'s bits', async () => {
  const exact = 'so no exact result may come from it; engines that do are auto, reference, wasm, native. To time';
  for (const name of ['fast', 'webgpu', 'webgpu-fast']) {
    assert.is(await answer('engine', `engine: ${name}`, 9), `${name} does not give the reference's bits, ${exact} ${name} beside one of them, name it in speed.engines`);
  }
  for (const name of ['native', 'wasm', 'reference']) assert.is((await read(edited('engine', `engine: ${name}`).study)).engine, name);
  const { study, at } = edited('quick', 'quick:\n  engine: fast');
  assert.ok((await refused(study)).join('\n').startsWith(`${STUDY_FILE}:${at + 1}:11 fast does not give the reference's bits`), 'in the quick form, too');
});

test('numbers keep to their bounds', async () => {
  assert.is(await answer('temperatures', 'temperatures: [0, -0.1]', 19), 'temperature -0.1 is out of range; allowed are 0 to 10');
  assert.is(await answer('temperatures', 'temperatures: [10.5]', 16), 'temperature 10.5 is out of range; allowed are 0 to 10');
  assert.is(await answer('temperatures', 'temperatures: [0.12345]', 16), 'temperature 0.12345 has more than four decimals');
  assert.is(await answer('temperatures', 'temperatures: [0.7, 0.70]', 21), '"0.7" stands in temperatures a second time; keep one');
  assert.is(await answer('temperatures', 'temperatures: [warm]', 16), 'temperature must be a number from 0 to 10, not the text "warm"');
  assert.is(await answer('top_k', 'top_k: [2048]', 9), 'top_k 2048 is out of range; allowed are 0 to 2047 (below the smallest vocabulary of the models)');
  assert.is(await answer('top_k', 'top_k: [1.5]', 9), 'top_k 1.5 must be a whole number from 0 to 2047');
  assert.is(await answer('window_tokens', 'window_tokens: 513', 16), 'window_tokens 513 is out of range; allowed are 2 to 512 (the shortest context of the models)');
  assert.is(await answer('windows_per_text', 'windows_per_text: 0', 19), 'windows_per_text 0 is out of range; allowed are 1 to 10000');
  assert.is(await answer('max_new_tokens', 'max_new_tokens: [512]', 18), 'max_new_tokens 512 is out of range; allowed are 1 to 511 (below the shortest context of the models)');
  assert.is(await answer('seeds', 'seeds: [9007199254740993]', 9), '"9007199254740993" is too large to be read exactly; at most 9007199254740991');
  for (const [line, shown] of [['seeds: [012]', '012'], ['seeds: [0x10]', '0x10'], ['seeds: [+1]', '+1'], ['seeds: [.inf]', '.inf']] as const) {
    assert.is(await answer('seeds', line, 9), `"${shown}" is not a plain decimal number; write digits, such as 12, 0.7 or 1e-3`);
  }
});

test('all mistakes are answered at once, in the order of the file', async () => {
  const study = edited('formats', 'formats: [nf5, 7]').study.replace('judge: novel-10m', 'judge: nobody').replace(/^engine: auto$/m, 'engin: auto');
  const lines = await refused(study);
  assert.equal(lines.map((line) => line.replace(/^data\/study\.yaml:\d+:\d+ /, '').slice(0, 23)), [
    'the study lacks the key', 'unknown judge "nobody";', 'unknown format "nf5"; f', 'a format must be a name', 'unknown key "engin" in ',
  ]);
  assert.match(lines.at(-1) ?? '', /keys are title, models, .*; did you mean "engine"\?$/);
});

test('a mistake in the quick block is found without --quick, and a missing block with it', async () => {
  const lines = await refused(original.replace('formats: [fp16, int8, nf4, fp4]', 'formats: [fp16, int9]'));
  assert.is(lines.length, 1);
  assert.match(lines[0] ?? '', /^data\/study\.yaml:\d+:19 unknown format "int9"/);
  const without = original.slice(0, original.indexOf('\nquick:'));
  assert.is((await read(without)).models.length, 3);
  assert.match((await refused(without, { quick: true }))[0] ?? '', /no quick: block/);
});

test('a model is a bundled one or a folder of the project', async () => {
  assert.match(await answer('models', 'models: [novel-2m]', 10), /^unknown model "novel-2m"; bundled models are novel-1m, novel-4m, novel-10m/);
  const from = async (source: string, more?: (folder: string) => void): Promise<StudyConfig> =>
    read(edited('models', `models: [novel-10m, { name: mine, source: "${source}" }]`).study, more === undefined ? {} : { more });
  const whyNot = async (source: string, more?: (folder: string) => void): Promise<string> => {
    const { study } = edited('models', `models: [novel-10m, { name: mine, source: "${source}" }]`);
    return (await refused(study, more === undefined ? {} : { more })).join('\n');
  };
  assert.match(await whyNot('hf:org/name@main'), /:\d+:43 hf:org\/name@main was not looked up yet; "npx bitwidth fetch" does that/);
  assert.match(await whyNot('hf:org'), /hf:org is no repository of the hub; write hf:<org>\/<name>/);
  assert.match(await whyNot('local:models/mine.gguf'), /mine cannot be used: models\/mine\.gguf is no file/);
  assert.match(await whyNot('local:models/mine.gguf', (folder) => { mkdirSync(join(folder, 'models'), { recursive: true }); writeFileSync(join(folder, 'models/mine.gguf'), 'GGUF and then nothing of it'); }), /models\/mine\.gguf: the version is 1684955424; 2 and 3 can be read/);
  assert.match(await whyNot('ftp:x'), /unknown source "ftp:x"; sources are bundled:<name>; local:<folder or \.gguf file>; hf:<org>\/<name>/);
  assert.match(await whyNot('local:../elsewhere'), /must be a path inside the project/);
  assert.match(await whyNot('local:/nowhere/at/all'), /the model folder "\/nowhere\/at\/all" is not a folder; give the path/);
  assert.match(await whyNot('local:~other/x'), /must be a path inside the project/);
  assert.match(await answer('models', 'models: [novel-10m, hf:org/name]', 21), /^hf:org\/name@main was not looked up yet/);
  assert.match(await whyNot('local:models/mine'), /is not a folder of the project/);

  const place = (folder: string, files: { readonly [name: string]: string }): void => {
    mkdirSync(join(folder, 'models/mine'), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'models/mine', name), text);
  };
  const config = readFileSync(join(root, 'data/models/novel-1m/config.json'), 'utf8');
  const tokenizer = readFileSync(join(root, 'data/models/novel-1m/tokenizer.json'), 'utf8');
  const files = { 'config.json': config, 'model.safetensors': '', 'tokenizer.json': tokenizer };
  const mine = (await from('local:models/mine', (folder) => place(folder, files))).models[1];
  assert.equal(mine?.files, { config: { path: 'models/mine/config.json' }, weights: [{ path: 'models/mine/model.safetensors' }], tokenizer: { path: 'models/mine/tokenizer.json' } });

  assert.match(await whyNot('local:models/mine', (folder) => place(folder, { ...files, 'tokenizer.json': '{}' })), /^data\/study\.yaml:\d+:8 novel-10m cannot judge mine, which has another tokenizer; .*take mine out/);
  assert.match(await whyNot('local:models/mine', (folder) => place(folder, { 'config.json': config })), /lacks model\.safetensors and tokenizer\.json/);
  assert.match(await whyNot('local:models/mine', (folder) => place(folder, { 'config.json': config, 'model.safetensors.index.json': '{}' })), /lacks tokenizer\.json/);
  const { 'model.safetensors': single, ...others } = files;
  const sharded = (index: string, ...shards: readonly string[]) => (folder: string): void => place(folder, { ...others, 'model.safetensors.index.json': index, ...Object.fromEntries(shards.map((name) => [name, single])) });
  assert.match(await whyNot('local:models/mine', sharded('{}')), /has a model\.safetensors\.index\.json that has no weight_map/);
  assert.match(await whyNot('local:models/mine', sharded('{"weight_map":{"a":"../b.safetensors"}}')), /names "\.\.\/b\.safetensors", which is no name of a safetensors file/);
  assert.match(await whyNot('local:models/mine', sharded('{"weight_map":{"a":"b.safetensors"}}')), /lacks b\.safetensors, which its/);
  assert.equal((await from('local:models/mine', sharded('{"weight_map":{"z":"b.safetensors","a":"a.safetensors"}}', 'a.safetensors', 'b.safetensors'))).models[1]?.files.weights, [{ path: 'models/mine/a.safetensors' }, { path: 'models/mine/b.safetensors' }]);
  const outside = mkdtempSync(join(tmpdir(), 'bitwidth-model-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(outside, name), text);
    const there = (await from(`local:${outside}`)).models[1];
    assert.is(there?.source, 'local:');
    assert.equal(there?.files.config, { path: 'local:mine/config.json', at: join(outside, 'config.json') });
    assert.is(fetchCell(there!).inputs['weights']?.kind, 'file');
    assert.not.match(JSON.stringify({ ...there, files: null }), new RegExp(outside));
  } finally {
    rmSync(outside, { recursive: true, force: true });
  }
  assert.match(await whyNot('local:models/mine', (folder) => place(folder, { ...files, 'config.json': '{' })), /mine cannot be used: models\/mine\/config\.json is not valid JSON/);
  assert.match(await whyNot('local:models/mine', (folder) => place(folder, { ...files, 'config.json': config.replace('"llama"', '"mamba"') })), /unknown model_type "mamba"; known are llama/);
  assert.match(await whyNot('local:models/mine', (folder) => place(folder, { ...files, 'config.json': config.replace('float16', 'int4') })), /torch_dtype; types are float32, float16, bfloat16/);
});

test('what is written out is among what is scored', async () => {
  const changed = original.replace('temperatures: [0, 0.5, 1.0]', 'temperatures: [0, 0.35]').replace('  top_k: [0]\n\n# Speed', '  top_k: [20]\n\n# Speed');
  const sentences = (await refused(changed)).map((line) => line.replace(/^data\/study\.yaml:\d+:\d+ /, ''));
  assert.equal(sentences, [
    '0.35 of generate.temperatures is not among temperatures, which are 0, 0.1, 0.3, 0.5, 0.7, 0.8, 1, 1.3; add it there, or take it out here',
    '20 of generate.top_k is not among top_k, which are 0, 40; add it there, or take it out here',
  ]);
});

test('a file that is missing, a folder, or not UTF-8 is answered with its place', async () => {
  const instead = (file: string, put: (path: string) => void) => refused(original, { more: (folder) => { rmSync(join(folder, file)); put(join(folder, file)); } });
  assert.equal(await instead(STUDY_FILE, () => {}), ['data/study.yaml:1:1 the file is missing; restore it from the repository']);
  assert.equal(await instead(SOURCES_FILE, () => {}), ['data/sources.yaml:1:1 the file is missing; restore it from the repository']);
  assert.equal(await instead(PROMPTS_FILE, (path) => mkdirSync(path)), ['data/prompts.yaml:1:1 this is no file; put the file here']);
  const binary = Buffer.from(original.replace('\ntitle: W', '\ntitle: \u0001'));
  for (const bytes of [Buffer.from(binary).fill(0xe9, binary.indexOf(1), binary.indexOf(1) + 1), binary]) {
    const [line, ...more] = await instead(STUDY_FILE, (path) => writeFileSync(path, bytes));
    assert.equal(more, []);
    assert.is(line, `data/study.yaml:${original.split('\n').findIndex((one) => one.startsWith('title:')) + 1}:8 is not plain text in UTF-8; save it as UTF-8`);
  }
  assert.match((await instead(STUDY_FILE, (path) => writeFileSync(path, Buffer.from(`\ufeff${original}`, 'utf16le'))))[0]!, /^data\/study\.yaml:1:1 is not plain text in UTF-8/);
  assert.is((await read(`\ufeff${original.replaceAll('\n', '\r\n')}`)).models.length, 3, 'a byte order mark and CRLF are no mistake');
});

test('of YAML that cannot be parsed the first mistake is told, with what to do', async () => {
  const why = async (from: string, to: string): Promise<string> => {
    const lines = await refused(original.replace(from, to));
    assert.is(lines.length, 1, lines.join('\n'));
    return lines[0]!.replace(/^data\/study\.yaml:\d+:\d+ /, '');
  };
  assert.is(await why('  blocks: 9', '\tblocks: 9'), 'a tab cannot indent in YAML; use spaces');
  assert.match(await why('  blocks: 9', '   blocks: 9'), /^is not valid YAML: .*keys of one block begin at the same column/);
  assert.match(await why('top_k: [0, 40]', 'top_k: [0, 40'), /brackets are closed$/);
  assert.is(await why('seeds: [1, 2]', 'seeds: !!set [1]'), 'tags (tag:yaml.org,2002:set) are not allowed; write the plain value');
  assert.is(await why('seeds: [1, 2]', 'seeds: !own [1]'), 'tags (!own) are not allowed; write the plain value');
  assert.is(await why('engine: auto', 'engine: auto\n---\nx: 1'), 'a second document begins here; keep one and take out the line ---');
});

test('hostile YAML is refused with a sentence', async () => {
  const one = async (study: string): Promise<string> => (await refused(study)).join('\n');
  assert.match(await one(edited('title', 'title: &a x').study), /anchors \(&name\) are not allowed/);
  assert.match(await one(edited('title', 'title: !!binary aGk=').study), /tags \(tag:yaml\.org,2002:binary\) are not allowed|is not valid YAML/);
  assert.match(await one(`${original}\nseeds: [3]\n`), /this key stands here a second time; keep one/);
  assert.match(await one(`title: ${'['.repeat(100)}`), /nested too deeply; at most 32 levels/);
  assert.match(await one(`title:\n${Array.from({ length: 60 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')}`), /nested too deeply; at most 32 levels/);
  assert.match(await one(`title: ${'- '.repeat(200_000)}x`), /nested too deeply|not valid YAML/);
  assert.match(await one(`# ${'x'.repeat(1_000_000)}`), /at most 1000000 are read/);
  assert.match(await one('title: "a\\u202eb"'), /title has a control character/);
  assert.match(await one('[1, 2]'), /the study must be a mapping/);
  assert.match(await one(''), /the study must be a mapping|lacks the key/);
  assert.match(await one('title: x: y'), /is not valid YAML/);
  assert.match(await one('__proto__: 1'), /unknown key "__proto__"/);
  assert.match(await one('? [a]\n: 1'), /a key must be plain text/);
});

test('peers are named, with device and type where another than the default is wanted; none without a word', async () => {
  const withPeers = (text: string): string => original.replace('\nchoices: []\n', `\nchoices: []\npeers: ${text}\n`);
  assert.equal((await read(original)).peers, []);
  assert.equal((await read(withPeers('[]'))).peers, []);
  assert.equal((await read(withPeers('[transformers]'))).peers, [{ name: 'transformers', device: 'cpu', compute: 'fp32' }]);
  assert.equal((await read(withPeers('[{ name: transformers, device: cuda, compute: bf16 }]'))).peers, [{ name: 'transformers', device: 'cuda', compute: 'bf16' }]);
  const line = original.slice(0, original.indexOf('\nchoices: []\n')).split('\n').length + 2;
  for (const [text, answer] of [
    ['[torch]', /unknown peer "torch"; peers are transformers/], ['[{ name: transformers, device: tpu }]', /unknown device "tpu"; devices of transformers are cpu, cuda/],
    ['[{ name: transformers, compute: fp8 }]', /unknown compute type "fp8"; compute types of transformers are fp32, bf16, fp16/], ['[{ device: cpu }]', /name/], ['[transformers, transformers]', /"transformers" stands in peers a second time/],
    ['[{ name: transformers, threads: 2 }]', /threads/],
  ] as const) {
    const [first] = await refused(withPeers(text));
    assert.match(first!, answer);
    assert.match(first!, new RegExp(`^data/study\\.yaml:${line}:`));
  }
});

test.run();
