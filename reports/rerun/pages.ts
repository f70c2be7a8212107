/** Every number on pages against the rows that they name: printed again, not compared within a tolerance. */
import { count } from '../../stages/dag/index.ts';
import { checkNumbers, namedNumbers } from '../page-numbers.ts';
import { UnreadablePage, parseHtml } from '../read-html.ts';
import { MOST_ROWS_SHOWN, PACKED } from '../tables.ts';
import { breathing } from './breath.ts';
import { MissingFile } from './objects.ts';
import type { Row } from '../num.ts';
import type { NamedNumbers, PageFault } from '../page-numbers.ts';
import type { CheckContext } from './checks.ts';

/** Differences are told up to this many. */
const TOLD = 50;

/** `tables`: of large ones a page shows the beginning. */
export async function pageFindings(context: CheckContext, pages: readonly string[], tables: ReadonlyMap<string, readonly Row[]>): Promise<void> {
  let numbers: NamedNumbers;
  try {
    numbers = namedNumbers([...tables].map(([table, rows]) => [table, PACKED.has(table) ? rows.slice(0, MOST_ROWS_SHOWN) : rows] as const));
  } catch (error) {
    // A row that lacks what its numbers are called by.
    if (!(error instanceof TypeError)) throw error;
    return context.say({ verdict: 'differs', what: 'the numbers of the tables cannot be named', detail: error.message });
  }
  const faults: PageFault[] = [];
  const breath = breathing(context.signal);
  let looked = 0;
  for (const [i, path] of pages.entries()) {
    context.progress(i, pages.length, 'pages read');
    await breath();
    try {
      looked += checkNumbers(parseHtml(new TextDecoder().decode(await context.file(path))), path, numbers, faults).length;
    } catch (error) {
      if (!(error instanceof UnreadablePage) && !(error instanceof MissingFile)) throw error;
      faults.push({ file: path, what: error.message });
    }
  }
  for (const { file, what, expected, found } of faults.slice(0, TOLD)) context.say({ verdict: 'differs', what: `${file}: ${what}`, ...(expected === undefined ? {} : { detail: `the page shows ${found === '' ? 'nothing' : found ?? 'nothing'}, and it should be ${expected}` }) });
  if (faults.length > TOLD) context.say({ verdict: 'differs', what: `and ${faults.length - TOLD} more numbers on pages` });
  const all = `${count(looked, 'number')} on ${count(pages.length, 'page')}`;
  context.say(faults.length === 0 ? { verdict: 'equal', what: `${all}, each printed as its row says` } : { verdict: 'differs', what: `in all: ${all} were printed again, and ${count(faults.length, 'difference')} found` });
}
