/**
 * bitwidth as a package: what `npm pack` makes, laid where npm would lay it, and in an empty folder beside it a study of one's own, with a
 * format, a page and a stage that the package does not have. Its dependencies are those that `npm ci` installed here, linked.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';

const source = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const root = mkdtempSync(join(realpathSync(tmpdir()), 'bitwidth-package-'));
const modules = join(root, 'node_modules');
const quiet = { nothrow: true, quiet: true, env: { ...process.env, NO_COLOR: '1' } } as const;

const bitwidth = async (...args: string[]): Promise<{ readonly code: number | null; readonly out: string }> => {
  const { exitCode, stdout, stderr } = await $({ ...quiet, cwd: root })`node ${join(modules, 'bitwidth/bin/bitwidth.mjs')} ${args}`;
  return { code: exitCode, out: stdout + stderr };
};
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const edit = (path: string, from: string, to: string): void => {
  assert.ok(read(path).includes(from), `${path} has ${from}`);
  write(path, read(path).replace(from, to));
};

test.before(async () => {
  mkdirSync(modules);
  for (const name of readdirSync(join(source, 'node_modules'))) if (!name.startsWith('.')) symlinkSync(join(source, 'node_modules', name), join(modules, name));
  const packed = await $({ ...quiet, cwd: source })`npm pack --silent --ignore-scripts --pack-destination ${root}`;
  assert.is(packed.exitCode, 0, packed.stderr);
  const file = join(root, packed.stdout.trim());
  mkdirSync(join(modules, 'bitwidth'));
  const unpacked = await $({ ...quiet, cwd: root })`tar -xzf ${file} -C ${join(modules, 'bitwidth')} --strip-components=1`;
  assert.is(unpacked.exitCode, 0, unpacked.stderr);
  rmSync(file);
});
test.after(() => rmSync(root, { recursive: true, force: true }));

test('init writes a study, says what comes next, and touches nothing that is there', async () => {
  for (const [args, problem] of [[['--example', 'none'], /no example "none"; there is smollm2/], [['--weights', 'x'], /--weights is of --example smollm2/], [['--else'], /Unknown option/]] as const) {
    const { code, out } = await bitwidth('init', ...args);
    assert.is(code, 2);
    assert.match(out, problem);
  }
  assert.equal(readdirSync(root), ['node_modules'], 'a refusal leaves nothing');
  const first = await bitwidth('init');
  assert.is(first.code, 0, first.out);
  assert.match(first.out, /npx bitwidth run/);
  write('data/study.yaml', read('data/study.yaml').replace('title: A study of my own', 'title: Changed by hand'));
  const again = await bitwidth('init');
  assert.is(again.code, 2);
  assert.match(again.out, /pipeline\.ts, .* and \d+ more files are here already, so nothing was written/);
  assert.match(read('data/study.yaml'), /title: Changed by hand/);
});

test('a format, a page and a stage of its own stand beside the package\'s', async () => {
  write('kernels/formats/own.ts', `import type { Format } from 'bitwidth/kernels';\nimport { seven } from './seven.ts';\n\nexport const ownFormats: readonly Format[] = [seven];\n`);
  write('kernels/formats/seven.ts', `import type { Format } from 'bitwidth/kernels';

export const seven: Format = {
  name: 'seven', title: 'Whole numbers to 63, one scale a tensor', family: 'int8', product: 'weights', nominalBitsPerWeight: 8,
  layout: [{ part: 'codes', dtype: 'I8', what: 'whole numbers from -63 to 63', bits: 8, perWeights: 1 }, { part: 'scale', dtype: 'F32', what: 'of the tensor', bits: 32, perWeights: 0 }],
  tolerance: { relative: 1 / 63, within: 'tensor', absolute: 0 },
  encode({ name, shape, values }) {
    let largest = 0;
    for (const value of values) largest = Math.max(largest, Math.abs(value));
    const scale = Math.fround(largest / 63) || 1;
    return { name, format: 'seven', shape, parts: { codes: Int8Array.from(values, (value) => Math.round(value / scale)), scale: Float32Array.of(scale) } };
  },
  partLengths: (shape) => ({ codes: shape.reduce((a, b) => a * b, 1), scale: 1 }),
  decode: ({ parts }) => Float32Array.from(parts['codes'] as Int8Array, (code) => code * (parts['scale'] as Float32Array)[0]!),
};
`);
  write('stages/words.ts', `import type { Run } from 'bitwidth';

export const run: Run = async (cells, io) => {
  for (const cell of cells) await io.commit(cell.id, { count: String(new TextDecoder().decode(await io.input(cell, 'text')).split(/\\s+/).length) });
};
`);
  write('pipeline.ts', `import { bitwidth, cell, file, stage } from 'bitwidth';

const words = stage({ name: 'words', title: 'Count the words', determinism: 'exact', module: 'stages/words.ts', outputs: ['count'] });
export default bitwidth(import.meta.url, { cells: () => [cell(words, 'garden', { inputs: { text: file('data/texts/garden.txt') } })] });
`);
  write('reports/pages/own.ts', `import type { Page } from 'bitwidth/reports';\nimport { mine } from './mine.ts';\n\nexport const ownPages: readonly Page[] = [mine];\n`);
  write('reports/own-links.ts', `export const ownLinks: readonly (readonly [path: string, title: string])[] = [['mine.html', 'My own page']];\n`);
  write('reports/pages/mine.ts', `import { html, num, table } from 'bitwidth/reports';
import type { Page } from 'bitwidth/reports';

export const mine: Page = {
  name: 'mine', path: () => 'mine.html', tables: ['metrics'],
  async write(input) {
    const rows = await input.query("SELECT * FROM metrics WHERE quantity = 'kl_mean' ORDER BY format");
    return { title: 'My own page', body: html\`<p class="lead">What this project adds.</p>\${table({ rows, columns: [{ head: 'format', cell: (row) => String(row['format']) }, { head: 'KL', end: true, cell: (row) => num(row) }] })}\` };
  },
};
`);
  edit('data/study.yaml', '  formats: [fp16, int8, nf4, fp4]\n', '  formats: [fp16, int8, nf4, fp4, seven]\n');
  const { code, out } = await bitwidth('run', '--quick');
  assert.is(code, 0, out);
  assert.not.match(out, /native-check failed/, 'compiled code need not know its format');
  assert.match(read('reports/site/mine.html'), /id="kl_mean\.novel-1m\.seven"/);
  assert.match(read('reports/site/index.html'), /href="mine\.html"/);
  for (const path of ['formats/seven.html', 'cells/words~garden.html', 'cells/score~novel-1m~seven~garden.html']) assert.ok(existsSync(join(root, 'reports/site', path)), path);
  const checked = await bitwidth('check-site', 'reports/site');
  assert.is(checked.code, 0, checked.out);
  const audited = await bitwidth('audit', 'kl_mean.novel-1m.seven', '--quick');
  assert.is(audited.code, 0, audited.out);
  assert.match(read('reports/site/cells/quantize~novel-1m~seven.html'), /<code>kernels\/formats\/seven\.ts<\/code>/);
  assert.match((await bitwidth('run', '--quick')).out, /Everything is up to date/);
});

const planned = async (): Promise<string> => (await bitwidth('plan', '--quick')).out;

test('of the package\'s files as of one\'s own only what uses a changed one runs again', async () => {
  appendFileSync(join(modules, 'bitwidth/kernels/formats/nf4.ts'), '// A remark.\n');
  assert.match(await planned(), /Nothing to compute/);
  edit('stages/words.ts', '/\\s+/', '/[^A-Za-z]+/');
  const own = await planned();
  assert.match(own, /stages\/words\.ts changed/);
  assert.not.match(own, /score|quantize/);
  edit('node_modules/bitwidth/kernels/formats/fp4.ts', "'4-bit float'", "'4-bit floats'");
  const theirs = await planned();
  assert.match(theirs, /kernels\/formats\/fp4\.ts changed/);
  const { code, out } = await bitwidth('run', '--quick', '--json');
  assert.is(code, 0, out);
  assert.match(out, /quantize:novel-1m\/fp4/);
  assert.not.match(out, /"(?:score|quantize):novel-1m\/(?:nf4|int8|seven)/);
});

test('a stage of its own says why it cannot compute by what it throws', async () => {
  const before = read('stages/words.ts');
  write('stages/words.ts', `import { StageFailure } from 'bitwidth/stage';\nimport type { Run } from 'bitwidth/stage';

export const run: Run = async () => { throw new StageFailure({ code: 'not-available', sentence: 'the counter is out', hint: 'wait' }); };
`);
  const { code, out } = await bitwidth('run', 'words', '--quick');
  assert.is(code, 1, out);
  assert.match(out, /words:garden \(not-available\): the counter is out/);
  write('stages/words.ts', before);
  assert.is((await bitwidth('run', 'words', '--quick')).code, 0);
});

test('a pack of it is computed again with what is installed', async () => {
  assert.is((await bitwidth('pack', '--to', 'study.zip', '--quick')).code, 0);
  const { code, out } = await bitwidth('reproduce', 'study.zip', '--quick', '--to', 'again.json');
  assert.is(code, 0, out);
  assert.match(out, /results that must come out equal did/);
});

test.run();
