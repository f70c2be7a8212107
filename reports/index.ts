/**
 * The report, composed: one cell for each page, so that only the pages whose tables changed are drawn again; the pages of
 * the cells; the exports; the assets. It knows data/schema.sql and the machinery, and nothing of the study.
 */
import { IN_PAGE_MODULES, cell, file, gather, output, records, stage } from '../stages/dag/index.ts';
import type { Cell, FolderExport, InputRef, Json, OutputRef } from '../stages/dag/index.ts';
import { tablesAt } from './page.ts';
import { allPages } from './all-pages.ts';
import { pointsOf } from './page-points.ts';
import { pages } from './pages.ts';
import type { ProgramParts } from './program.ts';
import { PAGES_PARTS, PAGES_PROGRAM } from './pages-parts.ts';
import { BULK, PACKED } from './tables.ts';

export interface ReportOptions {
  /** Table of data/schema.sql -> the NDJSON of its rows. */
  readonly tables: ReadonlyMap<string, OutputRef>;
  /** Ids of all cells that the report is about: every cell of the pipeline but the report's own. */
  readonly cells: readonly string[];
  /** Names of the formats and models of the study, known before anything ran: each has a page. */
  readonly formats: readonly string[];
  readonly models: readonly string[];
  /** What the report says of itself as a research object; without it, it says nothing. */
  readonly about?: { readonly name: string; readonly description: string; /** SPDX. */ readonly licence: string; /** The work that it begins with. */ readonly basedOn: { readonly name: string; readonly url: string; readonly author: { readonly family: string; readonly given: string }; readonly year: number }; /** Source of the pipeline, from the root. */ readonly workflow: string; /** Stage -> what it does. */ readonly stages: { readonly [stage: string]: string } };
  /** Files that say what others found when they computed this again, paths from the root. */
  readonly reproductions?: readonly string[];
  /** Names of the peers of the study: each has a page. */
  readonly peers?: readonly string[];
  /** Ids of published numbers that were wrong. */
  readonly errata?: readonly string[];
  /** Outputs in which cells say what they left out: JSON, a list of { quantity, reason }. */
  readonly omitted?: readonly OutputRef[];
  /** Cells that a page can compute again, and the program that does: its file in the site, and what it is made of. Without it pages only check what is published. */
  readonly rerun?: { readonly pipeline: string; readonly cells: readonly Cell[]; readonly program: { readonly path: string; readonly parts: ProgramParts }; readonly code: { readonly uses: readonly string[]; readonly files: readonly string[] } };
  /** The published folder, from the project's root. Default 'reports/site'. */
  readonly to?: string;
}

/** What the code identity of the report's cells needs to know: the register of pages does not count, each page does. */
export const reportBoundaries = { 'reports/pages.ts': 'register', 'reports/all-pages.ts': 'register' } as const;

/** The script of the button that computes again, and what it is made of. */
const RERUN_SCRIPT = 'assets/rerun.js', RERUN_ENTRY = 'reports/rerun/page/main.ts';

const pageStage = stage({ name: 'page', title: 'Draw the pages of the report', determinism: 'exact', module: 'reports/render.ts', outputs: ['page'] });
// Pages that show durations and machines: their bytes may differ between runs whose results are the same.
const runPageStage = stage({ ...pageStage, name: 'run-page', title: 'Draw the pages about this run', unstableOutputs: ['page'] });
const tallyStage = stage({ name: 'tally', title: 'List the cells without a result', determinism: 'exact', module: 'reports/tally.ts', outputs: ['failed', 'counts', 'accepted'], where: 'in-process' });
const cellPagesStage = stage({ name: 'cell-pages', title: 'Draw a page for each cell', determinism: 'exact', module: 'reports/cell-pages.ts', outputs: ['pages'], unstableOutputs: ['pages'] });
const exportsStage = stage({ name: 'exports', title: 'Write the tables as Parquet and CSV', determinism: 'exact', module: 'reports/exports.ts', outputs: ['files', 'sizes'] });
const databaseStage = stage({ name: 'database', title: 'Write the tables as DuckDB', determinism: 'exact', module: 'reports/database.ts', outputs: ['database', 'sizes'], unstableOutputs: ['database'] });
const numbersTexStage = stage({ name: 'numbers-tex', title: 'Write the numbers as macros for TeX', determinism: 'exact', module: 'reports/numbers-tex.ts', outputs: ['tex'] });
const ledgerStage = stage({ name: 'ledger', title: 'Hold against the records what others found', determinism: 'exact', module: 'provenance/ledger-stage.ts', outputs: ['verdicts'], where: 'in-process' });
const recordsStage = stage({ name: 'records', title: 'Write the records of all cells as data', determinism: 'exact', module: 'reports/records-file.ts', outputs: ['records'], unstableOutputs: ['records'], where: 'in-process' });
const crateStage = stage({ name: 'ro-crate', title: 'Describe the report as an RO-Crate', determinism: 'exact', module: 'reports/ro-crate.ts', outputs: ['crate'], unstableOutputs: ['crate'], where: 'in-process' });
const artifactStage = stage({ name: 'artifact', title: 'Say how to evaluate and to cite the report', determinism: 'exact', module: 'reports/artifact.ts', outputs: ['artifact'], unstableOutputs: ['artifact'], where: 'in-process' });
const drawnWithStage = stage({ name: 'drawn-with', title: 'List what the pages were drawn with', determinism: 'exact', module: 'reports/drawn-with.ts', outputs: ['list'], where: 'in-process' });
const manifestStage = stage({ name: 'manifest', title: 'List the files of the report', determinism: 'exact', module: 'reports/manifest.ts', outputs: ['manifest'], unstableOutputs: ['manifest'], where: 'in-process' });
const programStage = stage({ name: 'program', title: 'Make the programs that pages load', determinism: 'exact', module: 'reports/program.ts', outputs: ['scripts'] });
const rerunObjectsStage = stage({ name: 'rerun-objects', title: 'Publish what pages compute with', determinism: 'exact', module: 'reports/rerun-objects.ts', outputs: ['scripts', 'sizes'], where: 'in-process' });
const rerunPlanStage = stage({ name: 'rerun-plan', title: 'List what pages can compute again', determinism: 'exact', module: 'reports/rerun-plan.ts', outputs: ['plan'], where: 'in-process' });
const assetsStage = stage({ name: 'assets', title: 'Copy the style, the script and the schema', determinism: 'exact', module: 'reports/assets.ts', outputs: ['assets'], where: 'in-process' });

/** Cells of the report, and the folder it is published to. */
export function report(options: ReportOptions): { readonly cells: readonly Cell[]; readonly exports: readonly FolderExport[] } {
  const schema = file('data/schema.sql');
  const of = (tables: Iterable<string>): { [name: string]: InputRef } => {
    const inputs: { [name: string]: InputRef } = { schema };
    // Gathered, so that a table whose cell failed leaves a gap and not a missing page.
    for (const table of tables) { const ref = options.tables.get(table); if (ref) inputs[`table.${table}`] = gather([ref]); }
    return inputs;
  };
  const tally = cell(tallyStage, 'all', { inputs: { records: records(options.cells) } });
  const { formats, models, reproductions = [], omitted = [], errata = [], peers = [], about } = options;
  // Only where there are some: a study without them has the same cells as before there could be any.
  const wrong = errata.length === 0 ? {} : { errata: [...errata] };
  const ledger = reproductions.length === 0 ? [] : [cell(ledgerStage, 'all', { params: Object.fromEntries(reproductions.map((path, i) => [`entry${i}`, path])), inputs: { ...Object.fromEntries(reproductions.map((path, i) => [`entry${i}`, file(path)])), records: records(options.cells) } })];
  const verdicts = Object.fromEntries(ledger.map((one) => ['verdicts', output(one)]));
  // A table with a row for each token is ready, and written, long before the others, and takes longer.
  const [large, others] = [true, false].map((packed) => [...options.tables.keys()].filter((table) => PACKED.has(table) === packed)) as [string[], string[]];
  const exported = [cell(exportsStage, 'tables', { inputs: of(others), work: 5 }), ...large.map((table) => cell(exportsStage, table, { inputs: of([table]), work: 70 }))];
  const database = cell(databaseStage, 'results', { inputs: of(options.tables.keys()), work: 20 });
  const pageCells: Cell[] = [];
  for (const page of allPages) {
    for (const { names, params } of pointsOf(page, { formats, models, peers, errata, tables: [...options.tables.keys()], crate: about !== undefined })) {
      pageCells.push(cell(page.records ? runPageStage : pageStage, [page.name, ...Object.values(names)].join('/'), {
        params,
        inputs: { ...of(tablesAt(page, names)), failed: output(tally, 'failed'), accepted: output(tally, 'accepted'), ...verdicts, ...(page.counts ? { counts: output(tally, 'counts') } : {}), ...(page.records ? { records: records(options.cells) } : {}), ...(page.sizes ? { sizes: gather([...exported, database].map((from) => output(from, 'sizes'))) } : {}) },
        // Those that wait for the exports, or read every table, keep no other waiting.
        uses: [`reports/pages/${page.name}.ts`], batch: page.sizes || page.per === 'table' ? 'pages of data' : 'pages', work: 1.5,
      }));
    }
  }
  const gaps = omitted.length === 0 ? {} : { omitted: gather(omitted) };
  const cellPages = cell(cellPagesStage, 'all', { params: wrong, inputs: { ...of([...options.tables.keys()].filter((table) => !PACKED.has(table))), accepted: output(tally, 'accepted'), ...verdicts, ...gaps, records: records(options.cells) }, work: options.cells.length / 100 });
  const numbersTex = cell(numbersTexStage, 'all', { inputs: of([...options.tables.keys()].filter((table) => !BULK.has(table))), work: 3 });
  const assets = cell(assetsStage, 'site', { inputs: { style: file('reports/style.css'), script: file('reports/script.js'), schema } });
  const rerun = rerunCells(options, (tables) => of(tables.filter((table) => options.tables.has(table))));
  const recordsFile = cell(recordsStage, 'all', { inputs: { records: records(options.cells) } });
  const published = [...pageCells.map((c) => output(c)), output(cellPages), ...exported.map((from) => output(from, 'files')), output(database, 'database'), output(recordsFile), output(numbersTex), output(assets), ...rerun.map((one) => output(one, one.stage.outputs[0]))];
  const { workflow, ...work } = about ?? {};
  const artifact = about ? [cell(artifactStage, 'site', { params: work, inputs: { ...of(['claims']), records: records(options.cells) } })] : [];
  const drawnWith = cell(drawnWithStage, 'all', {
    params: { formats: [...formats], models: [...models], peers: [...peers], tables: Object.fromEntries([...options.tables].map(([table, from]) => [table, from.cell])), errata: [...errata], ...(about ? { about: workOf(about) } : {}) },
    inputs: { ...verdicts, ...gaps },
  });
  published.push(...artifact.map((one) => output(one)), output(drawnWith));
  const crate = workflow !== undefined ? [cell(crateStage, 'site', {
    params: work, inputs: { ...of(['sources']), workflow: file(workflow), records: records(options.cells), published: gather(published) },
  })] : [];
  published.push(...crate.map((one) => output(one)));
  const manifest = cell(manifestStage, 'site', { inputs: { published: gather(published) } });
  return {
    cells: [tally, ...ledger, ...exported, database, ...pageCells, cellPages, numbersTex, recordsFile, assets, ...rerun, drawnWith, ...artifact, ...crate, manifest],
    exports: [{ to: options.to ?? 'reports/site', from: [...published, output(manifest)] }],
  };
}

const workOf = ({ name, description, licence, basedOn }: NonNullable<ReportOptions['about']>): { [part: string]: Json } => ({ name, description, licence, basedOn: { ...basedOn } });

/** What the button of pages is made of: their own script, the study's, the objects, and the list of all that. */
function rerunCells({ rerun }: ReportOptions, tables: (names: string[]) => { readonly [name: string]: InputRef }): readonly Cell[] {
  const { cells = [], program, code, pipeline = '' } = rerun ?? {};
  const programs: readonly { readonly path: string; readonly parts: ProgramParts; readonly uses: readonly string[]; readonly files: readonly string[] }[] = [
    { path: RERUN_SCRIPT, parts: { entry: RERUN_ENTRY, instead: PAGES_PARTS.instead, absent: [] }, uses: [RERUN_ENTRY], files: IN_PAGE_MODULES },
    { path: PAGES_PROGRAM, parts: PAGES_PARTS, uses: [PAGES_PARTS.entry, ...pages.map(({ name }) => `reports/pages/${name}.ts`)], files: ['reports/pages.ts', ...IN_PAGE_MODULES] },
    ...(program === undefined ? [] : [{ ...program, uses: code?.uses ?? [], files: code?.files ?? [] }]),
  ];
  const made = programs.map(({ path, parts, uses, files }) => cell(programStage, path.replace(/^.*\/|\.js$/g, ''), {
    batch: 'programs', params: { programs: { [path]: parts as unknown as Json } }, uses,
    // Registers and the machinery, where the identity of code stops, are read as they are.
    inputs: Object.fromEntries(files.map((module) => [module.replace(/[^\w.-]/g, '_'), file(module)])),
  }));
  const read = cells.flatMap(({ inputs }) => Object.values(inputs).flatMap((input) => input.kind === 'output' ? [input] : []));
  const objects = cell(rerunObjectsStage, 'all', { inputs: { objects: gather(new Map(read.map((ref) => [`${ref.cell} ${ref.output}`, ref])).values()) } });
  const plan = cell(rerunPlanStage, 'all', {
    params: { pipeline },
    inputs: { ...tables(['windows', 'generations']), records: records(cells), objects: gather([output(objects, 'scripts')]), sizes: output(objects, 'sizes'), programs: gather(made.map((one) => output(one))) },
  });
  return [...made, objects, plan];
}
