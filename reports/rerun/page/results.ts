/** What was found, as it comes: a line a finding, and at the end what all of them come to. */
import { MARKS } from '../../verdicts.ts';
import { make } from './dom.ts';
import type { Finding, Verdict } from '../checks.ts';

const WORDS: { readonly [verdict in Verdict]: string } = { equal: 'identical', within: 'within tolerance', differs: 'differs', note: 'not compared' };
const MARK: { readonly [verdict in Verdict]: string } = { equal: MARKS.equal, within: MARKS.within, differs: MARKS.differs, note: MARKS.none };

export class Results {
  readonly element = make('ul', { class: 'findings' });
  readonly findings: Finding[] = [];

  add(finding: Finding): void {
    this.findings.push(finding);
    const { verdict, what, detail } = finding;
    this.element.append(make('li', { class: verdict },
      make('span', { class: 'mark', 'aria-hidden': 'true' }, MARK[verdict]), make('b', {}, WORDS[verdict]), ` ${what}`, ...(detail === undefined ? [] : [make('span', { class: 'detail' }, detail)])));
  }

  /** One sentence for all. */
  summary(): string {
    const count = (verdict: Verdict): number => this.findings.filter((finding) => finding.verdict === verdict).length;
    const differing = count('differs');
    if (differing > 0) return `${differing} of ${this.findings.length} findings differ: this copy of the report does not agree with itself.`;
    const unfinished = this.findings.find((finding) => finding.unfinished);
    if (unfinished !== undefined) return `Not all was compared: ${unfinished.what}. What was, agrees: ${count('equal')} identical${count('within') > 0 ? `, ${count('within')} within tolerance` : ''}.`;
    if (count('equal') + count('within') === 0) return 'Nothing was compared.';
    return `All that was compared agrees: ${count('equal')} identical${count('within') > 0 ? `, ${count('within')} within tolerance` : ''}. This copy of the report is consistent; for independence compute it from the sources with "npx bitwidth reproduce".`;
  }
}
