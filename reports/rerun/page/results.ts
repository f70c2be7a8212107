/** What was found, as it comes: a line a finding, and at the end what all of them come to. */
import { MARKS } from '../../verdicts.ts';
import { make } from './dom.ts';
import { summaryOf } from './summary.ts';
import type { Finding, Place, Refusal, Verdict } from '../checks.ts';

const WORDS: { readonly [verdict in Verdict]: string } = { equal: 'identical', within: 'within tolerance', differs: 'differs', note: 'not compared' };
const MARK: { readonly [verdict in Verdict]: string } = { equal: MARKS.equal, within: MARKS.within, differs: MARKS.differs, note: MARKS.none };

export class Results {
  readonly element = make('ul', { class: 'findings' });
  readonly #place: Place;
  readonly #refused: ReadonlyMap<string, Refusal>;
  readonly #done = new Map<string, { findings: Finding[]; ended: boolean }>();

  /** `refused`: checks that cannot be done here. */
  constructor(place: Place, refused: ReadonlyMap<string, Refusal>) {
    this.#place = place;
    this.#refused = refused;
  }

  get findings(): readonly Finding[] {
    return [...this.#done.values()].flatMap(({ findings }) => findings);
  }

  /** A check that the reader asked for. */
  ask(check: string): void {
    this.#done.set(check, { findings: [], ended: false });
  }

  /** A check that was asked for came to its end. */
  end(check: string): void {
    this.#done.get(check)!.ended = true;
  }

  add(check: string, finding: Finding): void {
    this.#done.get(check)!.findings.push(finding);
    const { verdict, what, detail } = finding;
    this.element.append(make('li', { class: verdict },
      make('span', { class: 'mark', 'aria-hidden': 'true' }, MARK[verdict]), make('b', {}, WORDS[verdict]), ` ${what}`, ...(detail === undefined ? [] : [make('span', { class: 'detail' }, detail)])));
  }

  summary(): string {
    return summaryOf(this.#done, this.#place, this.#refused);
  }
}
