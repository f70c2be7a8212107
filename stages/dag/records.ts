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
  readonly segment: SegmentPart | undefined;
  /** null: the line says something else. */
  record: CellRecord | null | undefined;
  /** Those that were read before, once it is in the maps. */
  earlierOfKey: RecordLine | undefined;
  earlierOfCell: RecordLine | undefined;

  constructor(line: Line, segment: SegmentPart | undefined, record: CellRecord | undefined) {
    this.line = line;
    this.segment = segment;
    this.record = record;
  }
}

/** The places among all records of those that one part of a segment holds; of what this process wrote, which has none, `segment` is undefined. */
interface RecordsOfPart { readonly segment: SegmentPart | undefined; readonly first: number; end: number }

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
  /** How many were taken in. */
  lines = 0;
  readonly #objects: ObjectSink;
  /** The last that was read of each key and of each cell, of the first `#ordered` records. */
  readonly #byKey = new Map<string, RecordLine>();
  readonly #ofCell = new Map<string, RecordLine>();
  readonly #records: RecordLine[] = [];
  /** Where the records of each part of a segment lie among all. */
  readonly #parts: RecordsOfPart[] = [];
  #ordered = 0;
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
  #unsortedDecisions: Line[] = [];
  readonly #segmentsOfDecisions = new Set<SegmentPart>();
  /** Cell -> lines of its decisions. */
  readonly #unparsedDecisions = new Map<string, Line[]>();
  readonly #notUnderstood: DamagedLine[] = [];

  constructor(objects: ObjectSink) {
    this.#objects = objects;
  }

  /** Takes one line in. Throws StoreTooNew for a segment of a newer format. */
  apply(line: Line, segment?: SegmentPart): void {
    this.lines++;
    if (!this.#apply(line, segment)) this.#refuse(line, segment);
  }

  /** Lines whose checksum holds and that say nothing that this version knows. */
  notUnderstood(): readonly DamagedLine[] {
    for (const one of this.#records) this.#recordIn(one);
    this.#objects.readAll();
    return this.#notUnderstood;
  }

  /** False: it is not understood. */
  #apply(line: Line, segment: SegmentPart | undefined): boolean {
    switch (line.kind) {
      case 'record': {
        // Written here, it is an object already.
        const record = segment === undefined ? line.parse() : undefined;
        this.#noteParts(segment);
        this.#records.push(new RecordLine(line, segment, isRecord(record) ? record : undefined));
        return true;
      }
      case 'pack':
        this.#objects.addPack({
          read: () => {
            const body = line.parse();
            if (isPack(body)) return body;
            this.#refuse(line, segment);
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
        if (segment !== undefined) this.#segmentsOfDecisions.add(segment);
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

  /** Puts all records into the maps. */
  #order(): void {
    for (; this.#ordered < this.#records.length; this.#ordered++) {
      const one = this.#records[this.#ordered]!;
      const names = one.record ?? one.line.names?.() ?? this.#recordIn(one);
      if (names === undefined) continue;
      one.earlierOfKey = this.#byKey.get(names.key);
      one.earlierOfCell = this.#ofCell.get(names.cell);
      this.#byKey.set(names.key, one);
      this.#ofCell.set(names.cell, one);
    }
  }

  #recordIn(one: RecordLine): CellRecord | undefined {
    if (one.record === undefined) {
      const body = one.line.parse();
      one.record = isRecord(body) ? body : null;
      if (one.record === null) this.#refuse(one.line, one.segment);
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
    if (this.#ordered < this.#records.length) {
      if (this.#searches++ >= MAX_SEARCHES) this.#order();
      for (const i of this.#placesOf(what, name)) take(this.#records[i]!);
    }
    const [first, earlier] = what === 'cell' ? [this.#ofCell, 'earlierOfCell' as const] : [this.#byKey, 'earlierOfKey' as const];
    for (let one = first.get(name); one !== undefined; one = one[earlier]) take(one);
    return records.length > 1 ? records.sort((a, b) => byTime(b, a)) : records;
  }

  #refuse(line: Line, segment: SegmentPart | undefined): void {
    const { offset, bytes } = line;
    // One whose checksum does not hold is told of as that.
    if (segment !== undefined && line.isSound?.() !== false && offset !== undefined && bytes !== undefined) this.#notUnderstood.push({ file: segment.file, offset: segment.from + offset, bytes, what: 'not-understood' });
  }

  /** Notes that the next record lies in this part. */
  #noteParts(segment: SegmentPart | undefined): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && last.segment === segment) last.end++;
    else this.#parts.push({ segment, first: this.#records.length, end: this.#records.length + 1 });
  }

  /** Where records that may have this name lie, of those that are not in the maps; what was read last comes first. */
  #placesOf(what: keyof LineNames, name: string): readonly number[] {
    const places: number[] = [];
    for (const { segment, first, end } of this.#parts) {
      if (end <= this.#ordered) continue;
      let place = first;
      if (segment === undefined) for (; place < end; place++) places.push(place);
      else for (const line of segment.linesWith(member(what, name))) {
        if (line.kind !== 'record') continue;
        while (this.#records[place]!.line !== line) place++;
        places.push(place);
      }
    }
    return places.filter(place => place >= this.#ordered).reverse();
  }

  #searchDecisions(cell: string): readonly Decision[] {
    const lines: Line[] = this.#unsortedDecisions.filter(({ offset }) => offset === undefined);
    for (const segment of this.#segmentsOfDecisions) for (const line of segment.linesWith(member('cell', cell))) if (line.kind === 'decision') lines.push(line);
    return lines.map(line => line.parse()).filter(isDecision).filter(body => body.cell === cell);
  }

  #sortedDecisions(cell: string): readonly Decision[] {
    const take = (line: Line): void => {
      const body = line.parse();
      if (!isDecision(body)) return;
      const of = this.#decisions.get(body.cell);
      if (of === undefined) this.#decisions.set(body.cell, [body]);
      else of.push(body);
    };
    const unsorted = this.#unsortedDecisions;
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
