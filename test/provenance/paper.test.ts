/** numbers.tex, and papers held to the results. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine, pipeline } from '../../stages/dag/index.ts';
import { provenanceCommands } from '../../provenance/index.ts';
import { texOf } from '../../reports/numbers-tex.ts';
import { numbersIn } from '../../reports/numbers.ts';
import { notRun } from '../not-run.ts';
import { buildSite } from '../reports/site.ts';
import { tableProject } from './study.ts';
import type { Project } from '../dag/project.ts';
import type { Settings } from './study.ts';

const row = (value: number, low: number | null, high: number | null, unit: string, more: object = {}): { readonly [column: string]: unknown } =>
  ({ quantity: 'q', model: 'm', format: 'f', text: null, temperature: null, top_k: null, max_new_tokens: null, engine: null, value, low, high, unit, n: 12345, clusters: 30, exact: true, cell: 'x:y', ...more });
const first = (it: ReturnType<typeof row>) => texOf(numbersIn('metrics', [it])[0]!);

const plainTest = suite('reports: numbers for TeX');
plainTest('a number is given as the site prints it, in pieces', () => {
  assert.equal(first(row(0.25714, 0.2531, 0.2611, 'nats')), { id: 'q.m.f', number: '0.257 \\pm 0.004', value: '0.257', low: '0.253', high: '0.261', unit: 'nats', exact: '0.25714', n: '12345' });
  assert.equal(first(row(-0.0123, null, null, 'nats')), { id: 'q.m.f', number: '-0.0123', value: '-0.0123', low: '', high: '', unit: 'nats', exact: '-0.0123', n: '12345' });
  const share = first(row(0.92053, 0.915, 0.926, 'share'));
  assert.equal([share.number, share.unit, share.low], ['92.1 \\pm 0.6', '\\%', '91.5']);
  const rate = first(row(5323.4, 3908, 5969, 'tokens/s'));
  assert.equal([rate.number, rate.low, rate.high], ['5{,}300\\;[3{,}900, 6{,}000]', '3{,}900', '6{,}000']);
  const bytes = first(row(4_000_000, 3_600_000, 4_400_000, 'bytes'));
  assert.equal([bytes.number, bytes.low, bytes.high, bytes.unit], ['4.00', '3.60', '4.40', 'MB']);
  assert.is(first(row(3.2e-7, 3e-7, 3.4e-7, 'nats')).number, '(3.2 \\pm 0.2) \\times 10^{-7}');
  assert.is(first(row(1, null, null, 'a_b%#&')).unit, 'a\\_b\\%\\#\\&');
});

plainTest('the file has every number of every table, once', async () => {
  const { files } = await buildSite({ rows: { metrics: [row(1, null, null, 'nats'), row(2, null, null, 'nats', { model: 'n' })], texts: [{ text: 't', title: 'T', author: 'A', year: 1900, bytes: 5, cell: 'c:t' }] }, records: [], stages: ['numbers-tex'] });
  const tex = new TextDecoder().decode(files.get('data/numbers.tex')!);
  const ids = [...tex.matchAll(/^\\bwdefine\{([^}]*)\}/gm)].map(([, id]) => id);
  assert.equal(ids, ['q.m.f', 'n.q.m.f', 'clusters.q.m.f', 'q.n.f', 'n.q.n.f', 'clusters.q.n.f', 'texts.year.t', 'texts.bytes.t']);
  assert.match(tex, /\\endinput\n$/);
});

plainTest('TeX reads it', async () => {
  try { execFileSync('pdflatex', ['--version']); } catch { return notRun('TeX itself', 'there is no pdflatex'); }
  const { files } = await buildSite({ rows: { metrics: [row(0.25714, 0.2531, 0.2611, 'nats'), row(0.92, 0.91, 0.93, 'share', { model: 'n_1' })] }, records: [], stages: ['numbers-tex'] });
  const { project } = tableProject({ factor: 1, models: [], rate: 1 });
  try {
    project.write('numbers.tex', new TextDecoder().decode(files.get('data/numbers.tex')!));
    project.write('paper.tex', '\\documentclass{article}\\input{numbers.tex}\\begin{document}KL \\bwnum{q.m.f}~\\bwunit{q.m.f}, $x=\\bwvalue{q.n_1.f}$\\bwunit{q.n_1.f}, \\bwlow{q.m.f}, \\bwexact{q.m.f}, \\bwn{q.m.f}\\end{document}');
    execFileSync('pdflatex', ['-interaction=nonstopmode', '-halt-on-error', 'paper.tex'], { cwd: project.root });
    project.write('paper.tex', '\\documentclass{article}\\input{numbers.tex}\\begin{document}\\bwnum{q.nowhere}\\end{document}');
    assert.throws(() => execFileSync('pdflatex', ['-interaction=nonstopmode', '-halt-on-error', 'paper.tex'], { cwd: project.root, stdio: 'pipe' }), 'a number that is not there stops it');
  } finally {
    project.remove();
  }
});
plainTest.run();

interface Context { settings: Settings; project: Project; check: (tex: { readonly [file: string]: string }, ...argv: string[]) => Promise<{ readonly code: number; readonly text: string }> }
const test = suite<Context>('provenance: check a paper');
test.before.each(async (context) => {
  context.settings = { factor: 1, models: ['a'], rate: 100 };
  const { project, declare } = tableProject(context.settings);
  context.project = project;
  context.check = async (tex, ...argv) => {
    mkdirSync(project.path('parts'), { recursive: true });
    for (const [name, text] of Object.entries(tex)) project.write(name, text);
    const lines: string[] = [];
    const code = await commandLine(() => pipeline({ ...declare(), root: project.root }), ['check', project.path(Object.keys(tex)[0]!), ...argv], { commands: provenanceCommands, print: (line) => lines.push(line), complain: (line) => lines.push(line) });
    return { code, text: lines.join('\n') };
  };
  await project.run();
});
test.after.each(({ project }) => project.remove());

test('a paper whose numbers are those of the results', async ({ check }) => {
  const { code, text } = await check({
    'paper.tex': '\\input{parts/results}\n\\bwnum{kl_mean.a.nf4} and \\bwunit{kl_mean.a.nf4}, 100\\% % a comment of \\bwnum{nothing}\n\\bwcheck{kl_mean.a.nf4}{6.0}\n',
    'parts/results.tex': 'It is $6.0 \\pm 0.5$ nats. % bw: kl_mean.a.nf4\n\\bwcheck{decode_tokens_per_second.a.nf4}{100 $\\pm$ 5}',
  });
  assert.is(code, 0, text);
  assert.match(text, /5 numbers in 2 files: all as the results are/);
});

test('each fault, with its file, its line, and what it should be', async ({ check }) => {
  const { code, text } = await check({
    'paper.tex': 'one\n\\bwnum{kl_mean.a.nf5}\nIt is 16.0 nats. % bw: kl_mean.a.nf4\n\\bwcheck{kl_mean.a.nf4}{6.1}\n\\input{parts/none}\n\\bwdefine{kl_mean.a.nf4}{5.0 \\pm 0.5}{5.0}{4.5}{5.5}{nats}{5}{1}\n',
  });
  assert.is(code, 3);
  assert.match(text, /paper\.tex:2: there is no number "kl_mean\.a\.nf5"; did you mean kl_mean\.a\.nf4\?/);
  assert.match(text, /paper\.tex:3: no number on this line is that of kl_mean\.a\.nf4, which is 6\.0 \+- 0\.5 nats/);
  assert.match(text, /paper\.tex:4: it says 6\.1 for kl_mean\.a\.nf4, which is 6\.0 \+- 0\.5 nats/);
  assert.match(text, /paper\.tex:5: it reads .*none\.tex, which does not exist/);
  assert.match(text, /paper\.tex:6: its definition of kl_mean\.a\.nf4 is \{5\.0/);
  assert.match(text, /4 numbers in 1 file: 5 are not as the results are/);
});

test('a result that changes makes a paper fail', async (context) => {
  const { project, check, settings } = context;
  assert.is((await check({ 'paper.tex': '\\bwcheck{kl_mean.a.nf4}{6.0}' })).code, 0);
  settings.factor = 2;
  assert.match((await check({ 'paper.tex': '\\bwcheck{kl_mean.a.nf4}{6.0}' })).text, /would be computed anew/);
  await project.run();
  assert.is((await check({ 'paper.tex': '\\bwcheck{kl_mean.a.nf4}{6.0}' })).code, 3);
});

test('what cannot be read is said; files that read each other end', async ({ check, project }) => {
  const gone = await check({ 'paper.tex': 'x' }, project.path('gone.tex'));
  assert.is(gone.code, 2);
  assert.match(gone.text, /gone\.tex: it does not exist/);
  const { code, text } = await check({ 'paper.tex': '\\input{parts/a}', 'parts/a.tex': '\\input{paper}\\input{parts/a}' });
  assert.is(code, 0);
  assert.match(text, /0 numbers in 2 files[\s\S]*No number of the study was found/);
  assert.is((await check({ 'paper.tex': 'x' }, '--repair')).code, 2);
});

test.run();
