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

/** 'holds for novel-10m; fails for novel-1m, novel-4m; is open for ...'. `words`: how to say each. */
export function listed(parts: readonly Part[], words: { readonly [decision in Decision]: string }): string {
  const name = ({ model, format }: Part): string => format === undefined ? model : `${format} on ${model}`;
  return (['supported', 'contradicted', 'inconclusive'] as const).flatMap((decision) => {
    const names = parts.filter((part) => part.decision === decision).map(name);
    return names.length === 0 ? [] : [`${words[decision]} ${enumerated(names)}`];
  }).join('; ');
}

/** 'a, b and c'. */
export function enumerated(names: readonly string[]): string {
  return names.length <= 1 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

/** Begins with a capital and ends with a full stop. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
