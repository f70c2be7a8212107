/** What the report shows, drawn again from the published tables and records by the modules that wrote it (the program that the plan names), and held against each file byte for byte. */
import { count } from '../../stages/dag/index.ts';
import { PageCheck, isPage } from '../page-check.ts';
import { namedNumbers } from '../page-numbers.ts';
import { DRAWN_WITH_FILE, readDrawnWith } from '../drawn-with-file.ts';
import { MOST_ROWS_SHOWN, PACKED } from '../tables.ts';
import { breathing } from './breath.ts';
import { MissingFile, textOf } from './objects.ts';
import { PAGES_NAME, PAGES_PROGRAM } from '../pages-parts.ts';
import { siteHas } from './plan.ts';
import type { Row } from '../num.ts';
import type { NamedNumbers } from '../page-numbers.ts';
import type { Redrawn } from '../redraw.ts';
import type { RecordLine } from '../records-file.ts';
import type { CheckContext, Finding } from './checks.ts';
import type { PagesProgram } from '../pages-parts.ts';

/** Differences are told up to this many. */
const TOLD = 50;
/** Pages that are not drawn again, up to this many. */
const BARE_TOLD = 10;

export interface PublishedSources { readonly schema: string; readonly tables: ReadonlyMap<string, readonly Row[]>; readonly lines: readonly RecordLine[] }

/** `isAsked`: the files of the site that it is about. */
export async function pageFindings(context: CheckContext, sources: PublishedSources, isAsked: (path: string) => boolean): Promise<void> {
  const { plan, say } = context;
  const redrawn = await redrawnBy(context, sources);
  if (typeof redrawn === 'string') return say({ verdict: 'differs', what: 'the report cannot be drawn again', detail: redrawn });
  const has = (path: string): boolean => siteHas(plan, path);
  const numbers = (): NamedNumbers => namedNumbers([...sources.tables].map(([table, rows]) => [table, PACKED.has(table) ? rows.slice(0, MOST_ROWS_SHOWN) : rows] as const));
  const check = new PageCheck(redrawn, numbers), breath = breathing(context.signal);
  const paths = Object.keys(plan.files ?? {}).filter((path) => isAsked(path) && (isPage(path) || redrawn.has(path)));
  const same: string[] = [];
  let shown = 0;
  for (const [i, path] of paths.entries()) {
    context.progress(i, paths.length, 'files drawn again');
    await breath();
    try {
      const looked = await check.look(path, textOf(await context.file(path)));
      if (!looked.same) continue;
      same.push(path);
      shown += looked.numbers;
    } catch (error) {
      if (!(error instanceof MissingFile)) throw error;
      check.faults.push({ file: path, what: error.message });
    }
  }
  if (context.place.cell === undefined) await check.missing(has);
  check.brokenLinks(has);
  const { faults, bare } = check;
  for (const { file, what, expected, found = '', again } of faults.slice(0, TOLD)) say({ verdict: 'differs', what: `${file}: ${what}`, ...(expected === undefined ? {} : { detail: `it shows ${found || 'nothing'}, and ${again ? 'drawn again' : 'it should be'} ${expected || 'nothing'}` }) });
  if (faults.length > TOLD) say({ verdict: 'differs', what: `and ${faults.length - TOLD} more differences in what the report shows` });
  for (const finding of agreement({ same, bare, shown, faults: faults.length })) say(finding);
}

/** Or why it cannot be, a sentence. */
async function redrawnBy(context: CheckContext, { schema, tables, lines }: PublishedSources): Promise<Redrawn | string> {
  const { redrawn } = await context.program(PAGES_PROGRAM, PAGES_NAME) as PagesProgram;
  let list: string;
  try {
    list = textOf(await context.file(DRAWN_WITH_FILE));
  } catch (error) {
    if (!(error instanceof MissingFile)) throw error;
    return error.message;
  }
  try {
    return redrawn({ schema, rows: tables, lines, drawnWith: readDrawnWith(list), files: context.plan.files ?? {} });
  } catch (error) {
    // Of rows, records and a list that anybody may have written: one that lacks what it is called by, one that is none.
    return `${error instanceof SyntaxError ? `${DRAWN_WITH_FILE}: ` : ''}${(error as Error).message}`;
  }
}

/** What all of it comes to. */
function* agreement({ same, bare, shown, faults }: { readonly same: readonly string[]; readonly bare: readonly string[]; readonly shown: number; readonly faults: number }): Generator<Finding> {
  const cells = same.filter((path) => path.startsWith('cells/')).length, pages = same.filter((path) => path.endsWith('.html')).length - cells;
  const others = same.filter((path) => !path.endsWith('.html'));
  const kinds = [...(pages > 0 ? [count(pages, 'page')] : []), ...(cells > 0 ? [count(cells, 'page of a cell', 'pages of cells')] : []), ...others];
  const all = kinds.length > 1 ? `${kinds.slice(0, -1).join(', ')} and ${kinds.at(-1)!}` : kinds[0] ?? 'nothing';
  const detail = `${count(shown, 'number')} on ${same.length === 1 ? 'it' : 'them'}, each as its row has it`;
  if (faults > 0) yield { verdict: 'differs', what: `in all: ${count(faults, 'difference')} found; drawn again from the tables, the records and ${DRAWN_WITH_FILE}, and the same: ${all}` };
  else if (same.length > 0) yield { verdict: 'equal', what: `${all}: drawn again from the tables, the records and ${DRAWN_WITH_FILE}, ${same.length === 1 ? 'the same' : 'each the same'}, byte for byte`, ...(shown > 0 ? { detail } : {}) };
  if (bare.length > 0) yield { verdict: 'note', what: `${count(bare.length, 'page')} of a project's own ${bare.length === 1 ? 'is' : 'are'} not drawn again: ${bare.slice(0, BARE_TOLD).join(', ')}${bare.length > BARE_TOLD ? ` and ${bare.length - BARE_TOLD} more` : ''}`, detail: 'of them only numbers that name their row were compared' };
}
