/**
 * The GPUs of a run: which there are is asked when the first task needs one, since that may take loading a driver, and once. Each is for one task at a time, in a process that is
 * bound to it by what the pipeline says (`Gpu.environment`). Which of them are used, and why not more, is said then.
 */
import type { Gpu, Pipeline } from './types.ts';

export interface GpusInUse {
  /** That tasks have together. */
  readonly most: number;
  /** None: nobody knows which there are, and no process is bound to one. */
  readonly known: readonly Gpu[];
}

/** Where nobody says how many there are. */
export const UNKNOWN_GPUS: GpusInUse = { most: 1, known: [] };

export class RunGpus {
  readonly #pipeline: Pipeline;
  readonly #given: number | undefined;
  readonly #warn: (sentence: string) => void;
  #found: Promise<GpusInUse> | undefined;

  /** `given`: how many the run may use, where that was said. */
  constructor(pipeline: Pipeline, given: number | undefined, warn: (sentence: string) => void) {
    this.#pipeline = pipeline;
    this.#given = given;
    this.#warn = warn;
  }

  find(): Promise<GpusInUse> {
    return (this.#found ??= this.#find());
  }

  async #find(): Promise<GpusInUse> {
    const given = this.#given;
    if (given === 0) return { most: 0, known: [] };
    if (this.#pipeline.gpus === undefined) return given === undefined ? UNKNOWN_GPUS : { ...UNKNOWN_GPUS, most: given };
    const { gpus: known, told } = await this.#pipeline.gpus();
    for (const sentence of told) this.#warn(sentence);
    const there = Math.max(1, known.length);
    if (given !== undefined && given > there) this.#warn(`--gpus is ${given}, and ${there} ${there === 1 ? 'is' : 'are'} used at a time: tasks can tell no more apart here`);
    return { most: Math.min(given ?? there, there), known };
  }
}

/** The variables of a task that has this GPU, and others besides; undefined: none. */
export function boundTo(gpu: Gpu | undefined, others?: Gpu['environment']): Gpu['environment'] | undefined {
  return gpu === undefined ? others : { ...gpu.environment, ...others };
}
