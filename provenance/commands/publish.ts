/** `publish`: the report to a folder, a branch, one file or a deposit, after every byte was looked through for what is private. */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MANIFEST_FILE } from '../../reports/manifest.ts';
import { ConfigurationError, EXIT, byteSize, count } from '../../stages/dag/index.ts';
import { hashOf } from '../pack-format.ts';
import { publishTo } from '../publish.ts';
import { refusePlace, targetOf } from '../publish-target.ts';
import { lookThrough, reportOf, wordsToKeep } from '../publishing.ts';
import { scan } from '../scan.ts';
import type { Command, CommandContext } from '../../stages/dag/index.ts';
import type { LoadAuthors } from '../authors.ts';
import type { PrivateWord } from '../private-words.ts';
import type { Target } from '../publish-target.ts';
import type { Report } from '../publishing.ts';
import type { Finding } from '../scan.ts';

/** So many findings are told. */
const TOLD = 30;
/** Of more files of a kind their number is told: a page for each cell. */
const MOST_LISTED = 200;
/** Left out of a pack so many are named. */
const LEFT_TOLD = 5;

const USAGE = 'bitwidth publish --to <folder> | --branch <name> [--remote <name>] [--push] | --single-file <file> | --zenodo <file> [--anonymous] [--list]';

/** `load`: who made the study. */
export const publishWith = (load: LoadAuthors): Command => ({
  usage: USAGE,
  details: 'To a folder or a branch the report goes as its newest version: v1, v2, ... stay as they are for ever, latest is a copy of the newest,\nindex.html lists them; whatever else is there is left alone. A branch gets one commit, your own files and index are not touched, and nothing\nis forced. One file holds the pages, without those of single cells and the data; a deposit for Zenodo the report, the study and .zenodo.json.\nBefore anything leaves, the report is held to itself (check-site), and every byte of it, also inside Parquet, DuckDB, gzip and zip, is\nlooked through for names of users and machines, home folders, e-mail addresses, tokens and the values of secret variables. What becomes\npublic is listed. Exit code 2: something private was found, and nothing was written; 3: the report does not agree with itself.',
  options: {
    to: { type: 'string', value: 'folder', summary: 'A folder: new, empty, or one that this command wrote' },
    branch: { type: 'string', value: 'name', summary: 'A branch of this repository, such as gh-pages; it is made where it is not there' },
    remote: { type: 'string', value: 'name', summary: 'With --branch: go on from the branch as it is there; default with --push: origin' },
    push: { type: 'boolean', summary: 'With --branch: also send it there; never by force' },
    'as-me': { type: 'boolean', summary: 'With --branch: commit in the name that git knows of you, not in that of this program' },
    'single-file': { type: 'string', value: 'file', summary: 'One HTML file that needs nothing else' },
    zenodo: { type: 'string', value: 'file', summary: 'One zip to deposit, with .zenodo.json' },
    creators: { type: 'string', value: 'names', summary: 'With --zenodo: "Family, Given; Family, Given"; default: authors of data/study.yaml, else of CITATION.cff' },
    anonymous: { type: 'boolean', summary: 'For a double-blind review: unsigned, nobody named, and whatever names you or your repository refuses' },
    list: { type: 'boolean', summary: 'Only look through it, and list what would become public' },
  },
  positionals: { min: 0, max: 0 },
  async run(context) {
    const { pipeline, values, print } = context;
    const anonymous = values['anonymous'] === true;
    const authors = await load(values);
    const target = targetOf(values, { anonymous, authors });
    if (target === undefined && values['list'] !== true) throw new ConfigurationError(`publish: say where to\nusage: ${USAGE}`);
    const report = await reportOf(pipeline, { anonymous });
    if (target !== undefined && 'path' in target) refusePlace(target, report.site);
    const { checkSite } = await import('../site-check.ts');
    const { faults } = await checkSite(report.site);
    if (faults.length > 0) {
      for (const { file, what } of faults.slice(0, 5)) print(`${file}: ${what}`);
      // A report that changed after it was signed keeps its statement: writing it anew would not help.
      const remedy = faults.every(({ what }) => what.endsWith('in the statement')) ? 'it changed after it was signed: "bitwidth attest" signs it as it is now' : '"bitwidth run" writes it anew';
      print(`The report does not agree with itself in ${count(faults.length, 'place')}; "bitwidth check-site ${report.shown}" tells all, ${remedy}. Nothing was published.`);
      return EXIT.different;
    }
    const words = await wordsToKeep(pipeline.root, { anonymous, authors });
    const { findings, bytes } = await lookThrough(report.site, report.files, words);
    for (const [kind, own] of byKind(report.files)) {
      print(`  ${kind}: ${count(own.length, 'file')}`);
      if (values['list'] === true && own.length <= MOST_LISTED) for (const path of own) print(`    ${path}, ${byteSize(statSync(join(report.site, path)).size)}`);
    }
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
});

const OWN_OPTIONS: ReadonlySet<string> = new Set(['to', 'branch', 'remote', 'push', 'as-me', 'single-file', 'zenodo', 'creators', 'anonymous', 'list']);

async function publishAs(target: Target, report: Report, { pipeline, values, print }: CommandContext, words: readonly PrivateWord[]): Promise<number> {
  const { site, files, title } = report;
  const flags = Object.keys(values).filter((name) => !OWN_OPTIONS.has(name) && values[name] === true);
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
      const where = !target.push ? `; "git push ${target.remote ?? 'origin'} ${target.branch}" makes it public` : pushed ? `, pushed to ${target.remote}` : `, as it is at ${target.remote}`;
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
    case 'zenodo': {
      const { writeDeposit } = await import('../deposit.ts');
      const { findings, left } = await writeDeposit(target.path, report, pipeline, { words, creators: target.creators, flags });
      if (findings.length > 0) return refused(findings, print);
      print(`${target.shown}: ${byteSize(statSync(target.path).size)}: the report in site/, the study in study.zip ("bitwidth open", "bitwidth reproduce"), ARTIFACT.md, and what Zenodo asks in .zenodo.json, in the name of ${target.creators.map(({ name }) => name).join('; ')}`);
      for (const { what, why } of left.slice(0, LEFT_TOLD)) print(`  left out of the study: ${what}: ${why}`);
      if (left.length > LEFT_TOLD) print(`  and ${left.length - LEFT_TOLD} more, which pack.json in it names`);
      return EXIT.done;
    }
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
