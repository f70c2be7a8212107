/**
 * Files that came from outside, as the table `sources` tells of them, held to the records: to the bytes that a cell took in, and to what the cell that
 * wrote the table was told of origin and licence.
 */
import { canonicalJson } from '../stages/dag/index.ts';
import type { Row } from './num.ts';
import type { HashOf, RecordFault } from './records-check.ts';
import type { PublishedCell } from './records-file.ts';

/** Of a file (`path`), or of all that a cell took in: output -> where it lies, of a folder with a slash at its end. */
interface Told { readonly path?: string; readonly cell?: string; readonly paths?: { readonly [output: string]: string }; readonly [column: string]: unknown }

interface Folder { readonly of: string; readonly output: string; readonly place: string; readonly files: Row[] }

const COLUMNS = ['title', 'origin', 'sha256', 'bytes', 'licence', 'redistribute'];

/** A fault for each file, or folder, that is not as it was taken in. Nothing where no record is of such a table. Throws whatever rows and lines of somebody else's make it. */
export async function sourceFaults(rows: readonly Row[], cells: ReadonlyMap<string, PublishedCell>, hashOf: HashOf): Promise<readonly RecordFault[]> {
  const told = [...cells.values()].flatMap(({ params }) => params['table'] === 'sources' ? [...toldIn(params)] : []);
  if (told.length === 0) return [];
  const faults: RecordFault[] = [], folders = new Map<string, Folder>();
  const byPath = new Map(told.map((one) => [one.path, one])), byCell = new Map(told.map((one) => [one.cell, one]));
  for (const row of rows) {
    const { path, cell: of } = row as { readonly path: string; readonly cell: string };
    const about = byPath.get(path) ?? byCell.get(of);
    // Beside the files of a folder there may be some with a place of their own.
    const places = Object.entries(about?.paths ?? {}), [output, place] = places.find(([, at]) => at === path) ?? places.find(([, at]) => at.endsWith('/') && path.startsWith(at)) ?? [];
    if (about === undefined || (about.path === undefined && output === undefined)) {
      faults.push({ what: `the source ${path}`, expected: 'a file that a record tells of', found: `one of ${of}` });
      continue;
    }
    for (const column of COLUMNS) if (about[column] !== undefined && about[column] !== row[column]) faults.push({ what: `${column} of the source ${path}`, expected: String(about[column]), found: String(row[column]) });
    if (output === undefined) continue;
    const taken = cells.get(of)?.record?.outputs[output], key = `${of} ${output}`;
    if (taken?.tree === true) folders.set(key, { of, output, place: place!, files: [...folders.get(key)?.files ?? [], row] });
    else if (taken?.sha256 !== row['sha256'] || taken?.bytes !== row['bytes']) faults.push({ what: `the source ${path}`, expected: taken === undefined ? `an output of ${of}` : `${taken.sha256}, ${taken.bytes} bytes`, found: `${String(row['sha256'])}, ${String(row['bytes'])} bytes` });
  }
  for (const { of, output, place, files } of folders.values()) {
    // As a folder's list is stored (stages/dag/trees.ts).
    const list = canonicalJson(Object.fromEntries(files.map(({ path, sha256, bytes }) => [String(path).slice(place.length), { bytes: bytes as number, sha256: String(sha256) }])));
    const taken = cells.get(of)!.record!.outputs[output]!.sha256, found = await hashOf(list);
    if (found !== taken) faults.push({ what: `the sources in ${place}`, expected: `${taken} (output ${output} of ${of})`, found: `a list of files with the hash ${found}` });
  }
  const there = new Set(rows.map(({ path }) => path));
  for (const one of told) {
    const single = Object.entries(one.paths ?? {}).flatMap(([output, path]) => !path.endsWith('/') && cells.get(one.cell ?? '')?.record?.outputs[output] !== undefined ? [path] : []);
    for (const path of one.path === undefined ? single : [one.path]) if (!there.has(path)) faults.push({ what: `the source ${path}`, expected: 'a row', found: 'none' });
  }
  return faults;
}

function* toldIn(value: unknown): Generator<Told> {
  if (typeof value !== 'object' || value === null) return;
  if ('licence' in value) yield value as Told;
  else for (const part of Object.values(value)) yield* toldIn(part);
}
