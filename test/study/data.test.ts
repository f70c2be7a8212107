/** The files of data/: what they promise is so. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formats } from '../../kernels/index.ts';
import { Reader } from '../../stages/quantization/config-fields.ts';
import { readPrompts, readSources } from '../../stages/quantization/config-sources.ts';
import { Problems, readYaml } from '../../stages/quantization/config-yaml.ts';
import { KEYS, PROMPTS_FILE, SOURCES_FILE, STUDY_FILE } from '../../stages/quantization/config.ts';
import { root } from './in-process.ts';

const text = (path: string): string => readFileSync(join(root, path), 'utf8');
const problems = new Problems();
const sources = readSources(await readYaml(root, SOURCES_FILE, problems), SOURCES_FILE, problems);
const prompts = readPrompts(await readYaml(root, PROMPTS_FILE, problems), PROMPTS_FILE, problems, sources.texts);

test('every bundled file has the bytes and sha256 that sources.yaml gives', () => {
  assert.equal(problems.lines(), []);
  const files = [...[...sources.models.values()].flatMap(({ files: own }) => [...own.values()]), ...[...sources.texts.values()].map(({ file }) => file)];
  assert.is(files.length, 3 * 4 + 3);
  for (const { path, sha256, bytes } of files) {
    const content = readFileSync(join(root, path));
    assert.is(content.length, bytes, path);
    assert.is(createHash('sha256').update(content).digest('hex'), sha256, path);
  }
});

test('prompts stand word for word in the texts that they name, 6 to 20 words long', () => {
  assert.ok(prompts.size >= 8);
  for (const { name, from, text: words } of prompts.values()) {
    const source = sources.texts.get(from ?? '');
    assert.ok(source, `${name} is from ${from}`);
    assert.ok(text(source.file.path).includes(words), `${name} is not in ${from}`);
    const count = words.split(' ').length;
    assert.ok(count >= 6 && count <= 20, `${name} has ${count} words`);
  }
});

test('the JSON Schema knows the keys and formats that the reader knows', async () => {
  const schema = JSON.parse(text('data/study.schema.json')) as {
    required: string[]; properties: { [key: string]: unknown };
    definitions: { formats: { items: { enum: string[] } }; generate: { required: string[] }; speed: { required: string[] } };
  };
  assert.equal(schema.required, [...KEYS]);
  assert.equal(Object.keys(schema.properties), [...KEYS, 'quick']);
  assert.equal([...schema.definitions.formats.items.enum].sort(), formats.map(({ name }) => name).sort());
  const study = await readYaml(root, STUDY_FILE, problems);
  for (const key of ['generate', 'speed'] as const) {
    const reader = new Reader(STUDY_FILE, problems);
    const map = reader.openMap(reader.required(reader.openMap(study, 'study'), key, 'study'), key);
    assert.equal([...(map?.entries.keys() ?? [])], schema.definitions[key].required);
  }
  assert.match(text(STUDY_FILE), /^# yaml-language-server: \$schema=\.\/study\.schema\.json\n/);
});

test.run();
