/** Parts of pages that are words of rows (verdicts of claims, written texts): said again of the site's rows by what draws the page, and held against what the page shows. */
import { html } from './html.ts';
import { claimFacts, claimTop, claimsInOrder, claimsLead, effectTable, effectsInOrder, figureTitle, isDrawn, verdictList } from './pages/claim-words.ts';
import { isShown, sampleTexts, settingShown } from './pages/sample-texts.ts';
import { drawn, elements, hasClass, textOf } from './read-html.ts';
import type { Html } from './html.ts';
import type { Row } from './num.ts';
import type { PageFault } from './page-numbers.ts';
import type { ClaimRow, EffectRow } from './pages/claim-words.ts';
import type { ModelRow } from './pages/common.ts';
import type { GenerationRow } from './pages/sample-texts.ts';
import type { Element } from './read-html.ts';

type Tables = ReadonlyMap<string, readonly Row[]>;

interface DrawnPart {
  /** What one of it is, in words. */
  readonly what: string;
  readonly tables: readonly string[];
  /** Undefined where no row is there to be shown. */
  draw(tables: Tables): Html | undefined;
  /** Elements that are compared, on the page and in what is drawn. */
  is(element: Element): boolean;
}

const of = <T>(tables: Tables, table: string): readonly T[] => tables.get(table) as readonly unknown[] as readonly T[];

/** Page -> what of it is compared. */
const PARTS: { readonly [page: string]: DrawnPart } = {
  'index.html': {
    what: 'verdict', tables: ['claims'],
    draw: (tables) => of(tables, 'claims').length === 0 ? undefined : verdictList(of<ClaimRow>(tables, 'claims')),
    is: (element) => element.tag === 'ul' && hasClass(element, 'verdicts'),
  },
  'claims.html': {
    what: 'claim', tables: ['claims', 'claim_effects', 'formats', 'models'],
    draw(tables) {
      const claims = claimsInOrder(of<ClaimRow>(tables, 'claims')), effects = effectsInOrder(of<EffectRow>(tables, 'claim_effects'), of(tables, 'models'), of(tables, 'formats'));
      return claims.length === 0 ? undefined : html`${claimsLead(claims)}${claims.map((claim) => {
        const own = effects.filter((e) => e.claim === claim.claim);
        return html`${claimTop(claim, own)}${isDrawn(own) ? html`<span class="title">${figureTitle(claim)}</span>` : ''}${effectTable(own)}${claimFacts(claim)}`;
      })}`;
    },
    // A figure's subtitle, the names of its panels and the frame of the page are no words of rows.
    is: (element) => ['h2', 'tr', 'dd', 'pre'].includes(element.tag) || (element.tag === 'p' && !['kicker', 'panel-title', 'note'].some((name) => hasClass(element, name))) || hasClass(element, 'title'),
  },
  'samples.html': {
    what: 'written text', tables: ['models', 'formats', 'generations'],
    draw(tables) {
      const all = of<GenerationRow>(tables, 'generations'), chosen = settingShown(all);
      const shown = all.filter((row) => isShown(row, chosen));
      return shown.length === 0 ? undefined : sampleTexts(of<ModelRow>(tables, 'models'), of(tables, 'formats'), shown);
    },
    is: (element) => element.tag === 'h2' || element.tag === 'h3' || ['lead', 'kicker', 'sample'].some((name) => hasClass(element, name)),
  },
};

/** Adds what is wrong to `faults`; answers how many parts it looked at. Nothing where a table that the page is drawn from is not there. */
export function checkDrawnParts(page: Element, path: string, tables: Tables, faults: PageFault[]): number {
  const part = Object.hasOwn(PARTS, path) ? PARTS[path]! : undefined;
  if (part === undefined || !part.tables.every((table) => tables.has(table))) return 0;
  let again: Element | undefined;
  try {
    const markup = part.draw(tables);
    again = markup && drawn(markup);
  } catch (error) {
    // Of rows that anybody may have written.
    faults.push({ file: path, what: `its words cannot be drawn again from the rows: ${(error as Error).message}` });
    return 0;
  }
  const partsOf = (root: Element | undefined): readonly Element[] => root === undefined ? [] : [...elements(root)].filter(part.is).flatMap((one) => one.tag === 'ul' ? one.children.filter((child) => typeof child !== 'string') : [one]);
  const expected = partsOf(again), found = partsOf(mainOf(page));
  for (let i = 0; i < Math.max(expected.length, found.length); i++) {
    const fault = faultOf(`${part.what} ${i + 1} of ${expected.length}`, expected[i], found[i]);
    if (fault === undefined) continue;
    faults.push({ file: path, ...fault });
    // Where one is missing or too many all that follow differ, too.
    if (expected.length !== found.length) break;
  }
  return expected.length;
}

function faultOf(what: string, expected: Element | undefined, found: Element | undefined): Omit<PageFault, 'file'> | undefined {
  const [should, does] = [expected, found].map((one) => one === undefined ? '' : textOf(one)) as [string, string];
  if (should !== does || expected === undefined || found === undefined) return { what: `${what}, in its words`, ...apart(should, does) };
  const [shape, other] = [shapeOf(expected), shapeOf(found)];
  return shape === other ? undefined : { what: `${what}, in what is marked or where it links`, ...apart(shape, other) };
}

const mainOf = (page: Element): Element | undefined => [...elements(page)].find(({ tag }) => tag === 'main');

/** Its text with what tells a reader more than the words: marks, classes, links. What others found later, and which occurrence is the first on a page, is none of its rows. */
function shapeOf({ tag, attributes, children }: Element): string {
  const classes = (attributes.get('class') ?? '').split(/\s+/).filter((name) => name !== '' && !name.startsWith('again-')).map((name) => `.${name}`).join('');
  const href = attributes.get('href');
  return `<${tag}${classes}${href === undefined ? '' : ` ${href}`}>${children.map((child) => typeof child === 'string' ? child : child.tag === 'sup' ? '' : shapeOf(child)).join('')}</${tag}>`;
}

/** Where two texts part, with some of what stands before it. */
function apart(expected = '', found = ''): { readonly expected: string; readonly found: string } {
  let at = 0;
  while (at < expected.length && expected[at] === found[at]) at++;
  const from = Math.max(0, at - BEFORE);
  const around = (text: string): string => text === '' ? 'nothing' : `“${from > 0 ? '…' : ''}${text.slice(from, at + AFTER)}${text.length > at + AFTER ? '…' : ''}”`;
  return { expected: around(expected), found: around(found) };
}
const BEFORE = 60, AFTER = 100;
