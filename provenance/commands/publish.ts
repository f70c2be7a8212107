/** `publish`: the report to a folder that others serve, after every byte was looked through for what is private. */
import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { ConfigurationError, EXIT, byteSize, count, openResults } from '../../stages/dag/index.ts';
import { privateWords, surroundings } from '../private-words.ts';
import { filesToPublish, publishTo } from '../publish.ts';
import { scan } from '../scan.ts';
import type { Command, Pipeline } from '../../stages/dag/index.ts';
import type { Finding } from '../scan.ts';

/** So many findings are told. */
const TOLD = 30;

const publish: Command = {
  usage: 'bitwidth publish --to <folder> [--list]',
  details: 'Adds the report to a folder as its newest version: v1, v2, ... stay as they are for ever, latest is a copy of the newest, index.html lists\nthem. Before anything leaves, the report is held to itself (check-site), and every byte of it, also inside Parquet, DuckDB, gzip and zip, is\nlooked through for names of users and machines, home folders, e-mail addresses, tokens and the values of secret variables. What becomes\npublic is listed. Exit code 2: something private was found, and nothing was written; 3: the report does not agree with itself.',
  options: {
    to: { type: 'string', value: 'folder', summary: 'The folder: new, empty, or one that this command wrote' },
    list: { type: 'boolean', summary: 'Only look through it, and list what would become public' },
  },
  positionals: { min: 0, max: 0 },
  async run({ pipeline, values, print }) {
    const { to } = values;
    const onlyList = values['list'] === true;
    if (!onlyList && (typeof to !== 'string' || to === '')) throw new ConfigurationError(`publish: say where to, with --to <folder>\nusage: ${publish.usage}`);
    const [exported] = pipeline.exports;
    if (exported === undefined) throw new ConfigurationError('publish: this project publishes nothing');
    const site = join(pipeline.root, exported.to);
    if (typeof to === 'string') refuseInside(resolve(to), site, to);
    await refuseStale(pipeline);
    const files = filesToPublish(site);
    const { checkSite } = await import('../site-check.ts');
    const { faults } = await checkSite(site);
    if (faults.length > 0) {
      for (const { file, what } of faults.slice(0, 5)) print(`${file}: ${what}`);
      print(`The report does not agree with itself in ${count(faults.length, 'place')}; "bitwidth check-site ${exported.to}" tells all, "bitwidth run" writes it anew. Nothing was published.`);
      return EXIT.different;
    }
    const { findings, bytes } = await lookThrough(site, files, pipeline);
    for (const [kind, own] of byKind(files)) print(`  ${kind}: ${count(own.length, 'file')}`);
    print(`${count(files.length, 'file')}, ${byteSize(bytes)}, would become public; every byte was looked through.`);
    if (findings.length > 0) {
      for (const { where, offset, kind, shown } of findings.slice(0, TOLD)) print(`${where}, byte ${offset}: ${kind}: ${shown}`);
      if (findings.length > TOLD) print(`and ${findings.length - TOLD} more`);
      print('Private words were found: nothing was published. Take them out of what the study reads (its title, texts, prompts, names), run it again, and publish.');
      return EXIT.wrong;
    }
    if (onlyList || typeof to !== 'string') return EXIT.done;
    try {
      const { name, before } = publishTo(resolve(to), site, files, { title: titleOf(pipeline), today: new Date().toISOString().slice(0, 10) });
      print(before ? `It is published already, as ${name}: ${to}/${name}/index.html` : `Published as ${name}: ${to}/${name}/index.html, and ${to}/latest/index.html`);
      return EXIT.done;
    } catch (error) {
      const { code, syscall } = error as NodeJS.ErrnoException;
      if (typeof syscall === 'string') throw new ConfigurationError(`publish: ${to} cannot be written (${code}); what was published before is as it was`);
      throw error;
    }
  },
};
export default publish;

async function lookThrough(site: string, files: readonly string[], pipeline: Pipeline): Promise<{ readonly findings: readonly Finding[]; readonly bytes: number }> {
  const words = privateWords(surroundings(pipeline.root));
  const findings: Finding[] = [];
  let bytes = 0;
  for (const path of files) {
    const content = readFileSync(join(site, path));
    bytes += content.length;
    findings.push(...await scan(path, Buffer.from(path), words), ...await scan(path, content, words));
  }
  return { findings, bytes };
}

const KINDS: readonly (readonly [kind: string, is: (path: string) => boolean])[] = [
  ['pages of cells', (path) => path.startsWith('cells/')], ['pages', (path) => path.endsWith('.html')], ['data', (path) => path.startsWith('data/')], ['other files', () => true],
];

function byKind(files: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const path of files) {
    const [kind] = KINDS.find(([, is]) => is(path))!;
    groups.set(kind, [...groups.get(kind) ?? [], path]);
  }
  return groups;
}

async function refuseStale(pipeline: Pipeline): Promise<void> {
  const results = await openResults(pipeline);
  try {
    const stale = [...results.cells.values()].filter((cell) => cell.stale !== undefined);
    if (stale.length > 0) throw new ConfigurationError(`publish: ${count(stale.length, 'result')} would be computed anew, such as ${stale[0]!.cell}; run "bitwidth run" first`);
  } finally {
    await results.close();
  }
}

function refuseInside(folder: string, site: string, to: string): void {
  const inside = relative(site, folder);
  if (inside === '' || !inside.startsWith('..')) throw new ConfigurationError(`publish: ${to} lies in the report itself; choose a folder outside it`);
}

/** The study's own, where it says one. */
function titleOf(pipeline: Pipeline): string {
  const { params } = pipeline.cells.find(({ stage }) => stage.name === 'ro-crate') ?? {};
  return typeof params?.['name'] === 'string' ? params['name'] : pipeline.name;
}
