/**
 * YAML with positions: the only file that knows the `yaml` package.
 *
 * What comes back is plain data in which every value knows its line and column, so that a mistake found later can be
 * reported where it was made. Refused here: aliases, anchors and tags (a study needs none, and an alias bomb is one),
 * keys that are not plain text or appear twice, numbers that would not survive reading (9007199254740993, 012), files
 * over 1 MB, nesting over 32 levels.
 */

import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** 1-based. */
export interface Position { readonly line: number; readonly column: number }

export interface LocatedMap {
  readonly kind: 'map';
  readonly at: Position;
  readonly entries: ReadonlyMap<string, { readonly keyAt: Position; readonly value: Located }>;
}
export interface LocatedList { readonly kind: 'list'; readonly at: Position; readonly items: readonly Located[] }
export interface LocatedScalar { readonly kind: 'scalar'; readonly at: Position; readonly value: string | number | boolean | null }
/** A value whose mistake has been reported: readers pass over it in silence. */
export interface Unreadable { readonly kind: 'unreadable'; readonly at: Position }
export type Located = LocatedMap | LocatedList | LocatedScalar | Unreadable;

/** One mistake: where, and one sentence that says what is wrong and what is allowed. */
export interface Problem { readonly file: string; readonly at: Position; readonly sentence: string }

/** Collects mistakes so that a reader of the message sees all of them at once. */
export class Problems {
  readonly found: Problem[] = [];

  add(file: string, at: Position, sentence: string): void {
    // A block that is read twice (the study, and the study under --quick) reports its mistakes once.
    const same = (other: Problem): boolean =>
      other.file === file && other.at.line === at.line && other.at.column === at.column && other.sentence === sentence;
    if (!this.found.some(same)) this.found.push({ file, at, sentence });
  }

  /** `data/study.yaml:12:9 unknown format "nf5"; ...`, one per line, in the order of the files. */
  lines(): string[] {
    const files = [...new Set(this.found.map((problem) => problem.file))];
    return [...this.found]
      .sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.at.line - b.at.line || a.at.column - b.at.column)
      .map(({ file, at, sentence }) => `${file}:${at.line}:${at.column} ${sentence}`);
  }
}

const MAX_BYTES = 1_000_000;
const MAX_DEPTH = 32;
/** What may stand in a study as a number; YAML itself would also read 012 (as 12), +1, .5, 0x10 and .inf. */
const PLAIN_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;
const START: Position = { line: 1, column: 1 };

/**
 * Reads a YAML file of the project. Mistakes go to `problems`; undefined when there is nothing usable. `file` is its path from
 * the root, used in messages.
 */
export async function readYaml(root: string, file: string, problems: Problems): Promise<Located | undefined> {
  const text = readText(root, file, problems);
  if (text === undefined) return undefined;
  const tooDeep = nestingBeyond(text);
  if (tooDeep !== undefined) {
    problems.add(file, tooDeep, `nested too deeply; at most ${MAX_DEPTH} levels are read`);
    return undefined;
  }
  const { isMap, isScalar, isSeq, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  let document: ReturnType<typeof parseDocument>;
  try {
    document = parseDocument(text, { lineCounter: lines, schema: 'core', version: '1.2', uniqueKeys: true, prettyErrors: false });
  } catch (error) {
    // The parser recurses; whatever still makes it give up is the file's fault, not the program's.
    problems.add(file, START, `cannot be read as YAML: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
  // What comes behind the first error is mostly its consequence, but for keys. Warnings are about tags, which are refused below.
  for (const [i, { code, pos, message }] of document.errors.entries()) {
    if (i === 0 || code === 'DUPLICATE_KEY') problems.add(file, positionOf(pos[0]), ADVICE[code] ?? `is not valid YAML: ${firstLine(message)}`);
  }
  if (document.errors.length > 0) return undefined;

  const convert = (node: unknown, depth: number): Located => {
    const range = (node as { range?: readonly number[] | null } | null)?.range;
    const at = range?.[0] === undefined ? START : positionOf(range[0]);
    const unreadable = (sentence: string): Unreadable => {
      problems.add(file, at, sentence);
      return { kind: 'unreadable', at };
    };
    if (depth > MAX_DEPTH) return unreadable(`nested too deeply; at most ${MAX_DEPTH} levels are read`);
    const { anchor, tag } = (node ?? {}) as { anchor?: string; tag?: string };
    if (anchor !== undefined) return unreadable('anchors (&name) are not allowed; write the value out');
    if (tag !== undefined) return unreadable(`tags (${tag}) are not allowed; write the plain value`);
    if (isMap(node)) {
      const entries = new Map<string, { keyAt: Position; value: Located }>();
      for (const pair of node.items) {
        const keyRange = (pair.key as { range?: readonly number[] | null } | null)?.range;
        const keyAt = keyRange?.[0] === undefined ? at : positionOf(keyRange[0]);
        if (!isScalar(pair.key) || typeof pair.key.value !== 'string') {
          problems.add(file, keyAt, 'a key must be plain text');
          continue;
        }
        entries.set(pair.key.value, { keyAt, value: convert(pair.value, depth + 1) });
      }
      return { kind: 'map', at, entries };
    }
    if (isSeq(node)) return { kind: 'list', at, items: node.items.map((item) => convert(item, depth + 1)) };
    if (node === null || isScalar(node)) {
      const value: unknown = node === null ? null : node.value;
      if (typeof value === 'number') {
        const source = (node as { source?: string }).source ?? String(value);
        if (!PLAIN_NUMBER.test(source)) return unreadable(`${quoted(source)} is not a plain decimal number; write digits, such as 12, 0.7 or 1e-3`);
        if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
          return unreadable(`${quoted(source)} is too large to be read exactly; at most ${Number.MAX_SAFE_INTEGER}`);
        }
        return { kind: 'scalar', at, value };
      }
      if (value === null || typeof value === 'string' || typeof value === 'boolean') return { kind: 'scalar', at, value };
      return unreadable('only text, numbers, true and false are allowed here');
    }
    return unreadable('aliases (*name) are not allowed; write the value out');
  };
  return convert(document.contents, 0);
}

/** Plain data as YAML: what readYaml() reads back as it was. */
export async function yamlText(value: object): Promise<string> {
  return (await import('yaml')).stringify(value, { lineWidth: 0, indent: 2, aliasDuplicateObjects: false });
}

/** The parser's codes of mistakes about which more can be said than its own sentence. */
const ADVICE: { readonly [code: string]: string } = {
  DUPLICATE_KEY: 'this key stands here a second time; keep one',
  TAB_AS_INDENT: 'a tab cannot indent in YAML; use spaces',
  MULTIPLE_DOCS: 'a second document begins here; keep one and take out the line ---',
  BAD_INDENT: 'is not valid YAML: the indentation differs from that of its neighbours; keys of one block begin at the same column, and brackets are closed',
  TAG_RESOLVE_FAILED: 'tags (!name) are not allowed; write the plain value',
};

/** The file's text; undefined, with a problem, when there is none that can be read. */
function readText(root: string, file: string, problems: Problems): string | undefined {
  const wrong = (sentence: string, at = START): undefined => problems.add(file, at, sentence) as undefined;
  let bytes: Buffer;
  try {
    const stat = statSync(join(root, file));
    if (!stat.isFile()) return wrong('this is no file; put the file here');
    if (stat.size > MAX_BYTES) return wrong(`the file has ${stat.size} bytes; at most ${MAX_BYTES} are read`);
    bytes = readFileSync(join(root, file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return wrong(code === 'ENOENT' ? 'the file is missing; restore it from the repository' : `the file cannot be read (${code ?? 'unknown reason'})`);
  }
  const text = bytes.toString('utf8');
  const fault = isUtf8(bytes) ? text.search(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/) : text.indexOf('\ufffd');
  if (fault < 0) return text;
  const before = text.slice(0, fault).split('\n');
  return wrong('is not plain text in UTF-8; save it as UTF-8', { line: before.length, column: before.at(-1)!.length + 1 });
}

/** Text as it can be shown in a message: quoted, bounded, control and bidirectional characters escaped. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text)
    .replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}

/**
 * Where brackets or indentation go deeper than the limit; undefined when they do not. A scan that may count brackets
 * inside quotes (nobody writes 32 of those) and that protects the recursive parser behind it.
 */
function nestingBeyond(text: string): Position | undefined {
  let open = 0;
  let line = 1;
  let lineStart = 0;
  let dashes = 0;
  let onlyDashes = true;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '\n') {
      line += 1;
      lineStart = index + 1;
      dashes = 0;
      onlyDashes = true;
      continue;
    }
    if (character === '[' || character === '{') open += 1;
    else if (character === ']' || character === '}') open = Math.max(0, open - 1);
    if (onlyDashes && (character === '-' || character === '?')) dashes += 1;
    else if (character !== ' ') onlyDashes = false;
    if (open > MAX_DEPTH || dashes > MAX_DEPTH) return { line, column: index - lineStart + 1 };
  }
  return undefined;
}
