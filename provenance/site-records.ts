/** The records that a site publishes, checked among themselves: keys, code, and that what one cell read is what another wrote. */
import { gunzipSync } from 'node:zlib';
import { canonicalJson, closureHash, keyOf, partsHash } from '../stages/dag/index.ts';
import { RECORDS_FILE } from '../reports/records-file.ts';
import type { PublishedCell, RecordLine } from '../reports/records-file.ts';
import type { SiteFault, SiteFolder } from './site-folder.ts';

export interface SiteRecords { readonly cells: ReadonlyMap<string, PublishedCell>; readonly faults: readonly SiteFault[] }

const MOST_BYTES = 2 ** 30;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/;

export function siteRecords(site: SiteFolder): SiteRecords {
  const faults: SiteFault[] = [];
  const fault = (what: string, expected?: string, found?: string): void => void faults.push({ file: RECORDS_FILE, what, ...(expected === undefined ? {} : { expected }), ...(found === undefined ? {} : { found }) });
  const cells = new Map<string, PublishedCell>();
  const closures = new Map<string, { readonly [file: string]: string }>();
  const bytes = site.read(RECORDS_FILE);
  if (bytes === undefined) return { cells, faults };
  try {
    for (const line of gunzipSync(bytes, { maxOutputLength: MOST_BYTES }).toString('utf8').split('\n')) {
      if (line === '') continue;
      const value = JSON.parse(line) as RecordLine;
      if (value.is === 'closure') closures.set(value.hash, value.files);
      else if (value.is === 'cell' && typeof value.cell === 'string' && typeof value.inputs === 'object') cells.set(value.cell, value);
    }
    for (const cell of cells.values()) checkCell(cell, cells, closures, fault);
  } catch (error) {
    // Whatever its lines hold: a file of ours has no such.
    fault(`it cannot be read: ${(error as Error).message}`);
  }
  return { cells, faults };
}

type Report = (what: string, expected?: string, found?: string) => void;

function checkCell(cell: PublishedCell, cells: ReadonlyMap<string, PublishedCell>, closures: ReadonlyMap<string, { readonly [file: string]: string }>, fault: Report): void {
  const { record, others = [], params } = cell;
  if (record === undefined) return;
  const { fields } = record;
  const key = keyOf(fields);
  for (const other of others) if (keyOf(other.fields) !== key || other.key !== key) fault(`key of ${cell.cell}, measured by ${other.machine}`, key, other.key);
  if (key !== record.key) fault(`key of ${cell.cell}`, key, record.key);
  if (cell.waiver === undefined && canonicalJson(fields.params) !== canonicalJson(params)) fault(`parameters of ${cell.cell}`, canonicalJson(params), canonicalJson(fields.params));
  const files = closures.get(fields.code);
  if (files === undefined || !Object.keys(files).some((module) => closureHash(module, files) === fields.code)) fault(`code of ${cell.cell}`, fields.code, files === undefined ? 'no list of files' : 'a list of files with another hash');
  if (!TIME.test(record.finishedAt)) fault(`time of ${cell.cell}`, 'a time as 2026-03-04T05:06:07.089+00:00', String(record.finishedAt));
  for (const [name, from] of Object.entries(cell.inputs)) {
    for (const origin of from) {
      if (origin.cell === undefined || origin.output === undefined) continue;
      const written = recordOf(origin, cells)?.outputs[origin.output]?.sha256;
      if (written !== origin.sha256) fault(`input ${name} of ${cell.cell}`, `${written ?? 'nothing'} (output ${origin.output} of ${origin.cell})`, origin.sha256 ?? 'nothing');
    }
    if (cell.waiver !== undefined || from.some(({ sha256 }) => sha256 === undefined)) continue; // of cells that failed, and of records, only the hash over all is known
    const recorded = fields.inputs[name];
    if (!hashesOf(from).includes(recorded ?? '')) fault(`input ${name} of ${cell.cell}`, from.length === 1 ? from[0]!.sha256 : `the hash of its ${from.length} parts`, recorded ?? 'nothing');
  }
}

type OriginOf = PublishedCell['inputs'][string][number];

/** The record that an input comes from: of a measured cell that of the machine it names. */
function recordOf({ cell = '', machine }: OriginOf, cells: ReadonlyMap<string, PublishedCell>): PublishedCell['record'] {
  const { record, others = [] } = cells.get(cell) ?? {};
  return machine === undefined || record?.machine === machine ? record : others.find((other) => other.machine === machine);
}

/** What the key may hold for an input: the content of the one that it reads, or a hash over its parts. */
function hashesOf(from: readonly OriginOf[]): readonly string[] {
  const part = ({ cell, output, machine, sha256 }: OriginOf): { name: string; content: string } => ({ name: `${cell}#${output}${machine === undefined ? '' : `@${machine}`}`, content: sha256! });
  return [...(from.length === 1 ? [from[0]!.sha256!] : []), partsHash(from.map(part))];
}
