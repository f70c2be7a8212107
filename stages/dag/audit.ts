/**
 * The links of a result, each checked anew: the record's key is that of its fields, its outputs are the bytes that it names, what it
 * was computed from is what its inputs are, its code is the one that it names, and its times and its run fit together. A log's
 * checksum guards against accidents; this also finds what somebody changed on purpose and made consistent with itself.
 */
import { HashedObjects } from './audit-objects.ts';
import { canonicalJson } from './canonical.ts';
import { readCitations } from './cited.ts';
import { inputHash } from './decide.ts';
import { closureHash, keyOf } from './key.ts';
import { waiverText } from './waivers.ts';
import { count } from './words.ts';
import type { RunCitations } from './cited.ts';
import type { Outcome } from './decide.ts';
import type { Ground } from './ground.ts';
import type { ResultCell } from './results.ts';
import type { RunSummary } from './store.ts';
import type { Cell, CellRecord, InputRef, Json, KeyFields } from './types.ts';

/** A link that does not hold. */
export interface AuditFinding {
  readonly cell: string;
  /** Where in its record: 'key', 'output rows', 'input text', 'code', 'finishedAt', 'run', 'params.seed'. */
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

/** What a reader should know and what breaks no link. */
export interface AuditNote { readonly cell: string; readonly what: string; readonly note: string }

export interface CellAudit { readonly findings: readonly AuditFinding[]; readonly notes: readonly AuditNote[] }

/** As records write a time. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/;
/** Clocks of machines differ; a record that came from another may be this far ahead. */
const CLOCK_SKEW_MS = 5 * 60_000;
const NOTHING = 'nothing';

/** Of what counts now, or of what counted in a past run: then nothing is held against what the pipeline declares today. */
export interface AuditOptions {
  readonly ground: Ground;
  readonly outcomeOf: (cell: string) => Outcome;
  /** The results of the past run, by cell. */
  readonly past: ReadonlyMap<string, readonly CellRecord[]> | undefined;
}

export class Audit {
  readonly #ground: Ground;
  readonly #outcomeOf: (cell: string) => Outcome;
  readonly #past: AuditOptions['past'];
  #outputsThen: ReadonlySet<string> | undefined;
  readonly #declared: ReadonlyMap<string, Cell>;
  readonly #runs: ReadonlyMap<string, RunSummary>;
  readonly #lists = new Map<string, RunCitations | undefined>();
  readonly hashed: HashedObjects;

  constructor({ ground, outcomeOf, past }: AuditOptions) {
    this.#ground = ground;
    this.#outcomeOf = outcomeOf;
    this.#past = past;
    this.#declared = new Map(ground.pipeline.cells.map((cell) => [cell.id, cell]));
    this.#runs = new Map([...ground.store.origins(), ...ground.store.runs()].map((run) => [run.run, run]));
    this.hashed = new HashedObjects(ground.store, ground.pipeline);
  }

  async cell(result: ResultCell): Promise<CellAudit> {
    const findings: AuditFinding[] = [];
    const notes: AuditNote[] = [];
    if (result.records.length === 0) notes.push({ cell: result.cell, what: 'result', note: `there is none: ${result.failure?.sentence ?? 'it was never computed'}` });
    for (const record of result.records) {
      const of = result.records.length > 1 ? ` (${record.machine})` : '';
      const links = new Links(result.cell, of, findings, notes);
      this.#key(record, links);
      await this.#outputs(record, links);
      await this.#declaration(result, record, links);
      this.#code(result, record, links);
      this.#times(record, links);
      this.#list(record, links);
    }
    return { findings, notes };
  }

  #key({ key, fields, status }: CellRecord, links: Links): void {
    links.equal('key', keyOf(fields), key);
    links.equal('status', 'done', status);
  }

  async #outputs({ outputs }: CellRecord, links: Links): Promise<void> {
    const declared = this.#declared.get(links.cell)?.stage.outputs;
    if (declared !== undefined && this.#past === undefined) links.equal('outputs', [...declared].sort().join(', '), Object.keys(outputs).sort().join(', '));
    for (const [name, output] of Object.entries(outputs)) {
      for (const { file, expected, found } of await this.hashed.faultsOf(output)) links.broken(`output ${name}${file === undefined ? '' : `, file ${file}`}`, expected, found);
    }
  }

  /** Parameters, facts and inputs, held against what the pipeline declares. */
  async #declaration({ waiver }: ResultCell, { key, fields }: CellRecord, links: Links): Promise<void> {
    const cell = this.#declared.get(links.cell);
    if (cell === undefined) return links.note('inputs', 'the pipeline declares this cell no more: its inputs are known by their hashes only');
    if (waiver !== undefined) {
      links.note('waiver', waiverText(waiver));
      const today = this.#fieldsToday(cell);
      const counts = today === undefined ? undefined : this.#ground.store.waived(keyOf(today))?.counts;
      return links.equal('waiver', key, counts ?? 'no waiver that covers it');
    }
    if (this.#past === undefined) {
      links.equal('stage', cell.stage.name, fields.stage);
      compare(cell.params, fields.params, (name, expected, found) => links.broken(`params.${name}`, expected, found));
      compare(cell.facts ?? {}, fields.facts, (name, expected, found) => links.broken(`facts.${name}`, expected, found));
      for (const name of Object.keys(fields.inputs)) if (!Object.hasOwn(cell.inputs, name)) links.broken(`input ${name}`, 'no such input', fields.inputs[name]!);
    }
    for (const [name, input] of Object.entries(cell.inputs)) await this.#input(name, input, fields, links);
  }

  async #input(name: string, input: InputRef, { inputs }: KeyFields, links: Links): Promise<void> {
    const recorded = inputs[name];
    if (recorded === undefined && this.#past !== undefined) return;
    const expected = input.kind === 'file' ? (await this.hashed.file(input))?.sha256 ?? 'no file' : this.#hashOf(input);
    if (expected === recorded) return;
    const from = input.kind === 'file' ? input.path : input.kind === 'output' ? `${input.output} of ${input.cell}` : input.kind === 'gather' ? count(input.of.length, 'output') : `records of ${count(input.of.length, 'cell')}`;
    // Of several inputs together a past run knows one hash; the pipeline may have gathered others then.
    if (this.#past !== undefined && (input.kind !== 'output' || this.#wasOutput(recorded!))) return links.note(`input ${name}`, input.kind === 'file' ? `${from} has other bytes today (${expected}); it read ${recorded}` : `today it reads ${from}; then it read ${input.kind === 'output' ? `another output of that run, ${recorded}` : 'others'}`);
    links.broken(`input ${name}`, `${expected} (${from})`, recorded ?? NOTHING);
  }

  /** Whether a result of the past run has this hash. */
  #wasOutput(sha256: string): boolean {
    this.#outputsThen ??= new Set([...this.#past!.values()].flat().flatMap(({ outputs }) => Object.values(outputs).map((output) => output.sha256)));
    return this.#outputsThen.has(sha256);
  }

  #hashOf(input: InputRef): string {
    if (input.kind === 'output' && this.#outcomeOf(input.cell).kind === 'failed') return `a result of ${input.cell}`;
    return inputHash(input, this.#ground, this.#outcomeOf);
  }

  #fieldsToday(cell: Cell): KeyFields | undefined {
    const inputs: { [name: string]: string } = {};
    for (const [name, input] of Object.entries(cell.inputs)) {
      const hash = input.kind === 'file' ? this.#ground.fileOf(input.path)?.sha256 : this.#hashOf(input);
      if (hash === undefined) return undefined;
      inputs[name] = hash;
    }
    return { stage: cell.stage.name, params: cell.params, inputs, code: this.#ground.codeOf(cell).hash, facts: cell.facts ?? {} };
  }

  #code({ cell: id }: ResultCell, { fields: { code } }: CellRecord, links: Links): void {
    const files = this.#ground.store.closure(code);
    if (files === undefined) return links.broken('code', code, 'no list of files with this hash');
    const cell = this.#declared.get(id);
    // The hash names the stage's module; of a stage that is not declared any more, or was declared otherwise, it is one of the files.
    const modules = [...(cell === undefined ? [] : [cell.stage.module]), ...Object.keys(files)];
    if (!modules.some((module) => closureHash(module, files) === code)) links.broken('code', code, closureHash(modules[0] ?? '', files));
    if (cell === undefined) return;
    const today = this.#ground.codeOf(cell);
    if (today.hash === code) return;
    const changed = [...new Set([...Object.keys(files), ...Object.keys(today.files)])].filter((name) => files[name] !== today.files[name]).sort();
    links.note('code', `it is not today's: ${changed.length === 0 ? 'the module is another' : `${changed.slice(0, 5).join(', ')}${changed.length > 5 ? ` and ${changed.length - 5} more` : ''} changed since`}`);
  }

  #times({ key, run: id, machine, finishedAt, durationMs, fields }: CellRecord, links: Links): void {
    if (!TIME.test(finishedAt) || !Number.isFinite(Date.parse(finishedAt))) return links.broken('finishedAt', 'a time as 2026-03-04T05:06:07.089+00:00', finishedAt);
    const finished = Date.parse(finishedAt);
    if (finished > Date.now() + CLOCK_SKEW_MS) links.broken('finishedAt', `no time to come (it is ${new Date().toISOString()})`, finishedAt);
    const run = this.#runs.get(id);
    if (run === undefined) return links.broken('run', 'a run in the log', id);
    links.equal('machine', run.machine, machine);
    if (finishedAt < run.startedAt) links.broken('finishedAt', `not before its run started (${run.startedAt})`, finishedAt);
    if (run.endedAt !== undefined && finishedAt > run.endedAt) links.broken('finishedAt', `not after its run ended (${run.endedAt})`, finishedAt);
    if (!(durationMs >= 0) || durationMs > finished - Date.parse(run.startedAt) + 1) links.broken('durationMs', 'a time that its run has', String(durationMs));
    const decided = this.#ground.store.decisions(links.cell).find((one) => one.run === id && one.key === key);
    if (decided !== undefined && finishedAt < decided.decidedAt) links.broken('finishedAt', `not before it was decided to run it (${decided.decidedAt})`, finishedAt);
    for (const [name, input] of Object.entries(this.#declared.get(links.cell)?.inputs ?? {})) {
      if (input.kind !== 'output') continue;
      // Made again later with equal bytes, an input is younger than what read it first.
      const first = this.#firstMade(input.cell, input.output, fields.inputs[name], machine);
      if (first !== undefined && finishedAt < first) links.broken('finishedAt', `not before its input ${name} was there (${first})`, finishedAt);
    }
  }

  #firstMade(cell: string, output: string, sha256: string | undefined, machine: string): string | undefined {
    return this.#ground.store.recordsOfCell(cell).filter((record) => record.machine === machine && record.outputs[output]?.sha256 === sha256).map(({ finishedAt }) => finishedAt).sort()[0];
  }

  /** A run that ended left a list of its results' keys. */
  #list({ key, run }: CellRecord, links: Links): void {
    if (!this.#lists.has(run)) {
      const list = readCitations(this.#ground.store.folder, 'cited', run);
      this.#lists.set(run, list === undefined || 'damage' in list ? undefined : list.citations);
    }
    const named = this.#lists.get(run)?.cells[links.cell]?.filter(([, by]) => by === run).map(([named]) => named) ?? [];
    if (named.length > 0 && !named.includes(key)) links.broken('key', `${named.join(' or ')}, as its run's list of results names it`, key);
  }
}

/** Collects what is wrong with one record. */
class Links {
  readonly cell: string;
  readonly #of: string;
  readonly #findings: AuditFinding[];
  readonly #notes: AuditNote[];

  constructor(cell: string, of: string, findings: AuditFinding[], notes: AuditNote[]) {
    this.cell = cell;
    this.#of = of;
    this.#findings = findings;
    this.#notes = notes;
  }

  equal(what: string, expected: string, found: string): void {
    if (expected !== found) this.broken(what, expected, found);
  }

  broken(what: string, expected: string, found: string): void {
    this.#findings.push({ cell: this.cell, what: what + this.#of, expected, found });
  }

  note(what: string, note: string): void {
    this.#notes.push({ cell: this.cell, what: what + this.#of, note });
  }
}

type Values = { readonly [name: string]: Json };

function compare(declared: Values, recorded: Values, differs: (name: string, expected: string, found: string) => void): void {
  const text = (values: Values, name: string): string => Object.hasOwn(values, name) ? canonicalJson(values[name]!) : NOTHING;
  for (const name of new Set([...Object.keys(declared), ...Object.keys(recorded)])) {
    const [expected, found] = [text(declared, name), text(recorded, name)];
    if (expected !== found) differs(name, expected, found);
  }
}
