/**
 * Why a cell has to run: its key compared, field by field, with the earlier records of the same cell. The nearest of them tells
 * the reason: after a setting was tried and taken back, that is the state before, not the one that was tried.
 */
import { canonicalJson } from './canonical.ts';
import type { CellRecord, Json, KeyFields, Reason } from './types.ts';

type Closure = { readonly [file: string]: string } | undefined;

export interface Comparison {
  readonly fields: KeyFields;
  /** The closure behind fields.code. */
  readonly closure: Closure;
  /** Input name -> the cells that changed since, as far as this run knows. */
  readonly changedCells: { readonly [input: string]: readonly string[] };
}

/** What differs from a record of the cell under another key, given the closure of that one. Empty only where the keys are equal. */
export function reasonsFor(now: Comparison, { fields: before }: CellRecord, closureBefore: Closure): readonly Reason[] {
  const reasons: Reason[] = [];
  if (before.stage !== now.fields.stage) reasons.push({ field: 'stage', before: before.stage, after: now.fields.stage });
  compare('params', before.params, now.fields.params, reasons);
  for (const name of namesOf(before.inputs, now.fields.inputs)) {
    const [old, current] = [before.inputs[name], now.fields.inputs[name]];
    if (old === current) continue;
    const what = old === undefined ? 'added' : current === undefined ? 'removed' : 'changed';
    reasons.push({ field: `input ${name} ${what}${someOf(now.changedCells[name] ?? [])}` });
  }
  if (before.code !== now.fields.code) reasons.push(...codeReasons(closureBefore, now.closure));
  compare('facts', before.facts, now.fields.facts, reasons);
  return reasons;
}

/** The shortest of several lists of reasons, the first of equals. */
export function nearest(lists: readonly (readonly Reason[])[]): readonly Reason[] {
  return lists.reduce((shortest, list) => list.length < shortest.length ? list : shortest);
}

/** One line: 'params.temperature 0.7 -> 0.8', 'code kernels/formats/nf4.ts changed', 'never computed'. */
export function reasonText({ field, before, after }: Reason): string {
  if (before === undefined && after === undefined) return field;
  if (before === undefined) return `${field} is new: ${after}`;
  return after === undefined ? `${field} is gone: was ${before}` : `${field} ${before} -> ${after}`;
}

function compare(path: string, before: Json | undefined, after: Json | undefined, reasons: Reason[]): void {
  if (isObject(before) && isObject(after)) {
    for (const name of namesOf(before, after)) compare(`${path}.${name}`, before[name], after[name], reasons);
    return;
  }
  const [old, current] = [before, after].map((value) => value === undefined ? undefined : shorten(canonicalJson(value)));
  // Long values can be alike once shortened; whether they differ is decided on the whole.
  if (before !== undefined && after !== undefined && canonicalJson(before) === canonicalJson(after)) return;
  reasons.push({ field: path, ...(old === undefined ? {} : { before: old }), ...(current === undefined ? {} : { after: current }) });
}

/** What is no hash (a package's version, a constant) says more than 'changed'. */
const SHA256 = /^[0-9a-f]{64}$/;

function codeReasons(before: Closure, after: Closure): readonly Reason[] {
  if (before === undefined || after === undefined) return [{ field: 'code changed' }];
  const reasons: Reason[] = [];
  for (const part of namesOf(before, after)) {
    const [old, current] = [before[part], after[part]];
    if (old === current) continue;
    const name = part.replace(/^package:/, '');
    if (old === undefined) reasons.push({ field: `code ${name} added` });
    else if (current === undefined) reasons.push({ field: `code ${name} removed` });
    else if (part.startsWith('package:') || !SHA256.test(old) || !SHA256.test(current)) reasons.push({ field: `code ${name}`, before: old, after: current });
    else reasons.push({ field: `code ${name} changed` });
  }
  return reasons.length > 0 ? reasons : [{ field: 'code changed' }];
}

function someOf(cells: readonly string[]): string {
  if (cells.length === 0) return '';
  return cells.length <= 2 ? ` (${cells.join(', ')})` : ` (${cells[0]} and ${cells.length - 1} more)`;
}

function namesOf(a: object, b: object): readonly string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
