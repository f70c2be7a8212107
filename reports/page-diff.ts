/** Where a page is not what is drawn again: the words and marks that part, and where they stand. */
import { elements, hasClass, parseHtml, textOf } from './read-html.ts';
import type { PageFault } from './page-numbers.ts';
import type { Element } from './read-html.ts';

/** Something of a page that is told of by itself: a heading, a paragraph, a row's field, a figure; or a number in it. */
interface Piece {
  /** Where it stands, or which number it is. */
  readonly where: string;
  readonly text: string;
  /** Its words, and all that tells a reader more: marks, links, curves. */
  readonly shape: string;
  /** Those in it that say which row they are of. */
  readonly numbers: readonly Piece[];
}

const PIECES = new Set(['title', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'p', 'li', 'dt', 'dd', 'td', 'th', 'pre', 'summary', 'figcaption', 'svg', 'script', 'meta', 'link']);

/** What differs, place by place; the first place alone where something is missing or too much, since all that follows differs, too. Throws UnreadablePage. */
export function pageDiff(path: string, found: string, expected: string): readonly PageFault[] {
  if (found === expected) return [];
  const pages = [expected, found].map(parseHtml), [should, does] = pages.map((page) => [...piecesOf(page)]) as [Piece[], Piece[]];
  const parts = Array.from({ length: Math.max(should.length, does.length) }, (_, i) => i).filter((i) => should[i]?.shape !== does[i]?.shape);
  const faults = (should.length === does.length ? parts : parts.slice(0, 1)).flatMap((i) => faultsOf(path, should[i], does[i]));
  if (should.length !== does.length) return faults;
  const [frame, other] = pages.map(frameOf) as [string, string];
  if (frame !== other) return [...faults, { file: path, what: 'its markup', again: true, ...apart(frame, other) }];
  return faults.length > 0 ? faults : [{ file: path, what: 'its markup', again: true, ...apart(expected, found) }];
}

/** Of a piece that differs in its numbers alone these. */
function faultsOf(path: string, expected: Piece | undefined, found: Piece | undefined): readonly PageFault[] {
  const [should, does] = [expected, found].map((one) => one?.numbers ?? []) as [readonly Piece[], readonly Piece[]];
  const numbers = should.flatMap((number, i) => number.shape === does[i]?.shape ? [] : faultsOf(path, number, does[i]));
  if (should.length === does.length && numbers.length > 0 && withoutNumbers(expected!) === withoutNumbers(found!)) return numbers;
  const inWords = expected?.text !== found?.text;
  return [{ file: path, what: `${(expected ?? found)!.where}${inWords ? '' : ', in what is marked, linked or drawn'}`, again: true, ...(inWords ? apart(expected?.text, found?.text) : apart(expected?.shape, found?.shape)) }];
}

const withoutNumbers = ({ shape, numbers }: Piece): string => numbers.reduce((rest, number) => rest.replace(number.shape, () => ''), shape);

/** Two texts line by line; the first line alone that differs where they have more or fewer, since all that follows differs, too. */
export function textDiff(path: string, found: string, expected: string): readonly PageFault[] {
  if (found === expected) return [];
  const [should, does] = [expected, found].map((text) => text.split('\n')) as [string[], string[]];
  const parts = Array.from({ length: Math.max(should.length, does.length) }, (_, i) => i).filter((i) => should[i] !== does[i]);
  return (should.length === does.length ? parts : parts.slice(0, 1)).map((i) => ({ file: path, what: `line ${i + 1}`, again: true, ...apart(should[i], does[i]) }));
}

function* piecesOf(page: Element): Generator<Piece> {
  let heading = '', term = '', rows = 0, columns: readonly string[] = [];
  const inTable = (field: Element, row: Element): string => {
    const column = columns[row.children.filter((child) => typeof child !== 'string').indexOf(field)] ?? '';
    return `${column === '' ? 'a field' : column} in row ${rows} of ${heading}`;
  };
  const placeOf = (element: Element, parent: Element): string => {
    const { tag, attributes } = element;
    if (/^h[1-6]$/.test(tag)) return 'a heading';
    if (tag === 'svg') return `the figure ${cut(attributes.get('aria-label') ?? '')}`;
    if (tag === 'dd') return term;
    if (tag === 'td' || tag === 'th') return inTable(element, parent);
    return ['title', 'script', 'meta', 'link'].includes(tag) ? `<${tag}>` : heading === '' ? 'the page' : `what stands under “${heading}”`;
  };
  function* walk(parent: Element): Generator<Piece> {
    for (const element of parent.children) {
      if (typeof element === 'string') continue;
      const { tag, attributes } = element;
      if (tag === 'table') {
        columns = [...elements(element)].filter((one) => one.tag === 'th').map(textOf);
        rows = -1;
        const all = String([...elements(element)].filter((one) => one.tag === 'tr').length - 1);
        yield { where: `rows of ${heading}`, text: all, shape: all, numbers: [] };
      }
      if (tag === 'tr') rows++;
      if (!isPiece(element)) { yield* walk(element); continue; }
      const text = textOf(element);
      if (/^h[1-6]$/.test(tag)) heading = attributes.get('id') ?? cut(text.replace(/^“|”$/g, ''));
      if (tag === 'dt') term = text;
      yield { where: placeOf(element, parent), text, shape: shapeOf(element), numbers: [...numbersIn(element)] };
    }
  }
  yield* walk(page);
}

const isPiece = ({ tag, children }: Element): boolean => PIECES.has(tag) || children.some((child) => typeof child === 'string' && child.trim() !== '');

/** The elements around the pieces, which hold no words: sections, lists, a link around what is marked. */
const frameOf = (element: Element): string => `${tagOf(element)}${element.children.map((child) => typeof child === 'string' || isPiece(child) ? '' : frameOf(child)).join('')}`;

function* numbersIn(element: Element): Generator<Piece> {
  for (const one of elements(element)) {
    const { attributes } = one, id = attributes.get('id') ?? attributes.get('href')?.split('#')[1];
    if (isNumber(one) && id !== undefined) yield { where: `the number ${id}`, text: textOf(one), shape: shapeOf(one), numbers: [] };
  }
}

/** Whether it is a number that says which row it is of, or how it was derived. */
export const isNumber = (element: Element): boolean => hasClass(element, 'num') || (hasClass(element, 'own') && element.attributes.has('id'));

const tagOf = ({ tag, attributes }: Element): string => `<${tag}${Array.from(attributes, ([name, value]) => ` ${name}="${value}"`).join('')}>`;

const shapeOf = (element: Element): string => `${tagOf(element)}${element.children.map((child) => typeof child === 'string' ? child : shapeOf(child)).join('')}</${element.tag}>`;

const cut = (text: string): string => text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;

/** Where two texts part, with some of what stands before it. */
function apart(expected = '', found = ''): { readonly expected: string; readonly found: string } {
  let at = 0;
  while (at < expected.length && expected[at] === found[at]) at++;
  const from = Math.max(0, at - BEFORE);
  const around = (text: string): string => text === '' ? 'nothing' : text.length <= BEFORE ? text : `“${from > 0 ? '…' : ''}${text.slice(from, at + AFTER)}${text.length > at + AFTER ? '…' : ''}”`;
  return { expected: around(expected), found: around(found) };
}
const BEFORE = 60, AFTER = 100, LONGEST = 80;
