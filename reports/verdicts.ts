/** What others found when they computed cells again, as the report's pages read it. Made by the stage `ledger`. */
import { lit, html } from './html.ts';
import type { Html } from './html.ts';

export type Verdict = 'equal' | 'within' | 'differs' | 'outdated';

export interface Verdicts {
  /** Who computed it again, on what, when. */
  readonly entries: readonly { readonly by: string; readonly cpu: string; readonly when: string }[];
  /** Cell -> what each entry (by its place) says of it. `outdated`: of an earlier result. */
  readonly cells: { readonly [cell: string]: readonly (readonly [entry: number, verdict: Verdict])[] };
}

/** What stands beside a number: one mark for all that was found. */
export type Mark = 'equal' | 'within' | 'differs' | 'none';

export const MARKS: { readonly [mark in Mark]: string } = { equal: '✓', within: '~', differs: '≠', none: '○' };

export function markOf(verdicts: Verdicts, cell: string): Mark {
  const found = Object.hasOwn(verdicts.cells, cell) ? verdicts.cells[cell]!.map(([, verdict]) => verdict) : [];
  return (['differs', 'equal', 'within'] as const).find((one) => found.includes(one)) ?? 'none';
}

/** For the foot of a page that shows marks. */
export const legend = (): Html => html`<p class="note">${MARKS.equal} computed again by others, and equal; ${MARKS.within} computed again, and the same within its noise; ${MARKS.differs} computed again, and different; ${MARKS.none} not computed again by others yet. The page of a number's cell says by whom.</p>
`;

const WORDS: { readonly [verdict in Verdict]: string } = { equal: 'equal, byte for byte', within: 'the same within its noise', differs: 'different', outdated: 'an earlier result' };

/** Who computed a cell again, for its page. */
export function rerunList(verdicts: Verdicts | undefined, cell: string): Html {
  const found = verdicts !== undefined && Object.hasOwn(verdicts.cells, cell) ? verdicts.cells[cell]! : [];
  if (found.length === 0) return html`<p class="note">Nobody whose result was added to the study has computed it again.</p>`;
  return html`<ul>${found.map(([entry, verdict]) => {
    const { by, cpu, when } = verdicts!.entries[entry]!;
    return html`<li>${lit(by, 'name')}, ${lit(when.slice(0, 10), 'name')}, on ${lit(cpu, 'name')}: ${WORDS[verdict]}</li>
`;
  })}</ul>`;
}
