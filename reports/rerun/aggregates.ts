/** Every aggregate computed again from the published rows by the study's own stages, against the published aggregates; then everything that the report shows, drawn again from the tables. */
import { count, grouped } from '../../stages/dag/index.ts';
import { ARTIFACT_FILE, CITATION_FILE, TEX_FILE } from '../drawn-with-file.ts';
import { cellPath, numberId } from '../num.ts';
import { KEYS, csvName } from '../tables.ts';
import { breathing } from './breath.ts';
import { distanceOf, shown } from './compare.ts';
import { STUDY_NAME, STUDY_PROGRAM } from './compute.ts';
import { isPage } from '../page-check.ts';
import { MissingFile } from './objects.ts';
import { pageFindings } from './pages.ts';
import { plannedFindings } from './planned.ts';
import { PAGES_PROGRAM } from '../pages-parts.ts';
import { TABLE_FILE, cellsIn, publishedLines, publishedSchema, publishedTables } from './published-tables.ts';
import { recordFindings } from './records.ts';
import { rowFindings, sourceFindings } from './rows.ts';
import { wholeFindings } from './whole-outputs.ts';
import type { Check, CheckContext, Finding, Place } from './checks.ts';
import type { Row } from '../num.ts';
import type { PublishedCell, RecordLine } from '../records-file.ts';

/** What the study's program offers (stages/quantization/in-page/aggregates.ts). */
export interface AggregatesProgram {
  /** The tables of what is computed. */
  readonly tables: readonly string[];
  makes(cell: PublishedCell): boolean;
  open(tables: ReadonlyMap<string, readonly Row[]>): OpenedRows;
}

/** Of one set of published rows. */
export interface OpenedRows {
  /** An output of a cell made again of its rows, whole; undefined where no table has all of it. Throws RangeError, a sentence, where rows do not make a whole. */
  whole(cell: Pick<PublishedCell, 'cell' | 'stage'>): { readonly output: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
  compute(cell: PublishedCell, watched: { readonly signal: AbortSignal; progress(done: number, total: number, unit: string): void }): Promise<
    | { readonly tables: { readonly [table: string]: readonly Row[] } }
    | { readonly unpublished: string }
    | { readonly refused: string }>;
}

/** One more or one less rounding in each of a few thousand sums: farther apart are two numbers that are not the same. */
const TOLERANCE = 1e-12;
/** Differences are told up to this many, of aggregates and of pages. */
export const TOLD = 50;

export const aggregatesCheck: Check = {
  name: 'aggregates', about: 'the aggregates and pages',
  offer(place, plan) {
    const { files, programs } = plan;
    if (files === undefined) return undefined;
    if (programs[STUDY_PROGRAM] === undefined) {
      const because = 'this report publishes no program that computes them';
      return { because, note: `No aggregate is computed again here, and no page drawn: ${because}. The command check-site draws the pages.` };
    }
    return {
      title: place.cell === undefined ? 'Compute every aggregate again from the published rows, and draw every page again' : 'Compute the aggregates of this cell again from the published rows, and draw this page again',
      readsFiles: true,
      downloads: () => [...[STUDY_PROGRAM, PAGES_PROGRAM].flatMap((path) => programs[path] === undefined ? [] : [{ path, bytes: programs[path] }]), ...Object.entries(files).filter(([path]) => TABLE_FILE.test(path) || isShown(place, path)).map(([path, bytes]) => ({ path, bytes }))],
    };
  },
  async run(context) {
    const { place, plan, say } = context;
    let tables: ReadonlyMap<string, readonly Row[]>, lines: readonly RecordLine[], schema: string;
    try {
      schema = await publishedSchema(context);
      tables = await publishedTables(context, schema);
      lines = await publishedLines(context);
    } catch (error) {
      if (!(error instanceof SyntaxError) && !(error instanceof MissingFile)) throw error;
      return say({ verdict: 'differs', what: 'the tables cannot be read', detail: error.message });
    }
    const { aggregates: program } = await context.program(STUDY_PROGRAM, STUDY_NAME) as { readonly aggregates: AggregatesProgram };
    const cells = cellsIn(lines), own = cells.filter((cell) => place.cell === undefined || cell.cell === place.cell), rows = program.open(tables);
    const compared = await computeAll(program, rows, own.filter((cell) => program.makes(cell)), tables, context);
    for (const finding of compared.findings(place)) say(finding);
    for (const finding of await recordFindings(lines, own, context)) say(finding);
    for (const finding of rowFindings(tables, own)) say(finding);
    if (place.cell === undefined) for (const finding of await sourceFindings(tables.get('sources') ?? [], cells)) say(finding);
    for (const finding of await wholeFindings(rows, own, context)) say(finding);
    const planned = Object.values(plan.cells).filter(({ cell }) => place.cell === undefined || cell === place.cell);
    for (const finding of plannedFindings(planned, new Map(cells.map((cell) => [cell.cell, cell])), tables)) say(finding);
    await pageFindings(context, { schema, tables, lines }, (path) => isShown(place, path));
  },
};

/** Whether a file is what somebody reads: a page, or what is drawn beside them. */
const isShown = ({ cell }: Place, path: string): boolean => cell === undefined ? isPage(path) || DRAWN_FILES.has(path) : path === cellPath(cell);
const DRAWN_FILES: ReadonlySet<string> = new Set([TEX_FILE, ARTIFACT_FILE, CITATION_FILE]);

async function computeAll(program: AggregatesProgram, rows: OpenedRows, cells: readonly PublishedCell[], tables: ReadonlyMap<string, readonly Row[]>, { signal, progress }: CheckContext): Promise<Comparison> {
  const compared = new Comparison(program, tables);
  const breath = breathing(signal);
  for (const [i, cell] of cells.entries()) {
    progress(i, cells.length, 'cells computed again');
    await breath();
    const computed = await rows.compute(cell, { signal, progress: () => undefined });
    if ('tables' in computed) compared.add(cell.cell, computed.tables);
    else if ('unpublished' in computed) compared.leave(cell.cell, computed.unpublished);
    else compared.refuse(cell.cell, computed.refused);
  }
  return compared;
}

interface Tally { equal: number; within: number; differs: number; /** Aggregates that were not computed, by what they rest on. */ readonly apart: Map<string, number> }

/** What was computed beside what is published, row by row: a row is known by what identifies it. */
export class Comparison {
  /** Table -> cell -> rows that are published, by what identifies them. */
  readonly #published: ReadonlyMap<string, ReadonlyMap<string, Map<string, Row>>>;
  readonly #tallies = new Map<string, Tally>();
  readonly #faults: Finding[] = [];
  /** Table -> cells whose rows of it were looked at. */
  readonly #seen: ReadonlyMap<string, Set<string>>;

  constructor({ tables: computed }: Pick<AggregatesProgram, 'tables'>, tables: ReadonlyMap<string, readonly Row[]>) {
    this.#seen = new Map(computed.map((table) => [table, new Set()]));
    this.#published = new Map(computed.map((table) => {
      const byCell = new Map<string, Map<string, Row>>();
      for (const row of tables.get(table) ?? []) {
        const cell = String(row['cell']), key = identity(table, row), own = byCell.get(cell) ?? new Map<string, Row>();
        if (own.has(key)) this.#differs(table, row, 'it is published twice');
        byCell.set(cell, own.set(key, row));
      }
      return [table, byCell];
    }));
  }

  #tally(table: string): Tally {
    const tally = this.#tallies.get(table) ?? { equal: 0, within: 0, differs: 0, apart: new Map() };
    this.#tallies.set(table, tally);
    return tally;
  }

  #differs(table: string, row: Row, detail: string): void {
    this.#tally(table).differs++;
    this.#faults.push({ verdict: 'differs', what: `${nameOf(table, row)} in data/${csvName(table)}`, detail });
  }

  /** What a cell's rows came to; in some tables they are of other cells, as each says. */
  add(cell: string, tables: { readonly [table: string]: readonly Row[] }): void {
    const computed = new Map<string, Map<string, Set<string>>>([...this.#published.keys()].map((table) => [table, new Map([[cell, new Set()]])]));
    for (const [table, rows] of Object.entries(tables)) {
      for (const row of rows) {
        const of = String(row['cell']), key = identity(table, row), keys = computed.get(table)!;
        keys.set(of, (keys.get(of) ?? new Set()).add(key));
        const published = this.#published.get(table)?.get(of)?.get(key);
        if (published === undefined) this.#differs(table, row, 'it follows from what is published, and is not published');
        else this.#compare(table, published, row);
      }
    }
    for (const [table, cells] of computed) {
      for (const [of, keys] of cells) {
        this.#seen.get(table)!.add(of);
        for (const [key, row] of this.#published.get(table)!.get(of) ?? []) if (!keys.has(key)) this.#differs(table, row, 'it is published, and does not follow from what is published');
      }
    }
  }

  #compare(table: string, published: Row, row: Row): void {
    const tally = this.#tally(table);
    const far = Object.entries(row).map(([column, value]) => ({ column, value, distance: distanceOf(published[column], value) }));
    const farthest = Math.max(...far.map(({ distance }) => distance));
    if (farthest === 0) tally.equal++;
    else if (farthest <= TOLERANCE) tally.within++;
    else this.#differs(table, row, far.filter(({ distance }) => distance > TOLERANCE).map(({ column, value }) => `${column}: ${shown(published[column])} is published, ${shown(value)} follows from what is published`).join('; '));
  }

  /** A cell whose inputs are in no table: what that is. */
  leave(cell: string, rests: string): void {
    for (const [table, byCell] of this.#published) {
      this.#seen.get(table)!.add(cell);
      const { apart } = this.#tally(table), rows = byCell.get(cell)?.size ?? 0;
      if (rows > 0) apart.set(rests, (apart.get(rests) ?? 0) + rows);
    }
  }

  /** A cell whose inputs make no whole. */
  refuse(cell: string, sentence: string): void {
    for (const seen of this.#seen.values()) seen.add(cell);
    this.#faults.push({ verdict: 'differs', what: `${cell} cannot be computed from the published rows`, detail: sentence });
  }

  /** In the tables' order: differences first, then what each table came to. */
  findings({ cell }: Place): readonly Finding[] {
    // What no cell of the records has made is vouched for by nobody.
    if (cell === undefined) {
      for (const [table, byCell] of this.#published) {
        for (const [of, rows] of byCell) if (!this.#seen.get(table)!.has(of)) for (const row of rows.values()) this.#differs(table, row, `no record of ${of} says how it came to be`);
      }
    }
    const told = this.#faults.slice(0, TOLD);
    if (this.#faults.length > TOLD) told.push({ verdict: 'differs', what: `and ${this.#faults.length - TOLD} more rows` });
    for (const [table, { equal, within, differs, apart }] of this.#tallies) {
      const all = equal + within + differs;
      const rest = [...apart.values()].reduce((sum, n) => sum + n, 0);
      if (all > 0) told.push({ verdict: differs > 0 ? 'differs' : within > 0 ? 'within' : 'equal', what: `${table}: ${count(all, 'row')} computed again from what is published: ${grouped(equal)} identical, ${grouped(within)} within ${TOLERANCE} of their size, ${grouped(differs)} ${differs === 1 ? 'differs' : 'differ'}` });
      if (rest > 0) told.push({ verdict: 'note', what: `${table}: ${count(rest, 'row')} not computed again, because no table has all that they rest on`, detail: [...apart].map(([rests, n]) => `${n}: ${rests}`).join('; ') });
    }
    return told;
  }
}

const identity = (table: string, row: Row): string => JSON.stringify((KEYS[table] ?? []).map((column) => row[column] ?? null));

function nameOf(table: string, row: Row): string {
  const column = ['value', 'kl', 'verdict'].find((name) => name in row) ?? 'cell';
  return numberId(row, table, column);
}
