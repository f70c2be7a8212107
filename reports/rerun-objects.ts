/** The stage `rerun-objects`: outputs that pages read to compute cells again, each as a script that holds its bytes (reports/rerun/plan.ts says why). */
import type { Run } from '../stages/dag/index.ts';
import { OBJECTS_FOLDER } from './rerun/plan.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const input = cell.inputs['objects'];
    const files = new Map<string, string>();
    const sizes: { [path: string]: { readonly cell: string; readonly output: string; readonly sha256: string; readonly bytes: number } } = {};
    for (const item of input?.kind === 'gather' ? input.items : []) {
      // What failed is not published; nor is a folder, which no cell in a page reads.
      if (!('handle' in item) || item.tree !== undefined) continue;
      const path = `${OBJECTS_FOLDER}${item.cell.replace(/[:/]/g, '~')}.${item.output}.js`;
      files.set(path, objectScript(item.handle.sha256, await io.read(item.handle)));
      sizes[path] = { cell: item.cell, output: item.output, sha256: item.handle.sha256, bytes: item.handle.bytes };
    }
    await io.commit(cell.id, { scripts: { tree: files }, sizes: JSON.stringify(sizes) });
  }
};

/** Puts the bytes, in base64, where the loading page looks for them. */
export function objectScript(sha256: string, bytes: Uint8Array): string {
  return `(window.bitwidthObjects=window.bitwidthObjects||{})["${sha256}"]="${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}";\n`;
}
