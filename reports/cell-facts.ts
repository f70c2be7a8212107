/** Facts about a cell that its record holds and a reader asks for: what it depends on besides code and inputs, seeds, what was left out. */
import type { CellProvenance, Json } from '../stages/dag/index.ts';

/** Parameters whose name says that they seed a random order or noise, at any depth. */
export function seedsIn(params: { readonly [name: string]: Json }, path = ''): readonly { readonly name: string; readonly value: number | string }[] {
  return Object.entries(params).flatMap(([name, value]) => {
    const whole = path === '' ? name : `${path}.${name}`;
    if (/seed/i.test(name) && (typeof value === 'number' || typeof value === 'string')) return [{ name: whole, value }];
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? seedsIn(value as { readonly [name: string]: Json }, whole) : [];
  });
}

/** What stands in a closure for code that cannot change a result: 'arithmetic 1'. */
export const constantsOf = ({ code }: Pick<CellProvenance, 'code'>): readonly string[] =>
  Object.entries(code).flatMap(([name, value]) => name.startsWith('package:') || /^[0-9a-f]{64}$|^absent$/.test(value) ? [] : [value]);

/** Cells that it gathered and that had no result. */
export const missingFrom = ({ inputs }: Pick<CellProvenance, 'inputs'>): readonly string[] =>
  [...new Set(Object.values(inputs).flat().flatMap(({ cell, output, sha256 }) => cell !== undefined && output !== undefined && sha256 === undefined ? [cell] : []))];

/** What a cell itself says that it left out (an output named `omitted`). */
export interface Omitted { readonly quantity: string; readonly reason: string }
