/** Checks a published site from its files alone: whether each is as listed, and whether what they say agrees. */
import { MANIFEST_FILE, REQUIRED, UNLISTED, isOfSystem, readManifest } from '../reports/manifest.ts';
import { checkPages } from './site-pages.ts';
import { siteRecords } from './site-records.ts';
import { compareForms, siteTables } from './site-tables.ts';
import { SiteFolder } from './site-folder.ts';
import { checkTex } from './site-tex.ts';
import { KEY_FILE, STATEMENT_FILE } from '../reports/statement.ts';
import { keyId } from '../stages/dag/index.ts';
import { publicKey, verifiedSubjects } from './statement.ts';
import type { KeyObject } from 'node:crypto';
import type { Manifest } from '../reports/manifest.ts';
import type { SiteFault } from './site-folder.ts';

export interface SiteCheck {
  readonly files: number;
  readonly bytes: number;
  readonly pages: number;
  readonly numbers: number;
  readonly links: number;
  readonly cells: number;
  /** Files that were drawn again from tables and records and are the same; null where another version of this program wrote the site. */
  readonly drawn: number | null;
  /** Pages of a project's own, which nothing draws again. */
  readonly notDrawn: readonly string[];
  /** The key that signed it; undefined: it is not signed. */
  readonly signedBy: string | undefined;
  readonly faults: readonly SiteFault[];
}

/** `key`: the one that the statement must be signed with; without it the one that lies beside it. Throws ConfigurationError where there is no folder. */
export async function checkSite(folder: string, key?: KeyObject): Promise<SiteCheck> {
  const site = new SiteFolder(folder);
  const faults: SiteFault[] = [...site.faults];
  const sound = checkManifest(site, faults);
  const signedBy = checkStatement(site, key, faults);
  for (const file of REQUIRED) if (!site.files.has(file) && !faults.some((fault) => fault.file === file)) faults.push({ file, what: 'missing', expected: 'a file of the site', found: 'nothing' });
  const tables = siteTables(site);
  const records = await siteRecords(site, new Map([...tables.rows, ...tables.heads]));
  const pages = await checkPages(site, tables, records);
  faults.push(...tables.faults, ...records.faults, ...pages.faults, ...(pages.drawn === null ? checkTex(site, tables) : []), ...await compareForms(folder, tables, sound));
  return { files: site.files.size, bytes: site.bytesHashed, pages: pages.pages, numbers: pages.numbers, links: pages.links, cells: records.cells.size, drawn: pages.drawn, notDrawn: pages.bare, signedBy, faults };
}

/** Answers the files that are as listed. */
function checkManifest(site: SiteFolder, faults: SiteFault[]): ReadonlySet<string> {
  const sound = new Set<string>();
  const listed = listedFiles(site, faults);
  if (listed === undefined) return sound;
  for (const [path, { bytes, sha256 }] of Object.entries(listed)) {
    const size = site.files.get(path);
    if (size === undefined) faults.push({ file: path, what: 'missing', expected: `${bytes} bytes`, found: 'nothing' });
    else if (size !== bytes) faults.push({ file: path, what: 'size', expected: `${bytes} bytes`, found: `${size} bytes` });
    else if (site.hash(path) !== sha256) faults.push({ file: path, what: 'sha256', expected: sha256, found: site.hash(path) });
    else sound.add(path);
  }
  for (const path of site.files.keys()) if (!Object.hasOwn(listed, path) && !UNLISTED.has(path) && !isOfSystem(path)) faults.push({ file: path, what: 'added', expected: 'nothing: it is not listed', found: `${site.files.get(path)!} bytes` });
  return sound;
}

function listedFiles(site: SiteFolder, faults: SiteFault[]): Manifest['files'] | undefined {
  const wrong = (what: string): undefined => { faults.push({ file: MANIFEST_FILE, what }); return undefined; };
  const bytes = site.read(MANIFEST_FILE);
  if (bytes === undefined) return wrong('missing: nothing says which files the site has');
  try {
    return readManifest(bytes.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return wrong(error.message);
  }
}

/** Answers the key's id where the statement holds. */
function checkStatement(site: SiteFolder, given: KeyObject | undefined, faults: SiteFault[]): string | undefined {
  const wrong = (file: string, what: string): undefined => { faults.push({ file, what }); return undefined; };
  const statement = site.read(STATEMENT_FILE);
  if (statement === undefined) return given === undefined ? undefined : wrong(STATEMENT_FILE, 'missing: the site is not signed');
  try {
    const pem = site.read(KEY_FILE);
    if (given === undefined && pem === undefined) return wrong(KEY_FILE, 'missing: the statement cannot be checked; give the signer\'s key with --key');
    const key = given ?? publicKey(pem!);
    const subjects = statement.toString('utf8').split('\n').filter((line) => line !== '').flatMap((line) => verifiedSubjects(line, key));
    if (!subjects.some(({ name }) => name === MANIFEST_FILE || name === 'index.html')) return wrong(STATEMENT_FILE, `it names neither ${MANIFEST_FILE} nor index.html: it is of something else`);
    for (const { name, sha256 } of subjects) {
      if (!site.files.has(name)) faults.push({ file: name, what: 'named in the statement', expected: sha256, found: 'nothing' });
      else if (site.hash(name) !== sha256) faults.push({ file: name, what: 'sha256 in the statement', expected: sha256, found: site.hash(name) });
    }
    return keyId(key);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return wrong(STATEMENT_FILE, error.message);
  }
}
