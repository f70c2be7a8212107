/** From decisions on models and formats to one verdict and its sentence. */
import type { Decision } from '../statistics/decide.ts';
import type { Verdict } from './types.ts';

export interface Part { readonly model: string; readonly format?: string; readonly decision: Decision }

/** A claim about all models and formats: one clear exception contradicts it, and only all together support it. */
export function combined(parts: readonly { readonly decision: Decision }[]): Verdict {
  if (parts.length === 0) return 'not testable here';
  if (parts.some(({ decision }) => decision === 'contradicted')) return 'contradicted';
  return parts.every(({ decision }) => decision === 'supported') ? 'supported' : 'inconclusive';
}

/** The parts of one model that must all hold. */
export function allOf(decisions: readonly Decision[]): Decision {
  if (decisions.includes('contradicted')) return 'contradicted';
  return decisions.every((decision) => decision === 'supported') ? 'supported' : 'inconclusive';
}

/** 'holds for nf4 and fp4 on novel-4m; fails for int8 on novel-1m'. `words`: how to say each. Formats decided alike on the same models stand together. */
export function listed(parts: readonly Part[], words: { readonly [decision in Decision]: string }): string {
  return (['supported', 'contradicted', 'inconclusive'] as const).flatMap((decision) => {
    const own = parts.filter((part) => part.decision === decision);
    return own.length === 0 ? [] : [`${words[decision]} ${places(own)}`];
  }).join('; ');
}

function places(parts: readonly Part[]): string {
  const formats = [...new Set(parts.map(({ format }) => format))];
  const byModels = new Map<string, string[]>();
  for (const format of formats) {
    const models = enumerated(parts.filter((part) => part.format === format).map(({ model }) => model));
    byModels.set(models, [...byModels.get(models) ?? [], ...format === undefined ? [] : [format]]);
  }
  return [...byModels].map(([models, own]) => own.length === 0 ? models : `${enumerated(own)} on ${models}`).join(', and ');
}

/** 'a, b and c'. */
export function enumerated(names: readonly string[]): string {
  return names.length <= 1 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

/** Begins with a capital and ends with a full stop. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
