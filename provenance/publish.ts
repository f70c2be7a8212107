/**
 * Publishing to a folder that others serve: v1/, v2/, ... never change; latest/ is a copy of the newest; index.html lists them; versions.js tells old
 * versions that there is a newer one, and which of their numbers were wrong. Nothing else in the folder is touched, and nothing is half there: each step is one rename.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigurationError } from '../stages/dag/index.ts';
import { MANIFEST_FILE } from '../reports/manifest.ts';
import { html, lit } from '../reports/html.ts';
import { writePage } from '../reports/layout.ts';
import { parseCsv } from '../reports/csv.ts';
import { hashOf } from './pack-format.ts';
import { KEY_FILE, STATEMENT_FILE } from '../reports/statement.ts';
import type { Html } from '../reports/html.ts';
import type { Manifest } from '../reports/manifest.ts';

export interface Version {
  /** 'v1'. */
  readonly name: string;
  /** YYYY-MM-DD. */
  readonly published: string;
  /** sha256 of its list of files: what it is. */
  readonly manifest: string;
  readonly files: number;
}

/** versions.json, the only memory of what was published. */
export interface Versions { readonly format: 1; readonly title: string; readonly versions: readonly Version[] }

const VERSIONS_FILE = 'versions.json', ERRATA_FILE = 'data/errata.csv', SCRIPT_FILE = 'versions.js', INDEX_FILE = 'index.html';
/** The folder of the copy of the newest version. */
export const LATEST = 'latest';

/** What the site's files are: those of its list, the list, and the statement where it is signed. Throws ConfigurationError where one is missing. */
export function filesToPublish(site: string): readonly string[] {
  const manifest = readManifest(join(site, MANIFEST_FILE));
  if (manifest === undefined) throw new ConfigurationError(`publish: ${site} has no ${MANIFEST_FILE}: it is no report, or an unfinished one`);
  const beside = [MANIFEST_FILE, STATEMENT_FILE, KEY_FILE].filter((path) => existsSync(join(site, path)));
  return [...Object.keys(manifest.files), ...beside];
}

export interface Published { readonly name: string; /** It was published before, under this name. */ readonly before: boolean }

/** Adds the site to the folder as its newest version. Throws ConfigurationError where the folder holds what is not ours to change, and the file system's error. */
export function publishTo(folder: string, site: string, files: readonly string[], about: { readonly title: string; readonly today: string }): Published {
  mkdirSync(folder, { recursive: true });
  clearUnfinished(folder);
  const versions = readVersions(folder);
  refuseStrangers(folder, versions);
  const manifest = hashOf(readFileSync(join(site, MANIFEST_FILE)));
  const last = versions.at(-1);
  if (last?.manifest === manifest) {
    // A run that was killed may have left these behind what the last version is.
    finish(folder, versions, about.title);
    return { name: last.name, before: true };
  }
  const name = `v${versions.length + 1}`;
  const unfinished = join(folder, `.unfinished-${name}`);
  for (const path of files) {
    mkdirSync(dirname(join(unfinished, path)), { recursive: true });
    cpSync(join(site, path), join(unfinished, path));
  }
  renameSync(unfinished, join(folder, name));
  finish(folder, [...versions, { name, published: about.today, manifest, files: files.length }], about.title);
  return { name, before: false };
}

/** Brings latest/, the list and the page to these versions. */
function finish(folder: string, versions: readonly Version[], title: string): void {
  const newest = versions.at(-1)!;
  if (manifestOf(join(folder, LATEST)) !== newest.manifest) {
    const [next, old] = [join(folder, '.unfinished-latest'), join(folder, '.unfinished-old')];
    cpSync(join(folder, newest.name), next, { recursive: true });
    if (existsSync(join(folder, LATEST))) renameSync(join(folder, LATEST), old);
    renameSync(next, join(folder, LATEST));
    rmSync(old, { recursive: true, force: true });
  }
  mkdirSync(join(folder, 'assets'), { recursive: true });
  write(join(folder, 'assets/style.css'), readFileSync(join(folder, newest.name, 'assets/style.css')));
  write(join(folder, 'assets/script.js'), readFileSync(join(folder, newest.name, 'assets/script.js')));
  write(join(folder, INDEX_FILE), writePage('index.html', { title, alone: true, body: listed(versions) }));
  const wrong = wrongNumbers(join(folder, newest.name, ERRATA_FILE));
  // A classic script: from file:// nothing else can be read.
  write(join(folder, SCRIPT_FILE), `window.bitwidthVersions = ${JSON.stringify({ latest: newest.name, ...(wrong.length === 0 ? {} : { wrong }) }).replaceAll('<', '\\u003c')};\n`);
  write(join(folder, VERSIONS_FILE), `${JSON.stringify({ format: 1, title, versions } satisfies Versions, null, 1)}\n`);
}

/** Ids of numbers of which the newest version says that they were wrong, and where: old versions mark theirs. */
function wrongNumbers(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  const [head, ...rows] = parseCsv(readFileSync(path, 'utf8'));
  const column = head?.indexOf('number') ?? -1;
  return [...new Set(rows.flatMap((row) => row[column] ?? []))];
}

function listed(versions: readonly Version[]): Html {
  return html`<p class="lead">The newest version is <a href="latest/index.html">the report as of ${lit(versions.at(-1)!.published, 'name')}</a>. Earlier ones stay as they were.</p>
<ul>${[...versions].reverse().map(({ name, published }) => html`<li><a href="${name}/index.html">${lit(name, 'name')}</a>, ${lit(published, 'name')}</li>
`)}</ul>`;
}

/** Whole or not at all; not written where it is so already. */
function write(path: string, content: string | Uint8Array): void {
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(content as string))) return;
  writeFileSync(`${path}.unfinished`, content);
  renameSync(`${path}.unfinished`, path);
}

function readVersions(folder: string): readonly Version[] {
  const path = join(folder, VERSIONS_FILE);
  if (!existsSync(path)) return [];
  const wrong = (): never => { throw new ConfigurationError(`publish: ${path} is not a list of versions that this program wrote; publish to another folder, or put it right`); };
  let value: Partial<Versions> | null;
  try {
    value = JSON.parse(readFileSync(path, 'utf8')) as Partial<Versions> | null;
  } catch {
    return wrong();
  }
  const { format, versions } = value ?? {};
  if (format !== 1 || !Array.isArray(versions) || !versions.every((one: Partial<Version> | null, i) => one?.name === `v${i + 1}` && typeof one.published === 'string' && /^[0-9a-f]{64}$/.test(one.manifest ?? '') && Number.isInteger(one.files))) return wrong();
  return versions;
}

/** What lies where we write must be what we wrote. Of versions that are there their list of files is looked at. */
function refuseStrangers(folder: string, versions: readonly Version[]): void {
  const refuse = (what: string): never => { throw new ConfigurationError(`publish: ${folder} ${what}; nothing was changed`); };
  for (const { name, manifest } of versions) {
    const found = manifestOf(join(folder, name));
    if (found !== manifest) refuse(found === undefined ? `has lost ${name}, which was published` : `holds another ${name} than was published: a version never changes`);
  }
  const names = new Set(versions.map(({ name }) => name));
  for (const entry of readdirSync(folder)) {
    if (/^v\d+$/.test(entry) && !names.has(entry)) {
      // The next one's name may be that of a version whose run was killed before it was listed.
      if (entry === `v${versions.length + 1}` && manifestOf(join(folder, entry)) !== undefined && existsSync(join(folder, entry, 'index.html'))) rmSync(join(folder, entry), { recursive: true, force: true });
      else refuse(`holds ${entry}, which this program did not put there`);
    }
  }
  if (versions.length > 0) {
    const latest = join(folder, LATEST);
    const strange = existsSync(latest) ? strangersIn(latest) : [];
    if (strange.length > 0) refuse(`has files in ${LATEST}/ that this program did not put there: ${strange.slice(0, 3).join(', ')}`);
    return;
  }
  for (const name of [LATEST, INDEX_FILE, SCRIPT_FILE, 'assets']) if (existsSync(join(folder, name))) refuse(`holds ${name} already, which this program did not write; publish to another folder`);
}

function strangersIn(folder: string): readonly string[] {
  const manifest = readManifest(join(folder, MANIFEST_FILE));
  const own = new Set([...Object.keys(manifest?.files ?? {}), MANIFEST_FILE, STATEMENT_FILE, KEY_FILE]);
  return filesIn(folder).filter((path) => !own.has(path));
}

/** Paths of all that is no folder, from `folder`. */
export function filesIn(folder: string, under = ''): string[] {
  return readdirSync(join(folder, under), { withFileTypes: true }).flatMap((entry) => {
    const path = under === '' ? entry.name : `${under}/${entry.name}`;
    return entry.isDirectory() ? filesIn(folder, path) : [path];
  });
}

function clearUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) if (name.startsWith('.unfinished-')) rmSync(join(folder, name), { recursive: true, force: true });
}

const manifestOf = (folder: string): string | undefined => existsSync(join(folder, MANIFEST_FILE)) ? hashOf(readFileSync(join(folder, MANIFEST_FILE))) : undefined;

function readManifest(path: string): Manifest | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<Manifest> | null;
    return typeof value?.files === 'object' && value.files !== null ? value as Manifest : undefined;
  } catch {
    return undefined;
  }
}
