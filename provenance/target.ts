/** What a person means by a number's id, a cell's, a file of the site, or an address on it. */
import { existsSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { ConfigurationError, closest, count } from '../stages/dag/index.ts';
import { numberNamed, numbersOf } from './numbers.ts';
import type { OutputRecord, ResultCell, Results } from '../stages/dag/index.ts';
import type { StoredNumber } from './numbers.ts';

/** A file that was published, and the output that it is of. */
export interface SiteFile {
  /** From the site's root. */
  readonly path: string;
  readonly cell: string;
  readonly output: string;
  readonly file: OutputRecord;
  /** Absolute path of where it was published. */
  readonly published: string;
}

export type Target =
  | { readonly kind: 'number'; readonly number: StoredNumber }
  | { readonly kind: 'cell'; readonly cell: ResultCell }
  | { readonly kind: 'file'; readonly file: SiteFile; /** Of a page: a sum of its own. */ readonly derived?: string };

/** Every file that was published, by its path from its folder. Of a tree that is damaged none are known. */
export function siteFiles(results: Results, root: string): ReadonlyMap<string, SiteFile> {
  const files = new Map<string, SiteFile>();
  for (const { to, from } of results.exports) {
    for (const { cell, output } of from) {
      const record = results.cells.get(cell)?.record?.outputs[output];
      if (record === undefined) continue;
      const add = (path: string, file: OutputRecord): void => void files.set(path, { path, cell, output, file, published: join(root, to, path) });
      if (record.tree !== true) { add(output, record); continue; }
      try {
        for (const [path, { sha256, bytes }] of Object.entries(results.tree(record).tree)) add(path, { sha256, bytes });
      } catch (error) {
        if ((error as Error).name !== 'DamagedObject') throw error;
      }
    }
  }
  return files;
}

/** Throws ConfigurationError where it is none of these, with what is near, and DamagedObject. */
export async function targetOf(text: string, results: Results, root: string): Promise<Target> {
  const cell = results.cells.get(text);
  if (cell !== undefined) return { kind: 'cell', cell };
  const [address, fragment] = split(text);
  const file = address === '' ? undefined : fileNamed(address, siteFiles(results, root), root);
  if (fragment !== undefined) {
    const number = await numberNamed(results, fragment);
    if (number !== undefined) return { kind: 'number', number };
    if (file !== undefined) return { kind: 'file', file, ...(fragment.startsWith('derived.') ? { derived: fragment } : {}) };
    throw new ConfigurationError(`there is no number "${fragment}"${address === '' ? '' : `, and no page ${address}`}; a number's id stands behind the # of its address`);
  }
  if (file !== undefined) return { kind: 'file', file };
  const number = await numberNamed(results, text);
  if (number !== undefined) return { kind: 'number', number };
  const near = closest(text, [...results.cells.keys(), ...(await numbersOf(results)).keys()]);
  const undone = [...results.cells.values()].filter(({ stale, record }) => stale !== undefined || record === undefined).length;
  throw new ConfigurationError(`"${text}" is no number, cell or file of the site${near === undefined ? '' : `; did you mean "${near}"?`}\nA number is named by its id (what stands behind the # where the site links to it), a cell as "bitwidth status" names it, a file by its path in the site.${results.run === undefined && undone > 0 ? ` ${count(undone, 'result is', 'results are')} missing or out of date: "bitwidth run" brings the report up to date.` : ''}`);
}

/** The part before a #, without query and host, and the one behind it. */
function split(text: string): readonly [address: string, fragment: string | undefined] {
  const hash = text.indexOf('#');
  const decoded = (part: string): string => { try { return decodeURIComponent(part); } catch { return part; } };
  const address = decoded((hash < 0 ? text : text.slice(0, hash)).replace(/\?.*$/, ''));
  return [/^[a-z]+:\/\/[^/]*$/i.test(address) ? `${address}/` : address, hash < 0 ? undefined : decoded(text.slice(hash + 1))];
}

/** By its path in the site, a path on this machine, or the end of an address. */
function fileNamed(address: string, files: ReadonlyMap<string, SiteFile>, root: string): SiteFile | undefined {
  const direct = files.get(address);
  if (direct !== undefined) return direct;
  for (const base of [process.cwd(), root]) {
    const path = resolve(base, address);
    const found = [...files.values()].find(({ published }) => published === path);
    if (found !== undefined && existsSync(path)) return found;
  }
  const parts = address.replace(/\/$/, '/index.html').split('/');
  for (let i = 1; i < parts.length; i++) {
    const found = files.get(parts.slice(i).join('/'));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A path as people type it, from where they are. */
export const shown = (path: string): string => relative(process.cwd(), path).split(sep).join('/');
