/** The formats in which a page can write: what the plan's cells of the stage `generate` read. */
import type { Plan, PlannedCell } from './plan.ts';

/** The inputs of a model, by the names that its cells give them. */
const MODEL_INPUTS = ['config', 'weights', 'tokenizer', 'tokenizerConfig'] as const;

export interface WritableFormat {
  readonly format: string;
  /** By input: sha256. */
  readonly model: { readonly [input in (typeof MODEL_INPUTS)[number]]: string };
  /** Absent for the model's own type. */
  readonly artifact?: string;
}

/** In the plan's order; the model's own type first, which needs the fewest bytes. */
export function writableFormats(plan: Plan): readonly WritableFormat[] {
  const found = new Map<string, WritableFormat>();
  for (const { stage, params, inputs } of Object.values(plan.cells)) {
    const format = params['format'];
    if (stage !== 'generate' || typeof format !== 'string' || found.has(format) || !MODEL_INPUTS.every((name) => name in inputs)) continue;
    const model = Object.fromEntries(MODEL_INPUTS.map((name) => [name, inputs[name]!])) as WritableFormat['model'];
    found.set(format, { format, model, ...(inputs['artifact'] === undefined ? {} : { artifact: inputs['artifact'] }) });
  }
  return [...found.values()].sort((a, b) => Number(a.artifact !== undefined) - Number(b.artifact !== undefined));
}

/** The first opening that the study itself goes on from. */
export function firstPrompt(plan: Plan): string {
  const prompts = Object.values(plan.cells).find(({ stage }: PlannedCell) => stage === 'generate')?.params['prompts'];
  const first: unknown = Array.isArray(prompts) ? prompts[0] : undefined;
  return typeof first === 'object' && first !== null && 'text' in first && typeof first.text === 'string' ? first.text : '';
}

/** How many tokens two texts have in common before they part; undefined: neither has one that the other has not. */
export function partedAfter(a: readonly number[], b: readonly number[]): number | undefined {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) if (a[i] !== b[i]) return i;
  return undefined;
}
