/** A store in which two machines timed the same: what they gave stands beside each other in the published records, and agrees. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MANIFEST_FILE, manifestText } from '../../reports/manifest.ts';
import { RECORDS_FILE } from '../../reports/records-file.ts';
import { createHash } from 'node:crypto';
import { SiteProject } from './site-project.ts';
import type { Manifest } from '../../reports/manifest.ts';
import type { SiteFault } from '../../provenance/site-folder.ts';

const test = suite('provenance: several machines');
let project: SiteProject;
const before = process.env['BITWIDTH_MACHINE'];
test.before(() => { project = new SiteProject(); });
test.after(() => {
  project.remove();
  if (before === undefined) delete process.env['BITWIDTH_MACHINE'];
  else process.env['BITWIDTH_MACHINE'] = before;
});

async function run(machine: string, ...argv: string[]): Promise<void> {
  process.env['BITWIDTH_MACHINE'] = machine;
  assert.is((await project.command('run', ...argv)).code, 0);
}

async function faults(): Promise<readonly SiteFault[]> {
  const { lines } = await project.command('check-site', project.path('site'), '--json');
  return (JSON.parse(lines.at(-1)!) as { faults: SiteFault[] }).faults;
}

interface Line { readonly cell?: string; readonly record?: { readonly machine: string }; readonly others?: readonly { readonly machine: string; readonly key: string }[] }
const lines = (): Line[] => gunzipSync(project.read(`site/${RECORDS_FILE}`)).toString('utf8').trim().split('\n').map((line) => JSON.parse(line) as Line);

test('both are published, on the page of the cell too, and every link holds', async () => {
  await run('first');
  assert.ok(lines().every(({ others }) => others === undefined));
  await run('second', '--force', 'speed:small/nf4');
  await run('second');
  const timed = lines().find(({ cell }) => cell === 'speed:small/nf4')!;
  assert.equal([timed.record!.machine, timed.others!.map(({ machine }) => machine)], ['second', ['first']]);
  assert.match(project.read('site/cells/speed~small~nf4.html').toString(), /also measured by.*first/);
  const read = project.read('site/cells/tabulate~metrics.html').toString();
  assert.ok(/measured by[^]*first/.test(read) && /measured by[^]*second/.test(read));
  assert.equal(await faults(), []);
  const { code, lines: told } = await project.command('audit', 'decode_tokens_per_second.small.nf4');
  assert.is(code, 0, told.join('\n'));
});

test('what another machine gave is held to what was read of it', async () => {
  const changed = lines().map((line) => line.cell === 'speed:small/nf4' ? { ...line, others: line.others!.map((other) => ({ ...other, machine: 'third' })) } : line);
  const bytes = gzipSync(changed.map((line) => `${JSON.stringify(line)}\n`).join(''));
  project.write(`site/${RECORDS_FILE}`, bytes);
  const { files } = JSON.parse(project.read(`site/${MANIFEST_FILE}`).toString()) as Manifest;
  const now = { ...files, [RECORDS_FILE]: { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') as never } };
  project.write(`site/${MANIFEST_FILE}`, manifestText(new Map(Object.entries(now))));
  assert.match((await faults()).map(({ what }) => what).join('; '), /input from of tabulate:metrics/);
});

test.run();
