/** What every cell that opens a model declares. Apart from the stages' modules, so that no stage's code depends on another's. */
import { output } from '../dag/index.ts';
import type { Cell, InputRef } from '../dag/index.ts';
import type { StudyConfig, StudyModel } from './config.ts';

/** Inputs `config` and `weights`: the checkpoint. */
export function checkpointInputs(fetched: Cell): { readonly config: InputRef; readonly weights: InputRef } {
  return { config: output(fetched, 'config'), weights: output(fetched, 'weights') };
}

/** Files that count into the code of a cell that computes with a model in some formats: entries of the kernels' registers. */
export function registerEntries(model: Pick<StudyModel, 'architecture' | 'baseFormat' | 'weightCode'>, formats: readonly string[]): string[] {
  const files = [...new Set([model.baseFormat, ...formats])].map((format) => `kernels/formats/${format}.ts`);
  return [`kernels/models/${model.architecture.replaceAll('_', '-')}.ts`, ...model.weightCode, ...files];
}

/**
 * The format whose weights these are, known without computing: fp32 of a 16-bit checkpoint widens without loss. Undefined for
 * all others. The stage `quantize` holds it against the decoded weights, which must then be the base's.
 */
export function aliasOf(model: Pick<StudyModel, 'baseFormat'>, format: string): string | undefined {
  return format === 'fp32' && model.baseFormat !== 'fp32' ? model.baseFormat : undefined;
}

/** Everything of one model, by what later cells ask for. */
export interface ModelCells {
  readonly model: StudyModel;
  readonly fetched: Cell;
  /** By text. */
  readonly tokens: ReadonlyMap<string, Cell>;
  /** By format, aliases and the base among them. */
  readonly quantized: ReadonlyMap<string, Cell>;
  /** Formats that are computed: the base first, then all that are no aliases. */
  readonly computed: readonly string[];
  readonly scored: readonly Cell[];
  /** By format. */
  readonly written: ReadonlyMap<string, readonly Cell[]>;
  readonly judged: ReadonlyMap<string, readonly Cell[]>;
  /** By format, one for each set of choices. */
  readonly chosen: ReadonlyMap<string, readonly Cell[]>;
  /** The base on another engine. */
  readonly floor: Cell;
  /** On the study's own engine, and on others. */
  readonly timed: Cell;
  readonly timedOthers: readonly Cell[];
}

/** The formats of the tables: those chosen, after the own types of models that the study does not name. */
export function studyFormats({ models, formats }: StudyConfig): string[] {
  return [...new Set([...models.map(({ baseFormat }) => baseFormat).filter((base) => !formats.includes(base)), ...formats])];
}
