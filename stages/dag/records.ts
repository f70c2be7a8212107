/** What the log says, indexed in memory: records, decisions, closures, runs. Knows nothing of files. */
import type { Origin } from './cache/entry.ts';
import { StoreTooNew } from './errors.ts';
import type { SegmentPart } from './log.ts';
import type { LineNames, LogLine } from './log-lines.ts';
import { isAside, isClosure, isDecision, isEnd, isNoted, isOrigin, isPack, isRecord, isRemoved, isRuling, isRun, isWithdrawn } from './log-shapes.ts';
import { STORE_FORMAT } from './store.ts';
import type { DamagedLine, Decision, RunCounts, RunSummary } from './store.ts';
import type { CellRecord, Sha256 } from './types.ts';
import { isWaiverBody, WaiverIndex } from './waivers.ts';
import type { WaiverBody } from './waivers.ts';

type Files = { readonly [file: string]: string };

/** What a line of each kind holds besides its checksum. */
export interface LogBodies {
  readonly run: Omit<RunSummary, 'endedAt' | 'counts'> & { readonly format: number };
  readonly end: { readonly run: string; readonly endedAt: string; readonly counts: RunCounts };
  readonly pack: { readonly pack: Sha256; readonly bytes: number; readonly objects: readonly (readonly [Sha256, number, number])[] };
  readonly closure: { readonly hash: string; readonly files: Files };
  readonly decision: Decision;
  readonly record: CellRecord;
  readonly aside: { readonly sha256: Sha256; readonly pack?: Sha256; readonly offset?: number; readonly what: string; readonly at: string };
  readonly removed: { readonly objects: readonly Sha256[]; readonly at: string };
  readonly waiver: WaiverBody;
  readonly withdrawn: { readonly waiver: string; readonly at: string };
  /** A run of another store, of which records were taken in. */
  readonly origin: Origin;
  /** Records of this key differed, and the one that this run made by the reference is right. */
  readonly ruling: { readonly key: Sha256; readonly at: string };
  readonly noted: { readonly file: string; readonly offset: number; readonly at: string };
}
export type LogKind = keyof LogBodies;
export type LogEntry = { readonly [K in LogKind]: { readonly kind: K; readonly body: LogBodies[K] } }[LogKind];

/** A line of a segment, or what this process has just written, which has no place yet. */
type Line = Pick<LogLine, 'kind' | 'parse'> & Partial<LogLine>;

/** A record as its line says it, parsed when it is looked at: most commands look at few. */
class RecordLine {
  readonly line: Line;
  /** Undefined: this process wrote it. */
  readonly part: SegmentPart | undefined;
  /** null: the line says something else. */
  record: CellRecord | null | undefined = undefined;
  /** Those that were read before, once it is in the maps. */
  earlierOfKey: RecordLine | undefined = undefined;
  earlierOfCell: RecordLine | undefined = undefined;

  constructor(line: Line, part: SegmentPart | undefined) {
    this.line = line;
    this.part = part;
    if (part !== undefined) return;
    // Written here, it is an object already.
    const record = line.parse();
    if (isRecord(record)) this.record = record;
  }
}

/** So many questions are answered by looking through the lines, which costs less than ordering them does; then they are ordered. */
const MAX_SEARCHES = 8;

/** A line that says which objects lie in a pack. */
export interface PackLine {
  /** Undefined: it says something else. */
  read(): LogBodies['pack'] | undefined;
  /** False: it does not name this object. */
  mayHold(sha: Sha256): boolean;
}

/** Where the lines about objects go. */
export interface ObjectSink {
  addPack(pack: PackLine): void;
  /** Reads every pack's line that was not needed so far. */
  readAll(): void;
  condemn(sha: Sha256, pack: Sha256, offset: number): void;
}

export class LogIndex {
  readonly waivers = new WaiverIndex();
  readonly #objects: ObjectSink;
  /** The last that was read of each key and of each cell, of `#records`. */
  readonly #byKey = new Map<string, RecordLine>();
  readonly #ofCell = new Map<string, RecordLine>();
  readonly #records: RecordLine[] = [];
  /** Whose records are not among these yet, in the order in which they were read; by themselves those that this process wrote. */
  #unordered: (SegmentPart | RecordLine)[] = [];
  #searches = 0;
  readonly #runs = new Map<string, RunSummary>();
  readonly #origins = new Map<string, Origin>();
  readonly #rulings = new Set<Sha256>();
  readonly #closures = new Map<string, Files>();
  readonly #decisions = new Map<string, Decision[]>();
  /** Object -> when it was last set aside or removed on purpose. */
  readonly #absences = new Map<Sha256, string>();
  /** Damaged lines that were told of: `<file>@<offset>`. */
  readonly #noted = new Set<string>();
  /** Lines that few commands look at are parsed when one does. */
  #unparsedClosures: Line[] = [];
  #unsortedDecisions: (SegmentPart | Line)[] = [];
  /** Cell -> lines of its decisions. */
  readonly #unparsedDecisions = new Map<string, Line[]>();
  readonly #notUnderstood = new Map<Line, DamagedLine>();

  constructor(objects: ObjectSink) {
    this.#objects = objects;
  }

  /** Takes in what was read. Throws StoreTooNew for a segment of a newer format. */
  take(part: SegmentPart): void {
    const { lines } = part;
    const has = { record: false, decision: false };
    for (let i = 0; i < lines.count; i++) {
      const kind = lines.kindAt(i);
      if (kind === 'record' || kind === 'decision') has[kind] = true;
      else this.apply(lines.at(i), part);
    }
    if (has.record) this.#unordered.push(part);
    if (has.decision) this.#unsortedDecisions.push(part);
  }

  /** Takes one line in; without a part, one that this process has written. Throws StoreTooNew. */
  apply(line: Line, part?: SegmentPart): void {
    if (!this.#apply(line, part)) this.#refuse(line, part);
  }

  /** Lines whose checksum holds and that say nothing that this version knows. */
  notUnderstood(): readonly DamagedLine[] {
    this.#order(true);
    for (const one of this.#records) this.#recordIn(one);
    this.#objects.readAll();
    return [...this.#notUnderstood.values()];
  }

  /** False: it is not understood. */
  #apply(line: Line, part: SegmentPart | undefined): boolean {
    switch (line.kind) {
      case 'record':
        this.#unordered.push(new RecordLine(line, part));
        return true;
      case 'pack':
        this.#objects.addPack({
          read: () => {
            const body = line.parse();
            if (isPack(body)) return body;
            this.#refuse(line, part);
            return undefined;
          },
          mayHold: sha => line.mentions?.(sha) !== false,
        });
        return true;
      case 'aside': return this.#applyIf(isAside, line.parse(), body => {
        if (body.pack !== undefined && body.offset !== undefined) this.#objects.condemn(body.sha256, body.pack, body.offset);
        this.#noteAbsence(body.sha256, body.at);
      });
      case 'removed': return this.#applyIf(isRemoved, line.parse(), body => {
        for (const sha of body.objects) this.#noteAbsence(sha, body.at);
      });
      case 'waiver': return this.#applyIf(isWaiverBody, line.parse(), body => this.waivers.add(body));
      case 'withdrawn': return this.#applyIf(isWithdrawn, line.parse(), body => this.waivers.withdraw(body.waiver));
      case 'noted': return this.#applyIf(isNoted, line.parse(), body => {
        this.#noted.add(`${body.file}@${body.offset}`);
      });
      case 'origin': return this.#applyIf(isOrigin, line.parse(), body => {
        this.#origins.set(body.run, body);
      });
      case 'ruling': return this.#applyIf(isRuling, line.parse(), body => {
        this.#rulings.add(body.key);
      });
      case 'run': return this.#applyIf(isRun, line.parse(), body => {
        if (body.format > STORE_FORMAT) throw new StoreTooNew(body.format, STORE_FORMAT);
        const { format: _, ...summary } = body;
        this.#runs.set(body.run, summary);
      });
      case 'end': return this.#applyIf(isEnd, line.parse(), body => {
        const run = this.#runs.get(body.run);
        if (run !== undefined) this.#runs.set(body.run, { ...run, endedAt: body.endedAt, counts: body.counts });
      });
      case 'closure':
        this.#unparsedClosures.push(line);
        return true;
      case 'decision':
        this.#unsortedDecisions.push(line);
        return true;
      default: return false;
    }
  }

  /** Records of a key, newest first. */
  ofKey(key: Sha256): readonly CellRecord[] {
    return this.#newestFirst('key', key);
  }

  /** Records of a cell under any key, newest first. */
  ofCell(cell: string): readonly CellRecord[] {
    return this.#newestFirst('cell', cell);
  }

  /** The newest record of each cell. */
  newest(): readonly CellRecord[] {
    this.#order();
    return Array.from(this.#ofCell.keys()).flatMap(cell => this.ofCell(cell).slice(0, 1));
  }

  records(): readonly CellRecord[] {
    this.#order();
    return this.#records.flatMap(one => this.#recordIn(one) ?? []).sort(byTime);
  }

  runs(): readonly RunSummary[] {
    return [...this.#runs.values()].sort((a, b) => compare(a.startedAt, b.startedAt) || compare(a.run, b.run));
  }

  /** Runs of other stores, of which records were taken in. */
  origins(): readonly Origin[] {
    return [...this.#origins.values()];
  }

  /** Whether it was decided here which of several records of a key is right. */
  isRuled(key: Sha256): boolean {
    return this.#rulings.has(key);
  }

  closure(hash: string): Files | undefined {
    for (const line of this.#unparsedClosures.splice(0)) {
      const body = line.parse();
      if (isClosure(body)) this.#closures.set(body.hash, body.files);
    }
    return this.#closures.get(hash);
  }

  decisions(cell: string): readonly Decision[] {
    const search = this.#unsortedDecisions.length > 0 && this.#searches++ < MAX_SEARCHES;
    return (search ? this.#searchDecisions(cell) : this.#sortedDecisions(cell)).toSorted((a, b) => compare(a.decidedAt, b.decidedAt));
  }

  /** When an object was last set aside or removed on purpose: a record from before that is known to be without it. */
  absentSince(sha: Sha256): string | undefined {
    return this.#absences.get(sha);
  }

  isNoted({ file, offset }: Pick<DamagedLine, 'file' | 'offset'>): boolean {
    return this.#noted.has(`${file}@${offset}`);
  }

  #noteAbsence(sha: Sha256, at: string): void {
    if (at > (this.#absences.get(sha) ?? '')) this.#absences.set(sha, at);
  }

  #applyIf<T>(isBody: (body: unknown) => body is T, body: unknown, take: (body: T) => void): boolean {
    if (!isBody(body)) return false;
    take(body);
    return true;
  }

  /** Puts all records into the maps. `parsed`: they are all going to be looked at, and what is parsed tells its names at once. */
  #order(parsed = false): void {
    for (const one of this.#unordered) {
      if (one instanceof RecordLine) this.#putInOrder(one, parsed);
      else for (const line of one.lines.ofKind('record')) this.#putInOrder(new RecordLine(line, one), parsed);
    }
    this.#unordered = [];
  }

  #putInOrder(one: RecordLine, parsed: boolean): void {
    this.#records.push(one);
    const names = (parsed ? undefined : one.record ?? one.line.names?.()) ?? this.#recordIn(one);
    if (names === undefined) return;
    one.earlierOfKey = this.#byKey.get(names.key);
    one.earlierOfCell = this.#ofCell.get(names.cell);
    this.#byKey.set(names.key, one);
    this.#ofCell.set(names.cell, one);
  }

  #recordIn(one: RecordLine): CellRecord | undefined {
    if (one.record === undefined) {
      const body = one.line.parse();
      one.record = isRecord(body) ? body : null;
      if (one.record === null) this.#refuse(one.line, one.part);
    }
    return one.record ?? undefined;
  }

  /** Of equal times the one that was read later comes first. */
  #newestFirst(what: 'cell' | 'key', name: string): readonly CellRecord[] {
    const records: CellRecord[] = [];
    const take = (one: RecordLine): void => {
      const record = this.#recordIn(one);
      if (record?.[what] === name) records.push(record);
    };
    if (this.#unordered.length > 0 && this.#searches++ >= MAX_SEARCHES) this.#order();
    for (const one of this.#unordered.toReversed()) {
      if (one instanceof RecordLine) take(one);
      else for (const line of one.lines.ofKindWith('record', member(what, name)).toReversed()) take(new RecordLine(line, one));
    }
    const [first, earlier] = what === 'cell' ? [this.#ofCell, 'earlierOfCell' as const] : [this.#byKey, 'earlierOfKey' as const];
    for (let one = first.get(name); one !== undefined; one = one[earlier]) take(one);
    return records.length > 1 ? records.sort((a, b) => byTime(b, a)) : records;
  }

  #refuse(line: Line, part: SegmentPart | undefined): void {
    const { offset, bytes } = line;
    // One whose checksum does not hold is told of as that.
    if (part === undefined || line.isSound?.() === false || offset === undefined || bytes === undefined) return;
    this.#notUnderstood.set(line, { file: part.file, offset: part.from + offset, bytes, what: 'not-understood' });
  }

  #searchDecisions(cell: string): readonly Decision[] {
    return this.#unsortedDecisions.flatMap<Line>(one => 'lines' in one ? one.lines.ofKindWith('decision', member('cell', cell)) : [one])
      .map(line => line.parse()).filter(isDecision).filter(body => body.cell === cell);
  }

  #sortedDecisions(cell: string): readonly Decision[] {
    const take = (line: Line): void => {
      const body = line.parse();
      if (!isDecision(body)) return;
      const of = this.#decisions.get(body.cell);
      if (of === undefined) this.#decisions.set(body.cell, [body]);
      else of.push(body);
    };
    const unsorted = this.#unsortedDecisions.flatMap<Line>(one => 'lines' in one ? one.lines.ofKind('decision') : [one]);
    this.#unsortedDecisions = [];
    for (const line of unsorted) {
      const name = line.names?.()?.cell;
      const of = name === undefined ? undefined : this.#unparsedDecisions.get(name);
      if (name === undefined) take(line);
      else if (of === undefined) this.#unparsedDecisions.set(name, [line]);
      else of.push(line);
    }
    const lines = this.#unparsedDecisions.get(cell) ?? [];
    this.#unparsedDecisions.delete(cell);
    for (const line of lines) take(line);
    return this.#decisions.get(cell) ?? [];
  }
}

/** How a name stands in a line: those that are valid need no escapes. */
function member(what: keyof LineNames, name: string): string {
  return `"${what}":${JSON.stringify(name)}`;
}

function byTime(a: CellRecord, b: CellRecord): number {
  return compare(a.finishedAt, b.finishedAt);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
