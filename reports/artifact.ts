/**
 * The stage `artifact`: for those who evaluate the study as an artifact of a paper, ARTIFACT.md (what to do first, each claim with the command that
 * computes it again and how long that takes, and what the artifact does not support), and CITATION.cff (cff 1.2.0).
 */
import type { CellProvenance, Run } from '../stages/dag/index.ts';
import { ARTIFACT_FILE, CITATION_FILE } from './drawn-with-file.ts';
import type { Row } from './num.ts';
import { readTables, text } from './task-tables.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const records = cell.inputs['records'];
    const items: readonly CellProvenance[] = records?.kind === 'records' ? records.items : [];
    const rows = (await readTables([cell], io)).get('claims');
    const claims = rows === undefined ? [] : text(rows).split('\n').flatMap((line) => line === '' ? [] : [JSON.parse(line) as Row]);
    await io.commit(cell.id, { artifact: { tree: artifactFiles(cell.params as unknown as Omit<Cited, 'date'>, claims, items) } });
  }
};

/** File -> its text. */
export function artifactFiles({ name, description, licence, basedOn }: Omit<Cited, 'date'>, claims: readonly Row[], items: readonly CellProvenance[]): ReadonlyMap<string, string> {
  const ended = items.flatMap(({ record }) => record?.finishedAt ?? []).sort().at(-1);
  return new Map([[ARTIFACT_FILE, artifactText(name, claims, items)], [CITATION_FILE, citationText({ name, description, licence, basedOn, ...(ended === undefined ? {} : { date: ended.slice(0, 10) }) })]]);
}

const word = (value: unknown): string => String(value ?? '');
/** One cell of a table of Markdown: no line break, no bar, no markup. */
const plain = (value: unknown): string => word(value).replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_{}[\]<>|#]/g, '\\$&');

/** Decided one way or the other: what a reader can hold the artifact to. */
const DECIDED = new Set(['supported', 'contradicted', 'by construction']);

export function artifactText(name: string, claims: readonly Row[], items: readonly CellProvenance[]): string {
  const minutes = minutesBehind(items);
  const decided = claims.filter(({ verdict }) => DECIDED.has(word(verdict)));
  const open = claims.filter(({ verdict }) => !DECIDED.has(word(verdict)));
  const time = (cell: unknown): string => { const n = minutes(word(cell)); return n === undefined ? '' : n < 0.1 ? 'under 0.1' : n.toFixed(1); };
  return `# ${name.replaceAll(/\s+/g, ' ')}: artifact

## Kick the tires (10 minutes at most)

Needs Node 20 or later and, to be fast, a C compiler; no GPU, no network but for the packages.

\`\`\`sh
npm ci
npm start -- --quick               # a small study, in seconds: reports/site/index.html opens in a browser
npx bitwidth reproduce --sample 20 # twenty of its results computed once more, by another engine: all equal
npm start                          # the whole study
npx bitwidth check-site reports/site
\`\`\`

The last line ends with "everything agrees". Exact results have the same bytes on every machine; timings are each machine's own.

## Claims, and how to compute each again

Minutes are of one task at a time, on the machine that wrote this; results that are there already are not computed again unless asked for.

| claim | verdict here | compute it again and compare | minutes | what to look at |
|---|---|---|---|---|
${decided.map((claim) => `| ${plain(claim['claim'])}: ${plain(claim['title'])} | ${plain(claim['verdict'])} (${plain(claim['scope'])}) | \`npx bitwidth reproduce '${word(claim['cell']).replaceAll("'", '')}' --first '${word(claim['cell']).replaceAll("'", '')}'\` | ${time(claim['cell'])} | claims.html#${plain(claim['claim'])} |
`).join('')}
Every other number of the report: \`npx bitwidth audit <number>\` says where it comes from and checks every link; its last lines name the command for it.

## What this artifact does not support

${open.length === 0 ? 'Every claim that it states is decided above.' : open.map((claim) => `- **${plain(claim['claim'])}**, ${plain(claim['title'])}: ${plain(claim['verdict'])}. ${plain(claim['sentence'])} What would change that: ${plain(claim['would_change'])}
`).join('')}`.replace(/\n*$/, '\n');
}

/** Of a cell and everything above it, in minutes; undefined where it has no result. */
function minutesBehind(items: readonly CellProvenance[]): (cell: string) => number | undefined {
  const byId = new Map(items.map((item) => [item.cell, item]));
  return (cell) => {
    if (byId.get(cell)?.record?.status !== 'done') return undefined;
    const reached = new Set([cell]);
    let ms = 0;
    // A Set's iteration reaches what is added on the way.
    for (const id of reached) {
      const item = byId.get(id);
      if (item === undefined) continue;
      ms += item.record?.durationMs ?? 0;
      for (const { cell: from } of Object.values(item.inputs).flat()) if (from !== undefined) reached.add(from);
    }
    return ms / 60_000;
  };
}

export interface Cited { readonly name: string; readonly description: string; readonly licence: string; readonly basedOn: { readonly name: string; readonly url: string; readonly author: { readonly family: string; readonly given: string }; readonly year: number }; /** YYYY-MM-DD. */ readonly date?: string }

/** JSON's strings are YAML's. */
export function citationText({ name, description, licence, basedOn, date }: Cited): string {
  const quoted = (value: string): string => JSON.stringify(value.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' '));
  return `# To name authors, put a CITATION.cff of your own into the project: this one names nobody, because the study does not say who ran it.
cff-version: 1.2.0
message: ${quoted(`If you use these results, please cite the report, and ${basedOn.name}, with which it begins.`)}
type: dataset
title: ${quoted(name)}
abstract: ${quoted(description)}
authors:
  - name: "Whoever ran this study"
license: ${licence}
${date === undefined ? '' : `date-released: "${date}"\n`}references:
  - type: article
    title: ${quoted(basedOn.name)}
    authors:
      - family-names: ${quoted(basedOn.author.family)}
        given-names: ${quoted(basedOn.author.given)}
    year: ${basedOn.year}
    url: ${quoted(basedOn.url)}
`;
}
