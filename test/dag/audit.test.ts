/** The audit of single links: what is sound, what a person changed, and what is only of another day. */
import { appendFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, file, gather, openResults, output, pipeline, stage } from '../../stages/dag/index.ts';
import { keyOf } from '../../stages/dag/key.ts';
import { encodeLine, readLines } from '../../stages/dag/log-lines.ts';
import { Project } from './project.ts';
import type { AuditFinding, CellAudit, CellRecord, PipelineDeclaration } from '../../stages/dag/index.ts';

const split = stage({ name: 'split', title: 'Split the text', determinism: 'exact', module: 'split.ts', outputs: ['words'], where: 'in-process' });
const tally = stage({ name: 'tally', title: 'Count the words', determinism: 'exact', module: 'tally.ts', outputs: ['lines'], where: 'in-process' });

interface Context { project: Project; factor: number; declared: () => Omit<PipelineDeclaration, 'root'>; audit: (which?: string) => Promise<CellAudit & { lost: readonly string[] }> }
const test = suite<Context>('dag: audit');
test.before.each(async (context) => {
  context.factor = 1;
  context.declared = () => {
    const splits = [2, 3].map((n) => cell(split, String(n), { params: { characters: n, factor: context.factor }, inputs: { text: file('text.txt') } }));
    return { name: 'words', cells: [...splits, cell(tally, 'all', { inputs: { words: gather(splits.map((one) => output(one))) } })] };
  };
  const project = context.project = new Project('words', context.declared);
  project.write('text.txt', 'to be one');
  context.audit = async (which) => {
    const results = await openResults(pipeline({ ...context.declared(), root: project.root }), which);
    try {
      const audits = [];
      for (const id of results.cells.keys()) audits.push(await results.audit(id));
      return { findings: audits.flatMap(({ findings }) => findings), notes: audits.flatMap(({ notes }) => notes), lost: results.lost };
    } finally {
      await results.close();
    }
  };
  await project.run();
});
test.after.each(({ project }) => project.remove());

/** Rewrites the log's record of a cell, its checksum too; `fix`: its key as well. */
function edit({ project }: Context, id: string, change: (record: CellRecord) => Partial<CellRecord>, fix = true): void {
  const folder = project.path('.bitwidth/records');
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(`${folder}/${name}`);
    const lines = readLines(bytes).lines.map((line) => {
      const body = line.parse() as CellRecord;
      if (line.kind !== 'record' || body.cell !== id) return encodeLine(line.kind, body);
      const changed = { ...body, ...change(body) };
      return encodeLine(line.kind, fix ? { ...changed, key: keyOf(changed.fields) } : changed);
    });
    writeFileSync(`${folder}/${name}`, Buffer.concat(lines));
  }
}

const named = (findings: readonly AuditFinding[]): readonly string[] => findings.map(({ cell: id, what }) => `${id} ${what}`);

test('what was computed and left alone is sound, today and as a past run', async ({ audit }) => {
  for (const which of [undefined, 'last']) assert.equal(await audit(which), { findings: [], notes: [], lost: [] });
});

test('a parameter, changed with its key: it is neither what is declared nor what its run named', async (context) => {
  edit(context, 'split:2', ({ fields }) => ({ fields: { ...fields, params: { ...fields.params, factor: 7 } } }));
  const { findings } = await context.audit();
  assert.equal(named(findings), ['split:2 params.factor', 'split:2 key']);
  assert.equal([findings[0]!.expected, findings[0]!.found], ['1', '7']);
  assert.equal((await context.audit('last')).lost, ['split:2']);
});

test('a parameter, changed without its key', async (context) => {
  edit(context, 'split:2', ({ fields }) => ({ fields: { ...fields, params: { ...fields.params, factor: 7 } } }), false);
  assert.equal(named((await context.audit()).findings), ['split:2 key', 'split:2 params.factor']);
  assert.equal(named((await context.audit('last')).findings), ['split:2 key']);
});

test('an edge: the hash of an input', async (context) => {
  edit(context, 'tally:all', ({ fields }) => ({ fields: { ...fields, inputs: { words: 'a'.repeat(64) } } }));
  assert.equal(named((await context.audit()).findings), ['tally:all input words', 'tally:all key']);
});

test('an output of another size, of another hash', async (context) => {
  edit(context, 'split:3', ({ outputs }) => ({ outputs: { words: { ...outputs['words']!, bytes: outputs['words']!.bytes + 1 } } }));
  assert.ok(named((await context.audit()).findings).includes('split:3 output words'));
  edit(context, 'split:3', ({ outputs }) => ({ outputs: { words: { ...outputs['words']!, bytes: outputs['words']!.bytes - 1, sha256: 'b'.repeat(64) as never } } }));
  assert.ok(named((await context.audit()).findings).includes('split:3 output words'));
});

test('times: of another form, before the run, after it, to come; a run that is not there; another machine', async (context) => {
  const cases: readonly (readonly [Partial<CellRecord>, string])[] = [
    [{ finishedAt: '2026-03-04 05:06' }, 'finishedAt'], [{ finishedAt: '2001-03-04T05:06:07.089+00:00' }, 'finishedAt'], [{ finishedAt: '2999-03-04T05:06:07.089+00:00' }, 'finishedAt'],
    [{ durationMs: 1e9 }, 'durationMs'], [{ durationMs: -1 }, 'durationMs'], [{ run: 'none' }, 'run'], [{ machine: 'machine-other' }, 'machine'],
  ];
  const log = context.project.path('.bitwidth/records');
  const [segment] = readdirSync(log);
  const before = readFileSync(`${log}/${segment!}`);
  for (const [change, what] of cases) {
    edit(context, 'split:2', () => change);
    assert.ok(named((await context.audit()).findings).includes(`split:2 ${what}`), JSON.stringify(change));
    writeFileSync(`${log}/${segment!}`, before);
  }
});

test('code: a list of files that does not have its hash; code that was changed since breaks nothing', async (context) => {
  const { project } = context;
  const log = project.path('.bitwidth/records');
  const [segment] = readdirSync(log);
  const before = readFileSync(`${log}/${segment!}`);
  const lines = readLines(Buffer.from(before)).lines.map((line) => {
    const body = line.parse() as { readonly files?: { readonly [file: string]: string } };
    return encodeLine(line.kind, line.kind === 'closure' && 'tally.ts' in body.files! ? { ...body, files: { ...body.files, 'tally.ts': 'c'.repeat(64) } } : body);
  });
  writeFileSync(`${log}/${segment!}`, Buffer.concat(lines));
  assert.ok(named((await context.audit()).findings).includes('tally:all code'));
  writeFileSync(`${log}/${segment!}`, before);
  appendFileSync(project.path('tally.ts'), 'export const more = 1;\n');
  const { findings, notes } = await context.audit();
  assert.equal(findings, []);
  assert.equal(notes.map(({ cell: id, what, note }) => `${id} ${what} ${note}`), ['tally:all code it is not today\'s: tally.ts changed since']);
});

test('a file that was changed or removed since, an object that was flipped', async (context) => {
  const { project } = context;
  project.write('text.txt', 'to be two');
  assert.equal(named((await context.audit()).findings), ['split:2 input text', 'split:3 input text']);
  const past = await context.audit('last');
  assert.equal(past.findings, []);
  assert.match(past.notes[0]!.note, /text\.txt has other bytes today/);
  rmSync(project.path('text.txt'));
  assert.match((await context.audit()).notes[0]!.note, /^there is none: the file text\.txt .* is missing/);
  project.write('text.txt', 'to be one');
  const packs = project.path('.bitwidth/packs');
  const [pack] = readdirSync(packs);
  const bytes = readFileSync(`${packs}/${pack!}`);
  bytes[bytes.length - 1]! ^= 1;
  rmSync(`${packs}/${pack!}`);
  writeFileSync(`${packs}/${pack!}`, bytes);
  const { findings } = await context.audit();
  assert.is(findings.length, 1);
  assert.match(`${findings[0]!.what} ${findings[0]!.found}`, /^output \w+ its bytes hash to/);
});

test('what was made again later with equal bytes may be younger than what read it', async (context) => {
  appendFileSync(context.project.path('split.ts'), 'export const more = 1;\n');
  await context.project.run();
  assert.equal((await context.audit()).findings, []);
});

test('a result under a waiver: told, and held against what the waiver names', async (context) => {
  const { project } = context;
  project.write('split.ts', `${project.read('split.ts')}\nexport const more = 1;\n`);
  assert.is((await project.command('accept', 'split.ts', '--because', 'nothing reads it', '--by', 'Ada')).code, 0);
  const { findings, notes } = await context.audit();
  assert.equal(findings, []);
  assert.equal(notes.filter(({ what }) => what === 'waiver').map(({ cell: id }) => id), ['split:2', 'split:3']);
  assert.match(notes[0]!.note, /^accepted by Ada on .*: nothing reads it$/);
});

test.run();
