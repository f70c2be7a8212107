/** The records that a site publishes, held among themselves: keys, code, and that what one cell read is what another wrote. */
import { canonicalJson, closureText, keyText, partsText } from '../stages/dag/index.ts';
import type { PublishedCell, RecordLine } from './records-file.ts';

export interface RecordFault { readonly what: string; readonly expected?: string; readonly found?: string }

/** The sha256 of a text: at once in Node, by WebCrypto in a page. */
export type HashOf = (text: string) => string | Promise<string>;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/;

/** `turn` is awaited between cells. Throws whatever lines of somebody else's make it. */
export async function recordFaults(lines: readonly RecordLine[], cells: Iterable<PublishedCell>, hashOf: HashOf, turn: (done: number) => void | Promise<void> = () => undefined): Promise<readonly RecordFault[]> {
  const faults: RecordFault[] = [];
  const byId = new Map(lines.flatMap((line) => line.is === 'cell' ? [[line.cell, line] as const] : []));
  const closures = await closuresIn(lines, hashOf);
  let done = 0;
  for (const cell of cells) {
    await turn(done++);
    for await (const fault of faultsOf(cell, byId, closures, hashOf)) faults.push(fault);
  }
  return faults;
}

/** Hash of a list of files, as its line calls it -> what it is: one of its modules' is the one. */
async function closuresIn(lines: readonly RecordLine[], hashOf: HashOf): Promise<ReadonlyMap<string, 'sound' | 'other'>> {
  const closures = new Map<string, 'sound' | 'other'>();
  for (const line of lines) {
    if (line.is !== 'closure') continue;
    let is: 'sound' | 'other' = 'other';
    for (const module of Object.keys(line.files)) if (await hashOf(closureText(module, line.files)) === line.hash) { is = 'sound'; break; }
    closures.set(line.hash, is);
  }
  return closures;
}

async function* faultsOf(cell: PublishedCell, cells: ReadonlyMap<string, PublishedCell>, closures: ReadonlyMap<string, 'sound' | 'other'>, hashOf: HashOf): AsyncGenerator<RecordFault> {
  const { record, others = [], params } = cell;
  if (record === undefined) return;
  const { fields } = record;
  const key = await hashOf(keyText(fields));
  for (const other of others) if (await hashOf(keyText(other.fields)) !== key || other.key !== key) yield { what: `key of ${cell.cell}, measured by ${other.machine}`, expected: key, found: other.key };
  if (key !== record.key) yield { what: `key of ${cell.cell}`, expected: key, found: record.key };
  if (cell.waiver === undefined && canonicalJson(fields.params) !== canonicalJson(params)) yield { what: `parameters of ${cell.cell}`, expected: canonicalJson(params), found: canonicalJson(fields.params) };
  const closure = closures.get(fields.code);
  if (closure !== 'sound') yield { what: `code of ${cell.cell}`, expected: fields.code, found: closure === undefined ? 'no list of files' : 'a list of files with another hash' };
  if (!TIME.test(record.finishedAt)) yield { what: `time of ${cell.cell}`, expected: 'a time as 2026-03-04T05:06:07.089+00:00', found: String(record.finishedAt) };
  for (const [name, from] of Object.entries(cell.inputs)) {
    for (const origin of from) {
      if (origin.cell === undefined || origin.output === undefined) continue;
      const written = recordOf(origin, cells)?.outputs[origin.output]?.sha256;
      if (written !== origin.sha256) yield { what: `input ${name} of ${cell.cell}`, expected: `${written ?? 'nothing'} (output ${origin.output} of ${origin.cell})`, found: origin.sha256 ?? 'nothing' };
    }
    if (cell.waiver !== undefined || from.some(({ sha256 }) => sha256 === undefined)) continue; // of cells that failed, and of records, only the hash over all is known
    const recorded = fields.inputs[name];
    if (!(from.length === 1 && from[0]!.sha256 === recorded) && await hashOf(partsText(from.map(part))) !== recorded) yield { what: `input ${name} of ${cell.cell}`, expected: from.length === 1 ? from[0]!.sha256! : `the hash of its ${from.length} parts`, found: recorded ?? 'nothing' };
  }
}

type OriginOf = PublishedCell['inputs'][string][number];

/** The record that an input comes from: of a measured cell that of the machine it names. */
function recordOf({ cell = '', machine }: OriginOf, cells: ReadonlyMap<string, PublishedCell>): PublishedCell['record'] {
  const { record, others = [] } = cells.get(cell) ?? {};
  return machine === undefined || record?.machine === machine ? record : others.find((other) => other.machine === machine);
}

const part = ({ cell, output, machine, sha256 }: OriginOf): { name: string; content: string } => ({ name: `${cell}#${output}${machine === undefined ? '' : `@${machine}`}`, content: sha256! });
