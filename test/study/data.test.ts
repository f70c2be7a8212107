/** The files of data/: what they promise is so. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formats } from '../../kernels/index.ts';
import { readChoices } from '../../stages/quantization/choices-file.ts';
import { Reader } from '../../stages/quantization/config-fields.ts';
import { readPrompts, readSources } from '../../stages/quantization/config-sources.ts';
import { Problems, readYaml } from '../../stages/quantization/config-yaml.ts';
import { KEYS, OPTIONAL_KEYS, PROMPTS_FILE, SOURCES_FILE, STUDY_FILE, TOP_KEYS } from '../../stages/quantization/config.ts';
import { root } from './in-process.ts';

const text = (path: string): string => readFileSync(join(root, path), 'utf8');
const problems = new Problems();
const sources = readSources(await readYaml(root, SOURCES_FILE, problems), SOURCES_FILE, problems);
const prompts = readPrompts(await readYaml(root, PROMPTS_FILE, problems), PROMPTS_FILE, problems, sources.texts);

test('every bundled file has the bytes and sha256 that sources.yaml gives', () => {
  assert.equal(problems.lines(), []);
  const files = [...[...sources.models.values()].flatMap(({ files: own }) => [...own.values()]), ...[...sources.texts.values(), ...sources.choices.values()].map(({ file }) => file)];
  assert.is(files.length, 3 * 4 + 3 + 1);
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

test('the cloze items are those that their script makes, and no option gives itself away', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-cloze-'));
  try {
    mkdirSync(join(folder, 'data/choices'), { recursive: true });
    symlinkSync(join(root, 'data/texts'), join(folder, 'data/texts'));
    execFileSync(process.execPath, ['--import', import.meta.resolve('tsx'), join(root, 'data/choices/make-cloze.ts')], { cwd: folder });
    assert.is(readFileSync(join(folder, 'data/choices/cloze.jsonl'), 'utf8'), text('data/choices/cloze.jsonl'));
  } finally {
    rmSync(folder, { recursive: true });
  }
  const items = readChoices(readFileSync(join(root, 'data/choices/cloze.jsonl')), 'cloze.jsonl');
  assert.is(items.length, 360);
  const places = [0, 1, 2, 3].map((place) => items.filter(({ answer }) => answer === place).length);
  assert.ok(places.every((count) => count > 60 && count < 120), `answers at ${places.join(', ')}`);
  /** Right answers of who always takes the longest (shortest) option: about a quarter of them. */
  const taking = (best: (lengths: number[]) => number): number => items.filter(({ options, answer }) => { const lengths = options.map((option) => option.length); return lengths.indexOf(best(lengths)) === answer; }).length;
  assert.ok(taking((lengths) => Math.max(...lengths)) < 140 && taking((lengths) => Math.min(...lengths)) < 140);
});

test('the JSON Schema knows the keys and formats that the reader knows', async () => {
  const schema = JSON.parse(text('data/study.schema.json')) as {
    required: string[]; properties: { [key: string]: unknown };
    definitions: { formats: { items: { enum: string[] } }; generate: { required: string[] }; speed: { required: string[] } };
  };
  assert.equal(schema.required, [...KEYS]);
  assert.equal(Object.keys(schema.properties).sort(), [...KEYS, ...OPTIONAL_KEYS, ...TOP_KEYS].sort());
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
