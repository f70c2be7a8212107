/** `publish`: the report to a folder, a branch, one file or a deposit, after every byte was looked through for what is private. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { MANIFEST_FILE } from '../../reports/manifest.ts';
import { ConfigurationError, EXIT, byteSize, count, openResults } from '../../stages/dag/index.ts';
import { hashOf } from '../pack-format.ts';
import { publishTo } from '../publish.ts';
import { lookThrough, reportOf, versionOf, wordsToKeep } from '../publishing.ts';
import { scan } from '../scan.ts';
import type { Command, CommandContext, Pipeline } from '../../stages/dag/index.ts';
import type { PrivateWord } from '../private-words.ts';
import type { Report } from '../publishing.ts';
import type { Finding } from '../scan.ts';

/** So many findings are told. */
const TOLD = 30;

const publish: Command = {
  usage: 'bitwidth publish --to <folder> | --branch <name> [--push <remote>] | --single-file <file> | --zenodo <file> [--list]',
  details: 'To a folder or a branch the report goes as its newest version: v1, v2, ... stay as they are for ever, latest is a copy of the newest,\nindex.html lists them; whatever else is there is left alone. A branch gets one commit, your own files and index are not touched, and nothing\nis forced. One file holds the pages, without those of single cells and the data; a deposit for Zenodo the report, the study and .zenodo.json.\nBefore anything leaves, the report is held to itself (check-site), and every byte of it, also inside Parquet, DuckDB, gzip and zip, is\nlooked through for names of users and machines, home folders, e-mail addresses, tokens and the values of secret variables. What becomes\npublic is listed. Exit code 2: something private was found, and nothing was written; 3: the report does not agree with itself.',
  options: {
    to: { type: 'string', value: 'folder', summary: 'A folder: new, empty, or one that this command wrote' },
    branch: { type: 'string', value: 'name', summary: 'A branch of this repository, such as gh-pages; it is made where it is not there' },
    push: { type: 'string', value: 'remote', summary: 'With --branch: also there, such as origin; never by force' },
    'as-me': { type: 'boolean', summary: 'With --branch: commit in the name that git knows of you, not in that of this program' },
    'single-file': { type: 'string', value: 'file', summary: 'One HTML file that needs nothing else' },
    zenodo: { type: 'string', value: 'file', summary: 'One zip to deposit, with .zenodo.json' },
    creators: { type: 'string', value: 'names', summary: 'With --zenodo: "Family, Given; Family, Given"' },
    anonymous: { type: 'boolean', summary: 'For a double-blind review: unsigned, nobody named, and whatever names you or your repository refuses' },
    list: { type: 'boolean', summary: 'Only look through it, and list what would become public' },
  },
  positionals: { min: 0, max: 0 },
  async run(context) {
    const { pipeline, values, print } = context;
    const anonymous = values['anonymous'] === true;
    const target = targetOf(values, anonymous);
    if (target === undefined && values['list'] !== true) throw new ConfigurationError(`publish: say where to\nusage: ${publish.usage}`);
    const report = await reportOf(pipeline, { anonymous });
    if (target !== undefined && 'path' in target) refusePlace(target, report);
    const { checkSite } = await import('../site-check.ts');
    const { faults } = await checkSite(report.site);
    if (faults.length > 0) {
      for (const { file, what } of faults.slice(0, 5)) print(`${file}: ${what}`);
      print(`The report does not agree with itself in ${count(faults.length, 'place')}; "bitwidth check-site ${report.shown}" tells all, "bitwidth run" writes it anew. Nothing was published.`);
      return EXIT.different;
    }
    const words = await wordsToKeep(pipeline.root, { anonymous });
    const { findings, bytes } = await lookThrough(report.site, report.files, words);
    for (const [kind, own] of byKind(report.files)) print(`  ${kind}: ${count(own.length, 'file')}`);
    print(`${count(report.files.length, 'file')}, ${byteSize(bytes)}, would become public; every byte was looked through.`);
    if (findings.length > 0) return refused(findings, print);
    if (target === undefined || values['list'] === true) return EXIT.done;
    try {
      return await publishAs(target, report, context, words);
    } catch (error) {
      const { code, syscall } = error as NodeJS.ErrnoException;
      if (typeof syscall === 'string') throw new ConfigurationError(`publish: ${target.shown} cannot be written (${code}); what was published before is as it was`);
      throw error;
    }
  },
};
export default publish;

type Target =
  | { readonly kind: 'folder' | 'single-file'; readonly path: string; readonly shown: string }
  | { readonly kind: 'zenodo'; readonly path: string; readonly shown: string; readonly creators: readonly string[]; readonly anonymous: boolean }
  | { readonly kind: 'branch'; readonly branch: string; readonly remote: string | undefined; readonly asUser: boolean; readonly shown: string };

function targetOf(values: CommandContext['values'], anonymous: boolean): Target | undefined {
  const text = (name: string): string | undefined => {
    const value = values[name];
    if (value === '') throw new ConfigurationError(`publish: --${name} is empty`);
    return typeof value === 'string' ? value : undefined;
  };
  const given = ['to', 'branch', 'single-file', 'zenodo'].filter((name) => text(name) !== undefined);
  if (given.length > 1) throw new ConfigurationError(`publish: --${given.join(' and --')} at once; choose one, and run it again for the other`);
  for (const [name, needs] of [['push', 'branch'], ['as-me', 'branch'], ['creators', 'zenodo']] as const) if (values[name] !== undefined && text(needs) === undefined) throw new ConfigurationError(`publish: --${name} goes with --${needs}`);
  if (anonymous && values['as-me'] === true) throw new ConfigurationError('publish: --as-me names you, --anonymous must not; leave one of them out');
  const [kind] = given;
  if (kind === undefined) return undefined;
  const shown = text(kind)!;
  if (kind === 'branch') return { kind, branch: shown, remote: text('push'), asUser: values['as-me'] === true, shown };
  if (kind !== 'zenodo') return { kind: kind === 'to' ? 'folder' : 'single-file', path: resolve(shown), shown };
  return { kind, path: resolve(shown), shown, creators: creatorsOf(text('creators'), anonymous), anonymous };
}

function creatorsOf(text: string | undefined, anonymous: boolean): readonly string[] {
  if (anonymous) {
    if (text !== undefined) throw new ConfigurationError('publish: --creators names people, --anonymous must not; leave one of them out');
    return ['Anonymous'];
  }
  const creators = (text ?? '').split(';').map((name) => name.trim().replace(/\s+/g, ' ')).filter((name) => name !== '');
  if (creators.length === 0) throw new ConfigurationError('publish: Zenodo asks who made it; say so with --creators "Family, Given; Family, Given"');
  return creators;
}

function refusePlace({ kind, path, shown }: Extract<Target, { readonly path: string }>, { site }: Report): void {
  const inside = relative(site, path);
  if (inside === '' || !inside.startsWith('..')) throw new ConfigurationError(`publish: ${shown} lies in the report itself; choose a place outside it`);
  if (kind !== 'folder' && existsSync(path)) throw new ConfigurationError(`publish: ${shown} exists; nothing is written over it`);
}

async function publishAs(target: Target, report: Report, { pipeline, print }: CommandContext, words: readonly PrivateWord[]): Promise<number> {
  const { site, files, title } = report;
  const about = { title, today: new Date().toISOString().slice(0, 10) };
  switch (target.kind) {
    case 'folder': {
      const { name, before } = publishTo(target.path, site, files, about);
      print(before ? `It is published already, as ${name}: ${target.shown}/${name}/index.html` : `Published as ${name}: ${target.shown}/${name}/index.html, and ${target.shown}/latest/index.html`);
      return EXIT.done;
    }
    case 'branch': {
      const { publishToBranch } = await import('../publish-branch.ts');
      const { name, before, commit, pushed } = await publishToBranch(pipeline.root, target, site, files, about);
      const where = target.remote === undefined ? `; "git push <remote> ${target.branch}" makes it public` : pushed ? `, pushed to ${target.remote}` : `, as it is at ${target.remote}`;
      print(`${before ? `It is published already, as ${name}` : `Published as ${name}`} on the branch ${target.branch}${commit === undefined ? '' : ` (${commit.slice(0, 12)})`}${where}`);
      return EXIT.done;
    }
    case 'single-file': {
      const { singleFile } = await import('../single-file.ts');
      const text = singleFile({ paths: files, read: (path) => readFileSync(join(site, path), 'utf8') }, { title, manifest: hashOf(readFileSync(join(site, MANIFEST_FILE))) });
      // Its parts were looked through; what joins them is new.
      const findings = await scan(target.shown, Buffer.from(text), words);
      if (findings.length > 0) return refused(findings, print);
      writeFileSync(`${target.path}.unfinished`, text);
      renameSync(`${target.path}.unfinished`, target.path);
      print(`${target.shown}: ${byteSize(Buffer.byteLength(text))}, one file that needs nothing else; the pages of single cells and the data are not in it`);
      return EXIT.done;
    }
    case 'zenodo': return deposit(target, report, pipeline, words, about.today, print);
  }
}

/** The report, the study as a pack without it, and what Zenodo asks. */
async function deposit(target: Extract<Target, { readonly kind: 'zenodo' }>, { site, files, title, description, licence, basedOn }: Report, pipeline: Pipeline, words: readonly PrivateWord[], published: string, print: (line: string) => void): Promise<number> {
  const [{ ZENODO_FILE, zenodoText }, { packFor }, { writeZip }] = [await import('../zenodo.ts'), await import('../pack.ts'), await import('../zip-writer.ts')];
  const pack = `${target.path}.pack`;
  const results = await openResults(pipeline);
  try {
    await packFor(pack, results, pipeline, { words, site: false });
    const metadata = zenodoText({ title, description, licence, creators: target.creators, published, version: versionOf(pipeline.root), basedOn });
    const findings = await scan(ZENODO_FILE, Buffer.from(metadata), words);
    // Creators are named because somebody asked for it.
    const strange = findings.filter(() => target.anonymous);
    if (strange.length > 0) return refused(strange, print);
    await writeZip(target.path, [
      { path: ZENODO_FILE, bytes: Buffer.from(metadata) },
      { path: 'study.zip', bytes: readFileSync(pack) },
      ...files.map((path) => ({ path: `site/${path}`, bytes: async () => readFileSync(join(site, path)) })),
    ]);
    print(`${target.shown}: ${byteSize(readFileSync(target.path).length)}: the report in site/, the study in study.zip ("bitwidth open", "bitwidth reproduce"), what Zenodo asks in ${ZENODO_FILE}`);
    return EXIT.done;
  } finally {
    rmSync(pack, { force: true });
    await results.close();
  }
}

function refused(findings: readonly Finding[], print: (line: string) => void): number {
  for (const { where, offset, kind, shown } of findings.slice(0, TOLD)) print(`${where}, byte ${offset}: ${kind}: ${shown}`);
  if (findings.length > TOLD) print(`and ${findings.length - TOLD} more`);
  print('Private words were found: nothing was published. Take them out of what the study reads (its title, texts, prompts, names), run it again, and publish.');
  return EXIT.wrong;
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
