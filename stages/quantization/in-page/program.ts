/**
 * The study in a page: what a page loads to compute a cell again (reports/program.ts makes the file). Models, formats, kernels and the stages' own modules
 * are those of the study; only what a page has not is stood in for (../in-page-cells.ts says what by what).
 */
import { computeInPage } from '../../dag/in-page.ts';
import { run as generate } from '../generate.ts';
import { run as score } from '../score.ts';
import { readJson, windowRows } from '../score-output.ts';
import { aggregates } from './aggregates.ts';
import { write } from './write.ts';
import type { Computed, RecordedCell } from '../../dag/in-page.ts';
import type { Json, Run } from '../../dag/index.ts';
import type { WrittenText } from '../task-values.ts';

type Outputs = { readonly [output: string]: Uint8Array<ArrayBuffer> };
type Row = { readonly [column: string]: Json };

/** A stage whose cells a page can compute. */
interface StageInPage {
  readonly run: Run;
  /** Rows of tables that follow from a cell's outputs alone, in the order in which they are published. */
  rows(cell: string, outputs: Outputs): { readonly [table: string]: readonly Row[] };
  /** A first part of the work, with rows of its own. */
  slice?(params: RecordedCell['params']): { readonly params: RecordedCell['params']; readonly what: string };
}

const stages: { readonly [stage: string]: StageInPage } = {
  score: {
    run: score,
    rows: (cell, { scores }) => ({ windows: [...windowRows(cell, scores!)] }),
    // Windows are scored one by one, each from its own beginning.
    slice: (params) => ({ params: { ...params, windows: 1 }, what: 'the first window of the text' }),
  },
  generate: {
    run: generate,
    rows: (cell, { texts }) => ({ generations: readJson<WrittenText[]>(texts!).map(({ prompt, ids, text }) => ({ prompt, text, tokens: ids.join(' '), cell })) }),
  },
};

/** What the program offers the page that loaded it (reports/rerun/compute.ts). */
const program = {
  stages: Object.keys(stages),
  compute: (stage: string, ...of: Parameters<typeof computeInPage> extends [Run, ...infer Rest] ? Rest : never): Promise<Computed> => computeInPage(stages[stage]!.run, ...of),
  rows: (stage: string, cell: string, outputs: Outputs) => stages[stage]!.rows(cell, outputs),
  write,
  aggregates,
  slice: (stage: string, { params }: Pick<RecordedCell, 'params'>) => stages[stage]!.slice?.(params),
};
export type StudyProgram = typeof program;

(globalThis as { bitwidthStudy?: StudyProgram }).bitwidthStudy = program;
