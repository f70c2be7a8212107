/**
 * What of the study a page can compute again: cells of the smallest model whose weights may be passed on, and of the first text that may be; and what the
 * program that does so is made of.
 */
import { registerFiles } from '../../kernels/register-files.ts';
import { IN_PAGE_MODULES } from '../dag/index.ts';
import type { Cell } from '../dag/index.ts';
import type { StudyConfig, StudyModel } from './config.ts';

/** The program's own file in the site, and what it is made of (reports/program.ts). */
export const STUDY_PROGRAM = {
  path: 'assets/study.js',
  parts: {
    entry: 'stages/quantization/in-page/program.ts',
    instead: { 'stages/dag/index.ts': 'stages/dag/in-page.ts', 'stages/quantization/engine.ts': 'stages/quantization/in-page/engine.ts', 'stages/quantization/artifact-file.ts': 'stages/quantization/in-page/artifact-file.ts', 'kernels/webgpu/sources.ts': 'kernels/webgpu/sources-in-page.ts' },
    // Of chat templates, which no model has that goes into a page.
    absent: ['@huggingface/jinja'],
  },
} as const;

/** What counts into its identity: modules with all that they import, and files as they are where the identity of code stops. */
export function programFiles(): { readonly uses: readonly string[]; readonly files: readonly string[] } {
  const { registers, entries } = registerFiles();
  return {
    uses: [STUDY_PROGRAM.parts.entry, ...Object.values(STUDY_PROGRAM.parts.instead).filter((path) => !IN_PAGE_MODULES.includes(path)), ...entries],
    files: [...registers, ...IN_PAGE_MODULES],
  };
}

/** A page is no place for more. */
const MOST_PARAMETERS = 5e6;

/** The cells of `cells` that a page can compute; none where no model of the study is small enough and may be passed on. */
export function cellsInPage({ models, texts }: Pick<StudyConfig, 'models' | 'texts'>, cells: readonly Cell[]): readonly Cell[] {
  const model = [...models].filter(fitsPage).sort((a, b) => a.parametersEstimate - b.parametersEstimate)[0];
  const text = texts.find(({ redistribute }) => redistribute);
  if (model === undefined) return [];
  return cells.filter(({ stage, params, id }) => id.startsWith(`${stage.name}:${model.name}/`)
    && ((stage.name === 'quantize' && params['aliasOf'] === null && params['format'] !== params['base']) || (stage.name === 'score' && params['quantity'] === 'fidelity' && params['text'] === text?.name) || (stage.name === 'generate' && isPlain(params['prompts']))));
}

const fitsPage = ({ redistribute, parametersEstimate, files }: StudyModel): boolean => redistribute === true && parametersEstimate <= MOST_PARAMETERS && files.config !== undefined && files.weights.length === 1;

/** Openings in their own words: nothing that a chat template puts, or that is read from a text which may not be passed on. */
const isPlain = (prompts: unknown): boolean => Array.isArray(prompts) && prompts.every((prompt: { readonly text?: unknown; readonly ask?: unknown }) => typeof prompt.text === 'string' && prompt.ask === undefined);
