/** The records that a site publishes, held among themselves: keys, code, and that what one cell read is what another wrote. */
import { canonicalJson, closureText, keyText, missingText, partsText } from '../stages/dag/index.ts';
import type { PublishedCell, RecordLine } from './records-file.ts';

export interface RecordFault { readonly what: string; readonly expected?: string; readonly found?: string }

/** The sha256 of a text: at once in Node, by WebCrypto in a page. */
export type HashOf = (text: string) => string | Promise<string>;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/;

/** `turn` is awaited between cells. Throws whatever lines of somebody else's make it. */
export async function recordFaults(lines: readonly RecordLine[], cells: Iterable<PublishedCell>, hashOf: HashOf, turn: (done: number) => void | Promise<void> = () => undefined): Promise<readonly RecordFault[]> {
  const faults: RecordFault[] = [];
  const byId = new Map<string, PublishedCell>();
  for (const line of lines) {
    if (line.is !== 'cell') continue;
    if (byId.has(line.cell)) faults.push({ what: `the record of ${line.cell}`, expected: 'one line', found: 'two lines' });
    byId.set(line.cell, line);
  }
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
  yield* standing(cell, cells);
  yield* writtenByOthers(cell, cells);
  const { record, others = [], params } = cell;
  if (record === undefined) return;
  const { fields } = record;
  const key = await hashOf(keyText(fields));
  for (const other of others) if (await hashOf(keyText(other.fields)) !== key || other.key !== key) yield { what: `key of ${cell.cell}, measured by ${other.machine}`, expected: key, found: other.key };
  if (key !== record.key) yield { what: `key of ${cell.cell}`, expected: key, found: record.key };
  if (fields.stage !== cell.stage) yield { what: `stage in the key of ${cell.cell}`, expected: cell.stage, found: fields.stage };
  const closure = closures.get(fields.code);
  if (closure !== 'sound') yield { what: `code of ${cell.cell}`, expected: fields.code, found: closure === undefined ? 'no list of files' : 'a list of files with another hash' };
  if (!TIME.test(record.finishedAt) || Number.isNaN(Date.parse(record.finishedAt))) yield { what: `time of ${cell.cell}`, expected: 'a time as 2026-03-04T05:06:07.089+00:00', found: String(record.finishedAt) };
  // A record from before a change that a person accepted: of parameters and inputs it has those of then.
  if (cell.waiver !== undefined) return;
  if (canonicalJson(fields.params) !== canonicalJson(params)) yield { what: `parameters of ${cell.cell}`, expected: canonicalJson(params), found: canonicalJson(fields.params) };
  for (const name of new Set([...Object.keys(fields.inputs), ...Object.keys(cell.inputs)])) {
    const recorded = fields.inputs[name], from = cell.inputs[name];
    if (from === undefined) yield { what: `input ${name} of ${cell.cell}`, expected: `what has the hash ${recorded!}`, found: 'nothing' };
    // Of records only the hash over all is known.
    else if (from.every((one) => one.output !== undefined || one.sha256 !== undefined) && !(from.length === 1 && from[0]!.sha256 === recorded) && await hashOf(partsText(from.map((one) => part(one, cells)))) !== recorded) {
      yield { what: `input ${name} of ${cell.cell}`, expected: from.length === 1 ? from[0]!.sha256 ?? 'the hash of its part' : `the hash of its ${from.length} parts`, found: recorded ?? 'nothing' };
    }
  }
}

/** Whether it has a result, in all that says so. */
function* standing({ cell, stage, determinism, record, others = [], failure }: PublishedCell, cells: ReadonlyMap<string, PublishedCell>): Generator<RecordFault> {
  if (!cell.startsWith(`${stage}:`)) yield { what: `stage of ${cell}`, expected: cell.slice(0, Math.max(0, cell.indexOf(':'))), found: stage };
  const { status = 'done', outputs = {} } = record ?? { status: 'failed' as const }, failed = status !== 'done';
  if (failed !== (failure !== undefined) || !['done', 'failed'].includes(status)) yield { what: `how ${cell} ended`, expected: failure === undefined ? 'a result: it has no failure' : 'no result: it has a failure', found: status };
  if (failed && Object.keys(outputs).length > 0) yield { what: `outputs of ${cell}`, expected: 'none: it failed', found: Object.keys(outputs).join(', ') };
  if (others.length > 0 && (failed || determinism !== 'measured')) yield { what: `other machines' records of ${cell}`, expected: 'none', found: others.map(({ machine }) => machine).join(', ') };
  const [, origin, why] = failure?.code === 'upstream-failed' ? /^needs (\S+), which failed: ([^]*)$/.exec(failure.sentence) ?? ['', '', ''] : [];
  if (origin !== undefined && cells.get(origin)?.failure?.sentence !== why) yield { what: `why ${cell} has no result`, expected: `what is recorded of the cell that failed before it`, found: failure!.sentence };
}

/** What one cell read is what another wrote; of one that failed, nothing. */
function* writtenByOthers({ cell, inputs }: PublishedCell, cells: ReadonlyMap<string, PublishedCell>): Generator<RecordFault> {
  for (const [name, from] of Object.entries(inputs)) {
    for (const origin of from) {
      if (origin.cell === undefined || origin.output === undefined) continue;
      const written = recordOf(origin, cells)?.outputs[origin.output]?.sha256;
      if (written !== origin.sha256 || !cells.has(origin.cell)) yield { what: `input ${name} of ${cell}`, expected: `${written ?? 'nothing'} (output ${origin.output} of ${origin.cell}${cells.has(origin.cell) ? '' : ', of which there is no record'})`, found: origin.sha256 ?? 'nothing' };
    }
  }
}

type OriginOf = PublishedCell['inputs'][string][number];

/** The record that an input comes from: of a measured cell that of the machine it names. */
function recordOf({ cell = '', machine }: OriginOf, cells: ReadonlyMap<string, PublishedCell>): PublishedCell['record'] {
  const { record, others = [] } = cells.get(cell) ?? {};
  return machine === undefined || record?.machine === machine ? record : others.find((other) => other.machine === machine);
}

/** As the machinery hashes it (stages/dag/decide.ts): of a cell that failed all that a reader is shown of why. */
function part({ cell, output, machine, sha256 }: OriginOf, cells: ReadonlyMap<string, PublishedCell>): { name: string; content: string } {
  const failure = cells.get(cell ?? '')?.failure;
  return { name: `${cell}#${output}${machine === undefined ? '' : `@${machine}`}`, content: sha256 ?? (failure === undefined ? '' : missingText(failure)) };
}
