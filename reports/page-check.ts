/** What a site shows against what is drawn again of its tables and records: the same for a folder that is checked and for a page that checks the site it stands in. */
import { count } from '../stages/dag/index.ts';
import { isNumber, pageDiff, textDiff } from './page-diff.ts';
import { linksOf } from './page-links.ts';
import { checkNumbers } from './page-numbers.ts';
import { UnreadablePage, elements, parseHtml } from './read-html.ts';
import type { PageLink } from './page-links.ts';
import type { NamedNumbers, PageFault } from './page-numbers.ts';
import type { Redrawn } from './redraw.ts';

/** Whether a browser shows it as a page, under whatever ending. */
export const isPage = (path: string): boolean => /\.(?:x?html?|svg)$/i.test(path);

/** How one file came out. */
export interface Looked {
  /** It was drawn again, and is the same, byte for byte. */
  readonly same: boolean;
  /** That name their row. */
  readonly numbers: number;
}

/** Of all files of one site. */
export class PageCheck {
  readonly faults: PageFault[] = [];
  /** Pages that nothing draws again: a project's own. */
  readonly bare: string[] = [];
  readonly links: PageLink[] = [];
  /** Page -> what a link to it may name. */
  readonly #anchors = new Map<string, ReadonlySet<string>>();
  readonly #redrawn: Redrawn;
  readonly #numbersOf: () => NamedNumbers;
  #numbers: NamedNumbers | undefined;

  /** `numbers`: of the tables, gathered where there is a page that cannot be drawn again. */
  constructor(redrawn: Redrawn, numbers: () => NamedNumbers) {
    this.#redrawn = redrawn;
    this.#numbersOf = numbers;
  }

  async look(path: string, text: string): Promise<Looked> {
    const draw = this.#redrawn.get(path);
    const expected = draw === undefined ? undefined : await this.#drawn(path, draw);
    const looked = { same: expected === text, numbers: 0 };
    if (draw === undefined) this.bare.push(path);
    if (!path.endsWith('.html')) {
      if (expected !== undefined) this.faults.push(...textDiff(path, text, expected));
      return looked;
    }
    try {
      const page = parseHtml(text);
      this.#anchors.set(path, new Set(Array.from(elements(page), ({ attributes }) => attributes.get('id') ?? '')));
      this.links.push(...linksOf(page, path, this.faults));
      if (expected === undefined) return { ...looked, numbers: checkNumbers(page, path, this.#numbers ??= this.#numbersOf(), this.faults).length };
      this.faults.push(...pageDiff(path, text, expected));
      return { ...looked, numbers: Array.from(elements(page)).filter(isNumber).length };
    } catch (error) {
      if (!(error instanceof UnreadablePage)) throw error;
      this.faults.push({ file: path, what: error.message });
      return looked;
    }
  }

  /** Of rows and records that anybody may have written: whatever the drawing throws is a fault of theirs. */
  async #drawn(path: string, draw: () => string | Promise<string>): Promise<string | undefined> {
    try {
      return await draw();
    } catch (error) {
      this.faults.push({ file: path, what: `it cannot be drawn again from the tables and the records: ${(error as Error).message}` });
      return undefined;
    }
  }

  /** Of what there is nothing in the site, though it can be drawn. `has`: whether the site has a file. */
  async missing(has: (path: string) => boolean): Promise<void> {
    for (const [path, draw] of this.#redrawn) {
      if (has(path)) continue;
      // A page whose drawing failed when the report was written fails again.
      try { await draw(); } catch { continue; }
      this.faults.push({ file: path, what: 'missing', expected: 'a file of the site', found: 'nothing' });
    }
  }

  /** Links that lead nowhere: to a file that is not there, once with how many they are; and to an element that a page has not. */
  brokenLinks(has: (path: string) => boolean): void {
    const nowhere = new Map<string, PageLink[]>();
    for (const link of this.links) {
      const { from, to, anchor } = link;
      if (!has(to)) nowhere.set(to, [...nowhere.get(to) ?? [], link]);
      else if (anchor !== '' && this.#anchors.get(to)?.has(anchor) === false) this.faults.push({ file: from, what: 'a link', expected: `an element ${anchor} in ${to}`, found: 'none' });
    }
    for (const [to, links] of nowhere) this.faults.push({ file: links[0]!.from, what: links.length === 1 ? 'a link' : `a link, and ${count(links.length - 1, 'more link')} to the same file`, expected: 'a file of the site', found: to });
  }
}
