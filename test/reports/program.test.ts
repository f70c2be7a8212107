/** The programs that pages load: of which modules, by whose identity they are made anew, and that nothing but the list of files follows them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { studyPipeline } from '../../bitwidth.ts';
import { makeProgram } from '../../reports/program.ts';
import type { Program, ProgramParts } from '../../reports/program.ts';
import { CodeIdentities } from '../../stages/dag/code-identity.ts';
import { producersOf } from '../../stages/dag/pipeline.ts';
import { FileFacts } from '../../stages/dag/facts.ts';
import { ENGINE_VARIABLE } from '../../stages/quantization/environment.ts';
import { root } from '../study/in-process.ts';

const engine = process.env[ENGINE_VARIABLE];
const pipeline = await studyPipeline(root, { quick: true });
if (engine === undefined) delete process.env[ENGINE_VARIABLE]; else process.env[ENGINE_VARIABLE] = engine;

const cells = pipeline.cells.filter(({ stage }) => stage.name === 'program');
const made = new Map<string, Program>();
test.before(async () => {
  for (const cell of cells) for (const [path, parts] of Object.entries(cell.params['programs'] as object)) made.set(path, await makeProgram(parts as ProgramParts));
});

test('every module of a program counts into its cell: by its code where that is followed, else by its bytes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-program-'));
  try {
    assert.equal(cells.map(({ id }) => id), ['program:rerun', 'program:pages', 'program:study']);
    const identities = new CodeIdentities({ root, boundaries: pipeline.boundaries, facts: new FileFacts(join(folder, 'files.ndjson')), cacheFolder: folder });
    for (const cell of cells) {
      const { files } = await identities.of(cell.stage.module, cell.uses);
      const counted = new Set([...Object.keys(files), ...Object.values(cell.inputs).flatMap((input) => input.kind === 'file' ? [input.path] : [])]);
      const [path] = Object.keys(cell.params['programs'] as object) as [string];
      const { modules } = made.get(path)!;
      assert.ok(modules.length > 10, path);
      assert.equal(modules.filter((module) => !counted.has(module)), [], `modules of ${path} whose change would not make it anew`);
      assert.ok('package:esbuild' in files);
    }
    assert.ok('package:@huggingface/tokenizers' in (await identities.of(cells[2]!.stage.module, cells[2]!.uses)).files);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the study’s program is made of the engines’ own modules, and of the stages’ that compute in Node', () => {
  const { modules } = made.get('assets/study.js')!;
  for (const module of ['kernels/wasm/kernels.wasm', 'kernels/engines/wasm-device.ts', 'kernels/statistics/wasm.ts', 'kernels/session.ts', 'kernels/sampler.ts', 'kernels/tokenizer.ts', 'kernels/formats/nf4.ts', 'stages/quantization/score.ts', 'stages/quantization/generate.ts']) assert.ok(modules.includes(module), module);
  assert.equal(modules.filter((module) => /^stages\/dag\/(?!canonical|declare|errors|in-page|key|paths|sha256|words)|^kernels\/(?:c\/|native)/.test(module)), []);
});

test('a program has the same bytes each time, and no place of this machine in it', async () => {
  for (const cell of cells) {
    for (const [path, parts] of Object.entries(cell.params['programs'] as object)) {
      const again = await makeProgram(parts as ProgramParts);
      assert.ok(Buffer.from(again.script).equals(Buffer.from(made.get(path)!.script)), path);
      const text = Buffer.from(again.script).toString('latin1');
      assert.not.ok(text.includes(root) || text.includes('node_modules'), path);
    }
  }
});

test('what follows a program is the list of what pages can do, and what lists files: no page and no number', () => {
  const after = new Set(cells.map(({ id }) => id));
  for (const cell of pipeline.cells) if ([...producersOf(cell)].some((id) => after.has(id))) after.add(cell.id);
  assert.equal([...new Set([...after].map((id) => id.slice(0, id.indexOf(':'))))].sort(), ['manifest', 'program', 'rerun-plan', 'ro-crate']);
});

test('a module that does not compile, or imports what is not there, is a failure that names the place', async () => {
  for (const [entry, said] of [['data/study.yaml', /No loader is configured for "\.yaml" files/], ['reports/none.ts', /reports\/none\.ts/]] as const) {
    const thrown = await makeProgram({ entry, instead: {}, absent: [] }).then(() => undefined, (error: Error & { failure?: { code: string; sentence: string } }) => error);
    assert.is(thrown?.failure?.code, 'bad-input');
    assert.match(thrown!.failure!.sentence, said);
  }
});

test.run();
