/** What all findings come to, in some sentences. That a copy is consistent is said of one that was compared whole, and of no other. */
import { checks } from '../checks.ts';
import { filesCheck } from '../files.ts';
import { gpuCheck } from '../gpu.ts';
import type { Check, Finding, Place, Refusal, Verdict } from '../checks.ts';

/** A check that was asked for. */
export interface Done { readonly findings: readonly Finding[]; /** It came to its end; what it could not compare it has said. */ readonly ended: boolean }

export function summaryOf(done: ReadonlyMap<string, Done>, { cell }: Place, refused: ReadonlyMap<string, Pick<Refusal, 'because'>> = new Map()): string {
  const findings = [...done.values()].flatMap((one) => one.findings);
  const count = (verdict: Verdict): number => findings.filter((finding) => finding.verdict === verdict).length;
  const differing = count('differs');
  if (differing > 0) {
    const onGpu = done.get(gpuCheck.name)?.findings.filter(({ verdict }) => verdict === 'differs').length ?? 0;
    return `${differing} of ${findings.length} findings differ: ${onGpu === differing ? 'this computer’s GPU does not compute what WASM computes' : 'this copy of the report does not agree with itself'}.`;
  }
  const notComparedOf = (of: readonly Check[]): readonly string[] => of.flatMap((check) => notCompared(check, done.get(check.name), refused.get(check.name)) ?? []);
  const missing = notComparedOf(checks.filter(({ aside }) => !aside));
  const left = [...missing, ...notComparedOf(checks.filter(({ aside, name }) => aside && done.has(name)))];
  const not = left.length === 0 ? '' : ` Not compared: ${left.join('; ')}.`;
  if (count('equal') + count('within') === 0) return `Nothing was compared.${not}`;
  const agrees = `${left.length === 0 ? 'All that' : 'What'} was compared agrees: ${count('equal')} identical${count('within') > 0 ? `, ${count('within')} within tolerance` : ''}.`;
  if (missing.length > 0) return `${agrees}${not}`;
  // A cell's page is checked with what it rests on, not the whole report.
  return `${agrees}${not} ${cell === undefined ? 'This copy of the report is' : 'This page and what it rests on are'} consistent; for independence compute it from the sources with "npx bitwidth reproduce".`;
}

/** What of a part was not compared, with the first reason; undefined where all of it was. */
function notCompared({ name, about }: Check, done: Done | undefined, refused?: Pick<Refusal, 'because'>): string | undefined {
  if (done === undefined) return refused === undefined ? about : `${about} (${refused.because})`;
  // A signature tells who vouches for the files; each of them was compared without it.
  const why = done.findings.find(({ unfinished }) => unfinished) ?? done.findings.find(({ verdict }) => verdict === 'note' && name !== filesCheck.name);
  if (done.ended && why === undefined) return undefined;
  const reason = why === undefined ? '' : ` (${why.unfinished ? why.detail ?? why.what : why.what})`;
  return `${done.findings.some(({ verdict }) => verdict !== 'note') ? `part of ${about}` : about}${reason}`;
}
