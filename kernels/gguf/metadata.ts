/**
 * The metadata of a GGUF file: typed values by key. Lists (a vocabulary has some hundred thousand texts) are walked over when the file is
 * opened and read when they are asked for.
 */
import type { ByteSource } from '../byte-source.ts';
import { Cursor, type Refuse } from './cursor.ts';

const TYPES = ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'bool', 'string', 'array', 'uint64', 'int64', 'float64'] as const;
type ValueType = (typeof TYPES)[number];

const BYTES_OF: { readonly [type in ValueType]: number } = {
  uint8: 1, int8: 1, uint16: 2, int16: 2, uint32: 4, int32: 4, float32: 4, bool: 1, string: 8, array: 12, uint64: 8, int64: 8, float64: 8,
};

const LARGEST_KEY_BYTES = 65_535;
/** Of one text; a chat template has some kilobytes. */
const LARGEST_TEXT_BYTES = 1 << 24;
const MOST_VALUES = 65_536;

type Scalar = number | bigint | boolean | string;

/** Where a list lies in the file. */
interface List { readonly type: ValueType; readonly count: number; readonly at: number }

/** Reads a file's values in one way: the type that a key has is the file's, the type that is asked for is ours. */
export class GgufMetadata {
  readonly #source: ByteSource;
  readonly #refuse: Refuse;
  readonly #values: ReadonlyMap<string, Scalar | List>;

  constructor(source: ByteSource, refuse: Refuse, values: ReadonlyMap<string, Scalar | List>) {
    this.#source = source;
    this.#refuse = refuse;
    this.#values = values;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  keys(): Iterable<string> {
    return this.#values.keys();
  }

  /** Undefined where the key is not there; throws where it is of another type. */
  text(key: string): string | undefined {
    const value = this.#values.get(key);
    return value === undefined || typeof value === 'string' ? value : this.#mistyped(key, value, 'text');
  }

  flag(key: string): boolean | undefined {
    const value = this.#values.get(key);
    return value === undefined || typeof value === 'boolean' ? value : this.#mistyped(key, value, 'true or false');
  }

  /** A finite number. */
  number(key: string): number | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    const number = typeof value === 'bigint' ? Number(value) : value;
    return typeof number === 'number' && Number.isFinite(number) ? number : this.#mistyped(key, value, 'a finite number');
  }

  /** A whole number from 0. */
  count(key: string): number | undefined {
    const number = this.number(key);
    return number === undefined || (Number.isSafeInteger(number) && number >= 0) ? number : this.#mistyped(key, number, 'a whole number from 0');
  }

  texts(key: string): string[] | undefined {
    const list = this.#list(key, ['string'], 'a list of texts');
    return list && this.#items(list, (cursor) => cursor.text(`an item of ${quoted(key)}`, LARGEST_TEXT_BYTES));
  }

  numbers(key: string): number[] | undefined {
    const list = this.#list(key, ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'float64'], 'a list of numbers');
    return list && this.#items(list, (cursor) => readScalar(cursor, list.type, key, this.#refuse) as number);
  }

  /** How many items a list has; undefined where the key is not there, or is none. */
  length(key: string): number | undefined {
    const value = this.#values.get(key);
    return typeof value === 'object' ? value.count : undefined;
  }

  #list(key: string, types: readonly ValueType[], what: string): List | undefined {
    const value = this.#values.get(key);
    return value === undefined || (typeof value === 'object' && types.includes(value.type)) ? value : this.#mistyped(key, value, what);
  }

  #items<T>({ at, count }: List, read: (cursor: Cursor) => T): T[] {
    const cursor = new Cursor(this.#source, this.#refuse);
    cursor.position = at;
    return Array.from({ length: count }, () => read(cursor));
  }

  #mistyped(key: string, value: Scalar | List, what: string): never {
    const is = typeof value === 'object' ? `a list of ${value.type}` : `${typeof value} ${quoted(typeof value === 'bigint' ? String(value) : value)}`;
    return this.#refuse(`the metadata ${quoted(key)} is ${is}; it must be ${what}`);
  }
}

/** Reads `count` keys and values. */
export function readMetadata(cursor: Cursor, count: number, source: ByteSource, refuse: Refuse): GgufMetadata {
  const values = new Map<string, Scalar | List>();
  for (let i = 0; i < count; i++) {
    const key = cursor.text(`metadata key ${i + 1} of ${count}`, LARGEST_KEY_BYTES);
    if (key === '') refuse(`metadata key ${i + 1} is empty`);
    if (values.has(key)) refuse(`the metadata names ${quoted(key)} twice; each key may stand once`);
    const type = readType(cursor, `the type of ${quoted(key)}`, refuse);
    values.set(key, type === 'array' ? readList(cursor, key, refuse) : readScalar(cursor, type, key, refuse));
  }
  return new GgufMetadata(source, refuse, values);
}

/** How many values a file's metadata may have. */
export const MOST_METADATA_VALUES = MOST_VALUES;

function readType(cursor: Cursor, what: string, refuse: Refuse): ValueType {
  const code = cursor.u32(what);
  return TYPES[code] ?? refuse(`${what} is ${code}; known are 0 to ${TYPES.length - 1}`);
}

function readList(cursor: Cursor, key: string, refuse: Refuse): List {
  const type = readType(cursor, `the type of the items of ${quoted(key)}`, refuse);
  // A list of lists has no use in any model, and lets a few bytes ask for any depth.
  if (type === 'array') return refuse(`the metadata ${quoted(key)} is a list of lists; lists may hold numbers, texts or flags`);
  const count = cursor.count(`the number of items of ${quoted(key)}`, BYTES_OF[type]);
  const list: List = { type, count, at: cursor.position };
  if (type === 'string') for (let i = 0; i < count; i++) cursor.skip(cursor.count(`the length of item ${i + 1} of ${quoted(key)}`, 1, LARGEST_TEXT_BYTES), `item ${i + 1} of ${quoted(key)}`);
  else cursor.skip(count * BYTES_OF[type], quoted(key));
  return list;
}

function readScalar(cursor: Cursor, type: ValueType, key: string, refuse: Refuse): Scalar {
  switch (type) {
    case 'uint8': return cursor.u8(quoted(key));
    case 'int8': return cursor.i8(quoted(key));
    case 'uint16': return cursor.u16(quoted(key));
    case 'int16': return cursor.i16(quoted(key));
    case 'uint32': return cursor.u32(quoted(key));
    case 'int32': return cursor.i32(quoted(key));
    case 'float32': return cursor.f32(quoted(key));
    case 'float64': return cursor.f64(quoted(key));
    case 'uint64': return cursor.u64(quoted(key));
    case 'int64': return cursor.i64(quoted(key));
    case 'string': return cursor.text(quoted(key), LARGEST_TEXT_BYTES);
    case 'bool': {
      const byte = cursor.u8(quoted(key));
      return byte <= 1 ? byte === 1 : refuse(`the metadata ${quoted(key)} is a flag of ${byte}; 0 and 1 are allowed`);
    }
    case 'array': throw new Error('a list is no scalar');
  }
}

/** A value from a file as JSON, cut to a length that fits a message. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
