/** The study as cells: what a change of study.yaml adds and removes, what is computed once, and which code a result depends on. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { studyPipeline } from '../../bitwidth.ts';
import { engines } from '../../kernels/engines.ts';
import { CodeIdentities } from '../../stages/dag/code-identity.ts';
import { FileFacts } from '../../stages/dag/facts.ts';
import { pipeline } from '../../stages/dag/index.ts';
import { readStudy } from '../../stages/quantization/config.ts';
import type { StudyConfig } from '../../stages/quantization/config.ts';
import { ENGINE_VARIABLE } from '../../stages/quantization/environment.ts';
import { peers } from '../../stages/quantization/peers.ts';
import { samplings, study } from '../../stages/quantization/study.ts';
import type { Cell, Pipeline } from '../../stages/dag/index.ts';
import { inFolder } from './in-folder.ts';
import { root } from './in-process.ts';

const engineBefore = process.env[ENGINE_VARIABLE];
test.after(() => {
  if (engineBefore === undefined) delete process.env[ENGINE_VARIABLE];
  else process.env[ENGINE_VARIABLE] = engineBefore;
});

const config = await readStudy(root);
const { cells, tables, formats } = study(config);

/** What identifies a cell but for the bytes of its inputs. */
const declared = ({ stage, id, memoryBytes: _, ...rest }: Cell): string => JSON.stringify([stage.name, id, rest]);
const stagesOf = (some: Iterable<Cell>): string[] => [...new Set([...some].map((cell) => cell.stage.name))].sort();

/** Cells that a changed study has and this one has not (by id), and those of the same id that are declared otherwise. */
function difference(changed: StudyConfig): { added: Cell[]; removed: Cell[]; altered: Cell[] } {
  const before = new Map(cells.map((cell) => [cell.id, cell]));
  const after = new Map(study(changed).cells.map((cell) => [cell.id, cell]));
  return {
    added: [...after.values()].filter(({ id }) => !before.has(id)),
    removed: [...before.values()].filter(({ id }) => !after.has(id)),
    altered: [...after.values()].filter((cell) => { const own = before.get(cell.id); return own !== undefined && declared(own) !== declared(cell); }),
  };
}

test('whatever engine is timed and whatever peer is named, the code that its cells name is there', () => {
  const small = { ...config, models: config.models.slice(0, 1), judge: config.models[0]!.name, formats: ['nf4'] };
  const timed = study({ ...small, speed: { ...config.speed, engines: ['auto', ...engines.map(({ name }) => name)] } }).cells;
  const named = peers.flatMap((peer) => peer.devices.flatMap((device) => peer.computeTypes.map((compute) => ({ peer, settings: { device, compute }, found: { missing: 'not asked' } }))));
  const peered = named.flatMap((one) => study(small, undefined, [], [one]).cells);
  const files = new Set([...timed, ...peered].flatMap(({ uses = [] }) => uses));
  for (const { name } of engines) assert.ok(files.has(`kernels/engines/${name}.ts`), name);
  assert.equal([...files].filter((path) => !existsSync(join(root, path))), []);
});

/** Stages whose cells gather what others computed: they may change with any sweep. */
const GATHERING = ['claims', 'tabulate'];
/** Stages of which a cell is about a format, and holds all its texts and seeds. */
const SUMMARIZING = ['summarize', 'slices', 'worst-tokens', 'parting', 'compare'];

test('the pipeline is sound: ids are unique, references exist, nothing goes in circles', async () => {
  const { cells: all, exports } = await studyPipeline(root, { quick: false });
  assert.ok(all.length > cells.length);
  assert.is(exports.length, 1);
  pipeline({ name: 'study', root, cells });
});

test('one more temperature adds score and summarize cells and alters only what gathers', () => {
  const { added, removed, altered } = difference({ ...config, temperatures: [...config.temperatures, 1.7] });
  assert.equal(removed, []);
  assert.equal(stagesOf(added), ['score', 'summarize']);
  assert.ok(added.every(({ id }) => id.includes('T1.7')), added.map(({ id }) => id).join(' '));
  assert.equal(stagesOf(altered).filter((stage) => !GATHERING.includes(stage)), []);
});

test('one more temperature of texts adds generate, judge, parting and summarize cells and alters only what gathers', () => {
  const generate = { ...config.generate, temperatures: [...config.generate.temperatures, 1.7] };
  const { added, removed, altered } = difference({ ...config, generate });
  assert.equal(removed, []);
  assert.equal(stagesOf(added), ['generate', 'judge', 'parting', 'summarize']);
  assert.equal(stagesOf(altered).filter((stage) => !GATHERING.includes(stage)), []);
});

test('one more top_k, seed or text leaves what was computed as it is', () => {
  const topK = difference({ ...config, topKs: [...config.topKs, 7] });
  assert.equal([stagesOf(topK.added), topK.removed, stagesOf(topK.altered).filter((stage) => !GATHERING.includes(stage))], [['score', 'summarize'], [], []]);
  const seed = difference({ ...config, seeds: [...config.seeds, 9] });
  assert.equal([stagesOf(seed.added), seed.removed, stagesOf(seed.altered).filter((stage) => ![...GATHERING, ...SUMMARIZING].includes(stage))], [['generate', 'judge'], [], []]);
  const fewer = difference({ ...config, texts: config.texts.slice(0, 2) });
  assert.equal([stagesOf(fewer.added), stagesOf(fewer.removed), stagesOf(fewer.altered).filter((stage) => ![...GATHERING, ...SUMMARIZING].includes(stage))], [[], ['score', 'tokenize'], []]);
});

test('a format less removes its cells; timings are taken again, because a block holds all formats', () => {
  const { added, removed, altered } = difference({ ...config, formats: config.formats.filter((format) => format !== 'fp4') });
  assert.equal(added, []);
  assert.ok(removed.every(({ id }) => /\/fp4(\/|$)/.test(id)), removed.map(({ id }) => id).join(' '));
  assert.equal(stagesOf(altered).filter((stage) => ![...GATHERING, 'speed', 'speed-other'].includes(stage)), ['compare']);
  assert.equal(altered.filter(({ stage }) => stage.name === 'compare').map(({ id }) => id), config.models.map(({ name }) => `compare:${name}/speed`));
});

test('an engine more is timed in cells of its own, whose failure is none of the run', () => {
  const more = { ...config, speed: { ...config.speed, engines: [...config.speed.engines, 'wasm'] } };
  const { added, removed, altered } = difference(more);
  assert.equal([removed, altered.filter(({ stage, id }) => !GATHERING.includes(stage.name) && !/^(summarize|compare):[^/]*\/speed$/.test(id))], [[], []]);
  assert.equal(added.map(({ id, batch, stage }) => [id, batch, stage.optional]), config.models.map(({ name }) => [`speed-other:${name}/wasm`, 'wasm', true]));
  pipeline({ name: 'study', root, cells: study(more).cells });
});

test('aliases are quantized, for their bytes, and computed with nowhere', () => {
  const of = (format: string): string[] => stagesOf(cells.filter(({ id }) => id.split(':')[1]?.split('/')[1] === format && !SUMMARIZING.includes(id.split(':')[0]!)));
  assert.equal(of('fp32'), ['quantize']);
  assert.equal(of('fp16'), ['generate', 'judge', 'quantize', 'score']);
  assert.equal(of('nf4-dq'), ['generate', 'judge', 'quantize', 'score']);
});

test("a model's own type is computed whether it is chosen or not", () => {
  const { cells: fewer, formats: names } = study({ ...config, formats: ['nf4'] });
  assert.ok(fewer.some(({ id }) => id === 'score:novel-1m/fp16/garden'));
  assert.equal(names, ['fp16', 'nf4']);
  assert.equal(formats, config.formats);
});

test('greedy is written once, whatever asks for it', () => {
  const asked = samplings({ ...config, seeds: [1, 2], generate: { temperatures: [0, 0.7], topKs: [0, 1, 40] } });
  assert.equal(asked.map(({ temperature, topK, seed }) => [temperature, topK, seed]), [[0, 0, 0], [0.7, 0, 1], [0.7, 0, 2], [0.7, 40, 1], [0.7, 40, 2]]);
});

test('a shorter max_new_tokens is a beginning of the longest and writes nothing of its own', () => {
  const { added, removed, altered } = difference({ ...config, maxNewTokens: config.maxNewTokens.slice(-1) });
  assert.equal([added, removed, stagesOf(altered).filter((stage) => ![...GATHERING, 'summarize'].includes(stage))], [[], [], []]);
});

test('there is a table for each of data/schema.sql', () => {
  const schema = readFileSync(join(root, 'data/schema.sql'), 'utf8');
  assert.equal([...tables.keys()].sort(), [...schema.matchAll(/^CREATE TABLE (\w+)/gm)].map(([, name]) => name).sort());
});

test('a result depends on its format, architecture and arithmetic version, and not on its neighbours', async () => {
  const { boundaries } = await studyPipeline(root, { quick: true });
  const cacheFolder = mkdtempSync(join(tmpdir(), 'bitwidth-code-'));
  try {
    const codes = new CodeIdentities({ root, boundaries, facts: new FileFacts(join(cacheFolder, 'facts')), cacheFolder });
    const filesOf = async (id: string): Promise<string[]> => {
      const cell = cells.find((candidate) => candidate.id === id);
      assert.ok(cell, id);
      return Object.keys((await codes.of(cell.stage.module, cell.uses ?? [])).files);
    };
    for (const id of ['score:novel-1m/nf4/garden', 'generate:novel-1m/nf4/greedy', 'quantize:novel-1m/nf4']) {
      const files = await filesOf(id);
      for (const needed of ['kernels/formats/nf4.ts', 'kernels/models/llama.ts', 'stages/dag/']) assert.ok(files.includes(needed), `${id} lacks ${needed}`);
      const foreign = files.filter((file) => /^reports\/|^stages\/dag\/.|^kernels\/engines\/|^kernels\/index\.ts$|formats\/(fp4|int8|bf16|nf4-dq)\.ts|\/config(-\w+)?\.ts$|package:yaml|-cells\.ts/.test(file)
        && file !== 'kernels/models/config.ts' && !file.endsWith('/model-cells.ts'));
      assert.equal(foreign, [], id);
      assert.ok(!files.some((file) => /^kernels\/(c|wasm)\//.test(file)), `${id} depends on a kernel's source`);
      if (!id.startsWith('generate')) assert.ok(!files.includes('package:@huggingface/tokenizers'), `${id} depends on the tokenizer`);
    }
    assert.ok((await filesOf('score:novel-1m/nf4/garden')).includes('kernels/engines.ts'), 'the arithmetic version counts');
    assert.ok((await filesOf('tokenize:novel-1m/garden')).includes('package:@huggingface/tokenizers'));
    assert.equal((await filesOf('tokenize:novel-1m/garden')).filter((file) => /^kernels\/(formats|models|session|engines|generate)/.test(file)), []);
    assert.ok(!(await filesOf('generate:novel-1m/fp4/greedy')).includes('kernels/formats/nf4.ts'));
    const timed = await filesOf('speed:novel-1m/auto');
    for (const needed of ['kernels/c/linear.inc.h', 'kernels/c/pool.c', 'kernels/wasm/kernels.wasm', 'kernels/engines/native.ts', 'kernels/engines/recorded-ops.ts']) assert.ok(timed.includes(needed), `an edit of ${needed} must be timed again`);
  } finally {
    rmSync(cacheFolder, { recursive: true, force: true });
  }
});

test('doctor goes on where study.yaml has a mistake, and no other command does', async () => {
  const made = (command: string) => inFolder('data/study.yaml', 'modles: [novel-1m]\n', (folder) => studyPipeline(folder, { quick: false }, {}, { command, values: {}, positionals: [], say: () => undefined }));
  const complaints = await made('run') as string[];
  assert.ok(Array.isArray(complaints) && complaints.length > 0);
  const { mistake, cells: none, doctor } = await made('doctor') as Pipeline;
  assert.equal([mistake?.split('\n'), none, typeof doctor], [complaints, [], 'function']);
});

test.run();
