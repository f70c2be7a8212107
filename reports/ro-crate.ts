/**
 * The stage `ro-crate`: the report as an RO-Crate 1.1 that says how it was made, by the profiles Process, Workflow and Provenance Run Crate 0.5
 * (workflowhub.eu): the study as a workflow, each stage as a step, one action for each stage. Cells are not told one by one: ten thousand
 * actions would be tens of megabytes that no reader of crates takes, and data/records.ndjson.gz has every one.
 */
import type { CellProvenance, Run } from '../stages/dag/index.ts';
import { crateOf } from './crate.ts';
import type { CrateFile, CrateSource } from './crate.ts';
import type { Row } from './num.ts';
import { readTables, text } from './task-tables.ts';

/** At the site's root, as the standard has it. */
export const CRATE_FILE = 'ro-crate-metadata.json';
/** The workflow lies in the crate: its source. */
export const WORKFLOW_FILE = 'data/code/pipeline.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const [records, published] = [cell.inputs['records'], cell.inputs['published']];
    const items: readonly CellProvenance[] = records?.kind === 'records' ? records.items : [];
    const files: CrateFile[] = [];
    if (published?.kind === 'gather') {
      for (const item of published.items) {
        if ('handle' in item) for (const [path, { bytes, sha256 }] of Object.entries(item.tree ?? {})) files.push({ path, bytes, sha256, cell: item.cell });
      }
    }
    const workflow = await io.input(cell, 'workflow');
    const rows = (await readTables([cell], io)).get('sources');
    const sources = rows === undefined ? [] : text(rows).split('\n').flatMap((line) => line === '' ? [] : [JSON.parse(line) as Row]).map((row): CrateSource =>
      ({ path: String(row['path']), title: String(row['title']), origin: String(row['origin']), licence: String(row['licence']), sha256: String(row['sha256']), bytes: Number(row['bytes']) }));
    const titles = new Map(Object.entries(cell.params['stages'] as { readonly [stage: string]: string }));
    const about = { name: String(cell.params['name']), description: String(cell.params['description']), licence: String(cell.params['licence']), basedOn: cell.params['basedOn'] as { readonly name: string; readonly url: string } };
    const readme = Buffer.from(readmeOf(about.name, about.description));
    const crate = crateOf({ ...about, items, files, sources, titles, workflow: { path: WORKFLOW_FILE, bytes: workflow.length }, readme });
    await io.commit(cell.id, { crate: { tree: new Map<string, Uint8Array | string>([[CRATE_FILE, `${JSON.stringify(crate, null, 1)}\n`], [WORKFLOW_FILE, workflow], ['README.md', readme]]) } });
  }
};

const readmeOf = (name: string, description: string): string => `# ${name.replaceAll(/\s+/g, ' ')}

${description}

- \`index.html\`: the report; every page works without a server and without JavaScript.
- \`data/\`: its tables as CSV, Parquet and DuckDB; \`schema.sql\` says what the columns are, \`numbers.tex\` has a macro for every number.
- \`data/records.ndjson.gz\`: how each result was computed, from what, by which code, on which machine. \`data/files.json\`: every file with its sha256.
- \`ro-crate-metadata.json\`: the same for machines, as an RO-Crate with the profiles Process, Workflow and Provenance Run Crate.
- \`data/code/pipeline.ts\`: what computed it begins there.

\`npx bitwidth check-site .\` in a clone of the project holds all of it to itself.
`;
