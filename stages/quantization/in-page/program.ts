/**
 * The study in a page: what a page loads to compute a cell again (reports/program.ts makes the file). Models, formats, kernels and the stages' own modules
 * are those of the study; only what a page has not is stood in for (../in-page-cells.ts says what by what).
 */
import { logitsBound } from '../../../kernels/logits-bound.ts';
import { computeInPage } from '../../dag/in-page.ts';
import { run as generate } from '../generate.ts';
import { run as score } from '../score.ts';
import { run as quantize } from '../quantize.ts';
import { readJson, windowRows } from '../score-output.ts';
import { artifactRow, tensorErrorsOf } from '../tables-models.ts';
import { aggregates } from './aggregates.ts';
import { write } from './write.ts';
import { useEngine, watchLogits } from './engine.ts';
import type { PageEngine } from './engine.ts';
import type { Computed, ObjectOf, RecordedCell, Watched } from '../../dag/in-page.ts';
import type { Json, Run } from '../../dag/index.ts';
import type { QuantizeReport } from '../quantize.ts';
import type { WrittenText } from '../task-values.ts';

type Outputs = { readonly [output: string]: Uint8Array<ArrayBuffer> };
type Row = { readonly [column: string]: Json };

interface Slice { readonly params: RecordedCell['params']; readonly what: string }

/** A stage whose cells a page can compute. */
interface StageInPage {
  readonly run: Run;
  /** Rows of tables that follow from a cell's outputs alone, in the order in which they are published. */
  rows(cell: string, outputs: Outputs): { readonly [table: string]: readonly Row[] };
  /** A first part of the work, with rows that are published. */
  slice?(params: RecordedCell['params']): Slice;
  /** Less than that, for a device that takes seconds for a step: its rows are no published ones. */
  fewer?(params: RecordedCell['params']): Slice;
}

const stages: { readonly [stage: string]: StageInPage } = {
  quantize: {
    run: quantize,
    rows: (cell, { report }) => {
      const found = readJson<QuantizeReport>(report!);
      return { artifacts: [artifactRow(cell, found)], tensor_errors: [...tensorErrorsOf(cell, found)] };
    },
  },
  score: {
    run: score,
    rows: (cell, { scores }) => ({ windows: [...windowRows(cell, scores!)] }),
    // Windows are scored one by one, each from its own beginning.
    slice: (params) => ({ params: { ...params, windows: 1 }, what: 'the first window of the text' }),
    // More than the context that every score asks for.
    fewer: (params) => ({ params: { ...params, windows: 1, windowTokens: 48 }, what: 'the first 48 tokens of the text' }),
  },
  generate: {
    run: generate,
    rows: (cell, { texts }) => ({ generations: readJson<WrittenText[]>(texts!).map(({ prompt, ids, text, pieces }) => ({ prompt, text, tokens: ids.join(' '), pieces, cell })) }),
    fewer: (params) => ({ params: { ...params, newTokens: 8, prompts: [...params['prompts'] as readonly Json[]].slice(0, 1) }, what: '8 new tokens after the first prompt' }),
  },
};

/** What the program offers the page that loaded it (reports/rerun/compute.ts). */
const program = {
  stages: Object.keys(stages),
  /** `logits`: the outcome holds them too, for which there is room where a part of a cell is computed. */
  async compute(engine: PageEngine, stage: string, cell: RecordedCell, objectOf: ObjectOf, { logits = false, ...watched }: Watched & { readonly logits?: boolean }): Promise<Computed & { readonly logits?: readonly Float32Array[] }> {
    useEngine(engine);
    const ended = logits ? watchLogits() : undefined;
    try {
      const computed = await computeInPage(stages[stage]!.run, cell, objectOf, watched);
      return ended === undefined ? computed : { ...computed, logits: ended() };
    } finally {
      ended?.();
    }
  },
  /** What an engine's logits may differ by from the exact ones, as a share of the largest. */
  logitsBound: ({ params }: Pick<RecordedCell, 'params'>) => logitsBound(String(params['format'])),
  rows: (stage: string, cell: string, outputs: Outputs) => stages[stage]!.rows(cell, outputs),
  write,
  aggregates,
  slice: (stage: string, { params }: Pick<RecordedCell, 'params'>) => stages[stage]!.slice?.(params),
  fewer: (stage: string, { params }: Pick<RecordedCell, 'params'>) => stages[stage]!.fewer?.(params),
};
export type StudyProgram = typeof program;

(globalThis as { bitwidthStudy?: StudyProgram }).bitwidthStudy = program;
