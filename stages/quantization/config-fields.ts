/**
 * Reads fields of a located YAML value, one kind each. Every reader reports what is wrong to `problems` and returns
 * undefined, so that reading goes on and all mistakes are reported at once.
 */
import { closest } from '../dag/index.ts';
import { quoted } from './config-yaml.ts';
import type { Located, LocatedList, LocatedMap, LocatedScalar, Position, Problems } from './config-yaml.ts';

/** What is read of a file, by name in messages, and where mistakes go. */
export class Reader {
  readonly file: string;
  readonly problems: Problems;

  constructor(file: string, problems: Problems) {
    this.file = file;
    this.problems = problems;
  }

  /** Reports a mistake at a value's place. */
  wrong(at: Position, sentence: string): undefined {
    this.problems.add(this.file, at, sentence);
    return undefined;
  }

  /** A mapping that has no other keys than these. `what` names it: 'the study', 'speed'. */
  map(value: Located | undefined, what: string, known: readonly string[]): LocatedMap | undefined {
    const map = this.openMap(value, what);
    for (const [key, { keyAt }] of map?.entries ?? []) {
      if (!known.includes(key)) this.wrong(keyAt, `unknown key ${quoted(key)} in ${what}; keys are ${known.join(', ')}${didYouMean(key, known)}`);
    }
    return map;
  }

  /** A mapping whose keys are names. */
  openMap(value: Located | undefined, what: string): LocatedMap | undefined {
    if (value === undefined || value.kind === 'unreadable') return undefined;
    if (value.kind === 'map') return value;
    return this.wrong(value.at, `${what} must be a mapping (key: value), not ${described(value)}`);
  }

  /** The value of a key that must be there. */
  required(map: LocatedMap | undefined, key: string, what: string): Located | undefined {
    if (map === undefined) return undefined;
    const entry = map.entries.get(key);
    if (entry === undefined) return this.wrong(map.at, `${what} lacks the key ${quoted(key)}; add it`);
    return entry.value;
  }

  /** yes or no (also true or false). */
  yesNo(value: Located | undefined, what: string): boolean | undefined {
    if (value === undefined || value.kind === 'unreadable') return undefined;
    const said = value.kind === 'scalar' ? value.value : undefined;
    if (said === true || said === 'yes') return true;
    if (said === false || said === 'no') return false;
    return this.wrong(value.at, `${what} must be yes or no, not ${described(value)}`);
  }

  /** Text of 1 to `maxCharacters` characters, on one line. */
  text(value: Located | undefined, what: string, maxCharacters = 400): string | undefined {
    if (value === undefined || value.kind === 'unreadable') return undefined;
    if (value.kind !== 'scalar' || typeof value.value !== 'string') return this.wrong(value.at, `${what} must be text, not ${described(value)}${value.kind === 'scalar' && value.value !== null ? '; put it in quotes' : ''}`);
    const text = value.value;
    if (text.trim() === '') return this.wrong(value.at, `${what} is empty; write some text`);
    if (text.length > maxCharacters) return this.wrong(value.at, `${what} has ${text.length} characters; at most ${maxCharacters} are allowed`);
    // Control and bidirectional characters would let a name show as another one.
    if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(text)) {
      return this.wrong(value.at, `${what} has a control character; write plain text on one line`);
    }
    return text;
  }

  /** A number within bounds, both allowed. `because`: where the upper one comes from, if it is not the same for every study. */
  number(value: Located | undefined, what: string, low: number, high: number, because?: string): number | undefined {
    if (value === undefined || value.kind === 'unreadable') return undefined;
    const allowed = `${low} to ${high}${because === undefined ? '' : ` (${because})`}`;
    if (value.kind !== 'scalar' || typeof value.value !== 'number') return this.wrong(value.at, `${what} must be a number from ${allowed}, not ${described(value)}`);
    const number = value.value;
    if (!(number >= low && number <= high)) return this.wrong(value.at, `${what} ${number} is out of range; allowed are ${allowed}`);
    return Object.is(number, -0) ? 0 : number;
  }

  /** A whole number within bounds, both allowed. */
  integer(value: Located | undefined, what: string, low: number, high: number, because?: string): number | undefined {
    const number = this.number(value, what, low, high, because);
    if (number === undefined || value === undefined) return undefined;
    if (!Number.isSafeInteger(number)) return this.wrong(value.at, `${what} ${number} must be a whole number from ${low} to ${high}`);
    return number;
  }

  /** One of the known names; `noun` and `nouns` are as in: unknown format "nf5"; formats are fp32, ... */
  choice(value: Located | undefined, noun: string, nouns: string, known: readonly string[]): string | undefined {
    if (value === undefined || value.kind === 'unreadable') return undefined;
    if (value.kind !== 'scalar' || typeof value.value !== 'string') return this.wrong(value.at, `a ${noun} must be a name, not ${described(value)}; ${nouns} are ${known.join(', ')}`);
    if (known.includes(value.value)) return value.value;
    return this.wrong(value.at, `unknown ${noun} ${quoted(value.value)}; ${nouns} are ${known.join(', ')}${didYouMean(value.value, known)}`);
  }

  /**
   * A list of 1 to `max` different items (by `identity`), each read by `item`. An item that cannot be read is left out
   * of the result; it has been reported.
   */
  list<T>(value: Located | undefined, what: string, max: number, item: (value: Located) => T | undefined, identity: (item: T) => string = String): T[] | undefined {
    if (value === undefined || value.kind === 'unreadable') return undefined;
    if (value.kind !== 'list') return this.wrong(value.at, `${what} must be a list, such as [a, b], not ${described(value)}`);
    if (value.items.length === 0) return this.wrong(value.at, `${what} is empty; give at least one`);
    if (value.items.length > max) return this.wrong(value.at, `${what} has ${value.items.length} items; at most ${max} are allowed`);
    const seen = new Set<string>();
    const result: T[] = [];
    for (const entry of value.items) {
      const read = item(entry);
      if (read === undefined) continue;
      const name = identity(read);
      if (seen.has(name)) this.wrong(entry.at, `${quoted(name)} stands in ${what} a second time; keep one`);
      else result.push(read);
      seen.add(name);
    }
    return result;
  }
}

/** '; did you mean "nf4"?' or nothing. */
export function didYouMean(wanted: string, known: readonly string[]): string {
  const near = closest(wanted, known);
  return near === undefined ? '' : `; did you mean ${quoted(near)}?`;
}

function described(value: LocatedMap | LocatedList | LocatedScalar): string {
  if (value.kind === 'list') return 'a list';
  if (value.kind === 'map') return 'a mapping';
  if (value.value === null) return 'nothing';
  return typeof value.value === 'string' ? `the text ${quoted(value.value)}` : String(value.value);
}
