/**
 * Programs as a GPU is told them: the pipeline, the bind group and the words of each dispatch. Those of the last program stay, because decoding tells the same one at every
 * token, and making them takes longer than telling them.
 */
import type { Cuts, Holdings, Plan, Dispatch, Shared } from './dispatches.ts';
import { planOf, scoresKept } from './dispatches.ts';
import { planFast } from './fast-dispatches.ts';
import type { GpuContext } from './context.ts';
import { WORDS } from '../engines/program.ts';
import type { Program } from '../engines/program.ts';
import type { Held } from './memory.ts';
import { OP_STRIDE } from './pipelines.ts';
import type { Compiled } from './pipelines.ts';

/** Behind the words of an op and eight of a part: `across` in arithmetic.wgsl and fast.wgsl. */
const ACROSS_AT = WORDS + 8;

/** Buffers that every dispatch binds, by what they are for, and those that ops share. */
export type Common = 'ops' | 'workspace' | 'lists' | Shared;

export interface Step {
  readonly pipeline: GpuPipeline;
  readonly group: GpuBindGroup;
  /** Where its words begin in `ops`. */
  readonly offsets: readonly [number];
  readonly groups: Dispatch['groups'];
}

export class Steps {
  readonly #context: GpuContext;
  readonly #groups = new Map<string, GpuBindGroup>();
  #planned: { readonly words: Int32Array; readonly kept: string; readonly plan: Plan; readonly opWords: Int32Array<ArrayBuffer> } | undefined;
  #told: { readonly plan: Plan; readonly steps: readonly Step[] } | undefined;

  constructor(context: GpuContext) {
    this.#context = context;
  }

  /** A buffer was given back: nothing that names it counts. */
  forget(): void {
    this.#groups.clear();
    this.#told = undefined;
  }

  /** The plan of a program, and the words of all parts of its dispatches. `again`: those of the program before. */
  plan(program: Program, holdings: Holdings): { readonly plan: Plan; readonly opWords: Int32Array<ArrayBuffer>; readonly again: boolean } {
    const words = program.words.subarray(0, program.ops * WORDS);
    const kept = scoresKept(program).join();
    const before = this.#planned;
    if (before !== undefined && before.kept === kept && same(before.words, words)) return { plan: before.plan, opWords: before.opWords, again: true };
    const { fast, f16 } = this.#context;
    const plan = fast ? planFast(program, holdings, f16) : planOf(program, holdings);
    const opWords = wordsOf(words, plan.dispatches, holdings.cuts);
    this.#planned = { words: words.slice(), kept, plan, opWords };
    return { plan, opWords, again: false };
  }

  /** What to tell the GPU. `buffer`: those of these names now. */
  async of(plan: Plan, buffer: (name: Common) => Held): Promise<readonly Step[]> {
    if (this.#told?.plan === plan) return this.#told.steps;
    const names = plan.dispatches.map(({ kernel }) => kernel);
    await this.#context.tried?.(names);
    const kernels = await this.#context.pipelines.all(names);
    let at = 0;
    const steps = plan.dispatches.map((dispatch): Step => {
      const compiled = kernels.get(dispatch.kernel)!;
      const offsets = [at * OP_STRIDE] as const;
      at += dispatch.parts.length;
      return { pipeline: compiled.pipeline, group: this.#group(dispatch, compiled, buffer), offsets, groups: dispatch.groups };
    });
    this.#told = { plan, steps };
    return steps;
  }

  #group({ kernel, buffers }: Dispatch, { layout, opBytes }: Compiled, buffer: (name: Common) => Held): GpuBindGroup {
    const held = buffers.map((one) => (typeof one === 'string' ? buffer(one) : one));
    const key = `${kernel} ${held.map(({ id }) => id).join()}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      const entries = [
        { buffer: buffer('ops').buffer, size: opBytes }, { buffer: buffer('workspace').buffer }, { buffer: buffer('lists').buffer },
        ...held.map(({ buffer, at, bytes }) => ({ buffer, offset: at, size: bytes })),
      ];
      this.#groups.set(key, (group = this.#context.device.createBindGroup({ layout, entries: entries.map((resource, binding) => ({ binding, resource })) })));
    }
    return group;
  }
}

function same(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Of each part: the words of its op, its own, and where rows of workgroups end. */
function wordsOf(words: Int32Array, dispatches: readonly Dispatch[], { across }: Cuts): Int32Array<ArrayBuffer> {
  const stride = OP_STRIDE / 4;
  const parts = dispatches.flatMap((dispatch) => dispatch.parts);
  const all = new Int32Array(parts.length * stride);
  parts.forEach(({ op, extra }, index) => {
    all.set(words.subarray(op * WORDS, (op + 1) * WORDS), index * stride);
    all.set(extra, index * stride + WORDS);
    all[index * stride + ACROSS_AT] = across;
  });
  return all;
}
