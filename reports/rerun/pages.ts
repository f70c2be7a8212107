/** Every number on pages against the rows that they name, and every page of a cell against its record and its rows: printed again, not compared within a tolerance. */
import { count } from '../../stages/dag/index.ts';
import { checkCellPage, missingPages, publishedOf } from '../cell-page-check.ts';
import { checkDrawnParts } from '../drawn-parts.ts';
import { brokenLink, linksOf } from '../page-links.ts';
import { checkNumbers, namedNumbers } from '../page-numbers.ts';
import { UnreadablePage, parseHtml } from '../read-html.ts';
import { MOST_ROWS_SHOWN, PACKED } from '../tables.ts';
import { breathing } from './breath.ts';
import { MissingFile } from './objects.ts';
import { siteHas } from './plan.ts';
import type { Row } from '../num.ts';
import type { PageLink } from '../page-links.ts';
import type { NamedNumbers, PageFault } from '../page-numbers.ts';
import type { PublishedCell } from '../records-file.ts';
import type { CheckContext, Finding } from './checks.ts';

/** Differences are told up to this many. */
const TOLD = 50;
/** Pages without a number, up to this many. */
const BARE_TOLD = 10;

/** What was looked at: numbers that name their row, on how many pages; values that pages of cells list; words of rows; and pages on which there were none of these. */
interface Looked { numbers: number; pages: number; values: number; words: number; readonly bare: string[] }

/** `tables`: of large ones a page shows the beginning. */
export async function pageFindings(context: CheckContext, pages: readonly string[], tables: ReadonlyMap<string, readonly Row[]>, cells: readonly PublishedCell[]): Promise<void> {
  let numbers: NamedNumbers;
  try {
    numbers = namedNumbers([...tables].map(([table, rows]) => [table, PACKED.has(table) ? rows.slice(0, MOST_ROWS_SHOWN) : rows] as const));
  } catch (error) {
    // A row that lacks what its numbers are called by.
    if (!(error instanceof TypeError)) throw error;
    return context.say({ verdict: 'differs', what: 'the numbers of the tables cannot be named', detail: error.message });
  }
  const faults: PageFault[] = [];
  const published = publishedOf(tables, cells);
  const looked: Looked = { numbers: 0, pages: 0, values: 0, words: 0, bare: [] };
  const has = (path: string): boolean => siteHas(context.plan, path);
  if (context.place.cell === undefined) faults.push(...missingPages(published, has));
  // Every page may link to what is not there: it is told once.
  const missing = new Map<string, PageLink[]>();
  const breath = breathing(context.signal);
  for (const [i, path] of pages.entries()) {
    context.progress(i, pages.length, 'pages read');
    await breath();
    try {
      const page = parseHtml(new TextDecoder().decode(await context.file(path)));
      const own = checkNumbers(page, path, numbers, faults).length, values = path.startsWith('cells/') ? checkCellPage(page, path, published, faults) : 0, words = checkDrawnParts(page, path, tables, faults);
      looked.numbers += own;
      looked.pages += own > 0 ? 1 : 0;
      looked.values += values;
      looked.words += words;
      if (own + values + words === 0) looked.bare.push(path);
      for (const link of linksOf(page, path, faults)) if (!has(link.to)) missing.set(link.to, [...missing.get(link.to) ?? [], link]);
    } catch (error) {
      if (!(error instanceof UnreadablePage) && !(error instanceof MissingFile)) throw error;
      faults.push({ file: path, what: error.message });
    }
  }
  for (const [link, ...more] of missing.values()) faults.push({ ...brokenLink(link!), ...(more.length === 0 ? {} : { what: `a link, and ${count(more.length, 'more link')} to the same file` }) });
  for (const { file, what, expected, found } of faults.slice(0, TOLD)) context.say({ verdict: 'differs', what: `${file}: ${what}`, ...(expected === undefined ? {} : { detail: `the page shows ${found === '' ? 'nothing' : found ?? 'nothing'}, and it should be ${expected === '' ? 'nothing' : expected}` }) });
  if (faults.length > TOLD) context.say({ verdict: 'differs', what: `and ${faults.length - TOLD} more differences on pages` });
  const of = `${count(looked.numbers, 'number')} on ${count(looked.pages, 'page')}`;
  if (faults.length > 0) return context.say({ verdict: 'differs', what: `in all: ${of} were printed again, and ${count(faults.length, 'difference')} found` });
  for (const finding of agreement(looked, pages, of)) context.say(finding);
}

/** What all of it comes to, where nothing differs: a page that shows nothing to compare was not compared. */
function* agreement({ numbers, values, words, bare }: Looked, pages: readonly string[], of: string): Generator<Finding> {
  if (bare.length === pages.length) {
    yield { verdict: 'note', what: `no number was compared: ${pages.length === 1 ? `${pages[0]!} shows` : `${count(pages.length, 'page')} show`} none of the tables` };
    return;
  }
  const without = bare.length === 0 ? {} : { detail: `${count(bare.length, 'page')} of ${pages.length} show${bare.length === 1 ? 's' : ''} none of the tables: ${bare.slice(0, BARE_TOLD).join(', ')}${bare.length > BARE_TOLD ? ` and ${bare.length - BARE_TOLD} more` : ''}` };
  if (numbers > 0) yield { verdict: 'equal', what: `${of}, each printed as its row says`, ...without };
  if (words > 0) yield { verdict: 'equal', what: `${count(words, 'text')} of claims, of their verdicts and of what formats wrote, each as its rows have it`, detail: 'other words on pages are compared with nothing' };
  if (values > 0) yield { verdict: 'equal', what: `${count(values, 'value')} that ${pages.length === 1 ? 'this page lists' : 'pages of cells list'}, each as its row has it` };
}
