/** The stage `manifest`: every file of the site with its size and sha256, so that a copy of it can be checked. */
import type { Run } from '../stages/dag/index.ts';

/** From the site's root. It lists every file but itself. */
export const MANIFEST_FILE = 'data/files.json';
export const MANIFEST_FORMAT = 1;

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
    await io.commit(cell.id, { manifest: { tree: new Map([[MANIFEST_FILE, manifestText(files)]]) } });
  }
};

/** A line for each file: what changed between two manifests shows in a diff. */
export function manifestText(files: ReadonlyMap<string, { readonly bytes: number; readonly sha256: string }>): string {
  const lines = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, { bytes, sha256 }]) => `${JSON.stringify(path)}:${JSON.stringify({ bytes, sha256 })}`);
  return `{"format":${MANIFEST_FORMAT},"files":{\n${lines.join(',\n')}\n}}\n`;
}
