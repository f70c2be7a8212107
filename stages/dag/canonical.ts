/** Canonical JSON: one text for one value, so that a hash of it is a name for the value. */
import type { Json } from './types.ts';

/**
 * JSON with object keys in order of UTF-16 code units and no white space. Throws TypeError, naming the place (`$.params.x`),
 * for whatever JSON.stringify would change or drop silently: NaN, infinities, -0, undefined, functions, symbols, bigints,
 * and objects that are not plain (Date, Map, typed arrays).
 */
export function canonicalJson(value: Json): string {
  return write(value, '$');
}

function write(value: unknown, place: string): string {
  switch (typeof value) {
    case 'string': return JSON.stringify(value);
    case 'boolean': return value ? 'true' : 'false';
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${place} is ${value}: only finite numbers have a canonical form`);
      if (Object.is(value, -0)) throw new TypeError(`${place} is -0, which JSON writes as 0: use 0`);
      return String(value);
    case 'object': break;
    default: throw new TypeError(`${place} is ${typeof value}: only JSON values have a canonical form`);
  }
  if (value === null) return 'null';
  if (Array.isArray(value)) {
    // Not map(): it skips holes, which would then read as nothing at all.
    let text = '[';
    for (let i = 0; i < value.length; i++) text += (i === 0 ? '' : ',') + write(value[i], `${place}[${i}]`);
    return text + ']';
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`${place} is a ${value?.constructor?.name ?? 'special object'}: only plain objects have a canonical form`);
  }
  const members = value as { readonly [key: string]: unknown };
  let text = '{';
  for (const key of Object.keys(members).sort()) {
    text += (text.length === 1 ? '' : ',') + JSON.stringify(key) + ':' + write(members[key], `${place}.${key}`);
  }
  return text + '}';
}
