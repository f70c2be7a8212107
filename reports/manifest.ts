/** The stage `manifest`: every file of the site with its size and sha256, so that a copy of it can be checked; and their sizes once more, for pages. */
import { createHash } from 'node:crypto';
import type { Run } from '../stages/dag/index.ts';
import { RECORDS_FILE } from './records-file.ts';
import { KEY_FILE, STATEMENT_FILE } from './statement.ts';
import { SCHEMA_FILE } from './tables.ts';

/** From the site's root. It lists every file but itself. */
export const MANIFEST_FILE = 'data/files.json';
export const MANIFEST_FORMAT = 1;
/** The sizes of the files as a script: from file:// a page can read nothing else, and it says what it would load before it does. */
export const SIZES_FILE = 'data/files.js';

/** Without these it is no report. */
export const REQUIRED: readonly string[] = ['index.html', SCHEMA_FILE, RECORDS_FILE];
/** May be added to a finished site; the list does not name itself. */
export const UNLISTED: ReadonlySet<string> = new Set([MANIFEST_FILE, STATEMENT_FILE, KEY_FILE]);

/** What systems leave in folders that somebody looks into: whose copy has it has the report all the same. */
export const isOfSystem = (path: string): boolean => /(?:^|\/)(?:\.DS_Store|\._[^/]*|Thumbs\.db|desktop\.ini|\.directory)$/i.test(path);

export interface Manifest {
  readonly format: number;
  /** By path from the site's root, sorted. */
  readonly files: { readonly [path: string]: { readonly bytes: number; readonly sha256: string } };
}

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const files = new Map<string, { readonly bytes: number; readonly sha256: string }>();
    for (const input of Object.values(cell.inputs)) {
      if (input.kind !== 'gather') continue;
      // What failed is not published either.
      for (const item of input.items) if ('handle' in item) for (const [path, { bytes, sha256 }] of Object.entries(item.tree ?? {})) files.set(path, { bytes, sha256 });
    }
    const sizes = sizesScript(new Map([...files].map(([path, { bytes }]) => [path, bytes])));
    files.set(SIZES_FILE, { bytes: Buffer.byteLength(sizes), sha256: createHash('sha256').update(sizes).digest('hex') });
    await io.commit(cell.id, { manifest: { tree: new Map([[MANIFEST_FILE, manifestText(files)], [SIZES_FILE, sizes]]) } });
  }
};

/** A line for each file: what changed between two manifests shows in a diff. */
export function manifestText(files: ReadonlyMap<string, { readonly bytes: number; readonly sha256: string }>): string {
  const lines = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, { bytes, sha256 }]) => `${JSON.stringify(path)}:${JSON.stringify({ bytes, sha256 })}`);
  return `{"format":${MANIFEST_FORMAT},"files":{\n${lines.join(',\n')}\n}}\n`;
}

/** Path -> bytes, of all files but this one and the list. */
export const sizesScript = (sizes: ReadonlyMap<string, number>): string => `window.bitwidthSizes=${JSON.stringify(Object.fromEntries([...sizes].sort(([a], [b]) => (a < b ? -1 : 1)))).replaceAll('<', '\\u003c')};\n`;

/** Throws SyntaxError, saying what is wrong. */
export function readManifest(text: string): Manifest['files'] {
  let value: Partial<Manifest> | null;
  try {
    value = JSON.parse(text) as Partial<Manifest> | null;
  } catch {
    throw new SyntaxError('it is no JSON');
  }
  if (typeof value?.format !== 'number' || typeof value.files !== 'object' || value.files === null) throw new SyntaxError('it is no list of files');
  if (value.format > MANIFEST_FORMAT) throw new SyntaxError(`it has the format ${value.format}; this version reads up to ${MANIFEST_FORMAT}`);
  if (!Object.values(value.files).every((file: unknown) => /^[0-9a-f]{64}$/.test(String((file as { sha256?: unknown } | null)?.sha256)) && Number.isSafeInteger((file as { bytes?: unknown }).bytes))) throw new SyntaxError('a file of it has no size and sha256');
  return value.files;
}
