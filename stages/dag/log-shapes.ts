/**
 * What may stand in a line of the log: a checksum shows that it is what was written, not that a friend wrote it. (That the hash of an object is one
 * is seen where a path is made of it.)
 */
import type { Origin } from './cache/entry.ts';
import type { LogBodies } from './records.ts';
import { isSha256 } from './sha256.ts';
import type { Decision } from './store.ts';
import type { CellRecord, OutputRecord, Sha256 } from './types.ts';

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isName(value: unknown): value is Sha256 {
  return typeof value === 'string' && isSha256(value);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isOutput(value: unknown): value is OutputRecord {
  return isObject(value) && typeof value['sha256'] === 'string' && isSize(value['bytes']);
}

export function isRecord(value: unknown): value is CellRecord {
  return isObject(value) && typeof value['cell'] === 'string' && typeof value['key'] === 'string' && isObject(value['fields'])
    && (value['status'] === 'done' || value['status'] === 'failed') && typeof value['finishedAt'] === 'string'
    && typeof value['machine'] === 'string' && isObject(value['outputs']) && Object.values(value['outputs']).every(isOutput);
}

export function isPack(value: unknown): value is LogBodies['pack'] {
  return isObject(value) && isName(value['pack']) && isSize(value['bytes']) && Array.isArray(value['objects'])
    && value['objects'].every(entry => Array.isArray(entry) && typeof entry[0] === 'string' && isSize(entry[1]) && isSize(entry[2]));
}

export function isAside(value: unknown): value is LogBodies['aside'] {
  return isObject(value) && isName(value['sha256']) && typeof value['at'] === 'string';
}

export function isRemoved(value: unknown): value is LogBodies['removed'] {
  return isObject(value) && typeof value['at'] === 'string' && Array.isArray(value['objects']) && value['objects'].every(isName);
}

export function isWithdrawn(value: unknown): value is LogBodies['withdrawn'] {
  return isObject(value) && typeof value['waiver'] === 'string';
}

export function isNoted(value: unknown): value is LogBodies['noted'] {
  return isObject(value) && typeof value['file'] === 'string' && isSize(value['offset']);
}

export function isRun(value: unknown): value is LogBodies['run'] {
  return isObject(value) && typeof value['run'] === 'string' && isSize(value['format']) && typeof value['startedAt'] === 'string';
}

export function isOrigin(value: unknown): value is Origin {
  return isObject(value) && typeof value['run'] === 'string' && typeof value['startedAt'] === 'string' && typeof value['machine'] === 'string' && isObject(value['description']) && isObject(value['about']);
}

export function isRuling(value: unknown): value is LogBodies['ruling'] {
  return isObject(value) && isName(value['key']) && typeof value['at'] === 'string';
}

export function isEnd(value: unknown): value is LogBodies['end'] {
  return isObject(value) && typeof value['run'] === 'string' && isObject(value['counts']);
}

export function isClosure(value: unknown): value is LogBodies['closure'] {
  return isObject(value) && typeof value['hash'] === 'string' && isObject(value['files']);
}

export function isDecision(value: unknown): value is Decision {
  return isObject(value) && typeof value['cell'] === 'string' && Array.isArray(value['reasons']);
}
