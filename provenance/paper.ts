/**
 * A paper held to the results: the macros of numbers.tex that it uses, the literals that it says are numbers of the study, and the
 * numbers.tex that it carries. TeX is read line by line, not run: what a macro of the paper's own makes of a number is not seen.
 *
 *   \bwnum{id} and its kin            the number must exist
 *   \bwcheck{id}{0.257}               the text must be the number as the site prints it: with or without its interval, or any part of it
 *   ... 0.257 ...   % bw: id          so must a number on this line be
 *   \bwdefine{id}{...}...             a numbers.tex that was copied: every part must be what it is today
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { ConfigurationError, closest } from '../stages/dag/index.ts';
import { MACROS, texOf } from '../reports/numbers-tex.ts';
import type { TexNumber } from '../reports/numbers-tex.ts';
import type { StoredNumber } from './numbers.ts';

export interface PaperFault { readonly file: string; readonly line: number; readonly what: string }

export interface PaperReport {
  readonly files: readonly string[];
  /** Uses of numbers that were looked at. */
  readonly checked: number;
  readonly faults: readonly PaperFault[];
}

/** No paper's source is larger, or in more files. */
const MOST_BYTES = 64 * 2 ** 20, MOST_FILES = 500;

/** Reads the files and all that they \input or \include. Throws ConfigurationError for one that cannot be read. */
export function checkPaper(files: readonly string[], numbers: ReadonlyMap<string, StoredNumber>): PaperReport {
  const reader = new Reader(numbers);
  for (const file of files) reader.read(file, undefined);
  return { files: [...reader.seen.values()], checked: reader.checked, faults: reader.faults };
}

const USE = /\\bw(num|value|low|high|unit|exact|n)\s*\{([^{}]*)\}/g;
const CHECK = /\\bwcheck\s*\{([^{}]*)\}\s*\{((?:[^{}]|\{[^{}]*\})*)\}/g;
const DEFINE = /^\\bwdefine\{([^{}]*)\}((?:\{(?:[^{}]|\{[^{}]*\})*\}){7})/;
const INPUT = /\\(?:input|include|subfile)\s*\{([^{}]+)\}|\\input\s+([^\s{}\\%]+)/g;
const PRAGMA = /(?<!\\)%\s*bw:\s*(\S+)\s*$/;

class Reader {
  readonly #numbers: ReadonlyMap<string, StoredNumber>;
  /** Absolute path -> as it is told. */
  readonly seen = new Map<string, string>();
  readonly faults: PaperFault[] = [];
  checked = 0;

  constructor(numbers: ReadonlyMap<string, StoredNumber>) {
    this.#numbers = numbers;
  }

  /** `from`: the file that names it, and the folder of the paper's first file, where TeX looks. */
  read(file: string, from: { readonly at: PaperFault; readonly folder: string } | undefined): void {
    const path = resolve(file);
    if (this.seen.has(path)) return;
    if (this.seen.size === MOST_FILES) throw new ConfigurationError(`${file}: the paper has more than ${MOST_FILES} files`);
    const told = relative(process.cwd(), path).startsWith('..') ? path : relative(process.cwd(), path);
    const text = textOf(path);
    if (typeof text !== 'string') {
      if (from === undefined) throw new ConfigurationError(`${file}: ${text.why}`);
      this.faults.push({ ...from.at, what: `it reads ${file}, which ${text.why.replace(/^it /, '')}` });
      return;
    }
    this.seen.set(path, told);
    const folder = from?.folder ?? dirname(path);
    text.split(/\r?\n/).forEach((line, i) => this.#line(line, { file: told, line: i + 1, what: '' }, folder));
  }

  #line(line: string, at: PaperFault, folder: string): void {
    const define = DEFINE.exec(line);
    if (define !== null) return this.#definition(define[1]!, define[2]!, at);
    const pragma = PRAGMA.exec(line)?.[1];
    const code = line.replace(/(?<!\\)%.*$/, '');
    if (pragma !== undefined) this.#literal(pragma, code, at);
    // The definitions of the macros themselves are no uses.
    if (/^\\def\\bw/.test(code)) return;
    for (const [, , id] of code.matchAll(USE)) this.#known(id!, at);
    for (const [, id, said] of code.matchAll(CHECK)) this.#said(id!, said!, at);
    for (const [, braced, bare] of code.matchAll(INPUT)) {
      const name = (braced ?? bare)!.trim();
      this.read(join(folder, extname(name) === '' ? `${name}.tex` : name), { at, folder });
    }
  }

  #known(id: string, at: PaperFault): TexNumber | undefined {
    this.checked++;
    const number = this.#numbers.get(id);
    if (number !== undefined) return texOf(number);
    const near = closest(id, this.#numbers.keys());
    this.faults.push({ ...at, what: `there is no number ${JSON.stringify(id.slice(0, 200))}${near === undefined ? '' : `; did you mean ${near}?`}` });
    return undefined;
  }

  #said(id: string, said: string, at: PaperFault): void {
    const number = this.#known(id, at);
    if (number !== undefined && !spellings(number).includes(plain(said))) this.faults.push({ ...at, what: `it says ${plain(said) || 'nothing'} for ${id}, which is ${plain(number.number)}${number.unit === '' ? '' : ` ${number.unit}`}` });
  }

  #literal(id: string, code: string, at: PaperFault): void {
    const number = this.#known(id, at);
    if (number === undefined) return;
    const here = plain(code);
    // Not as a part of another number: 0.25 is not in 10.257.
    const found = spellings(number).some((spelling) => spelling !== '' && new RegExp(`(?<![\\d.,-])${spelling.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\d]|[.,]\\d)`).test(here));
    if (!found) this.faults.push({ ...at, what: `no number on this line is that of ${id}, which is ${plain(number.number)}${number.unit === '' ? '' : ` ${number.unit}`}` });
  }

  #definition(id: string, parts: string, at: PaperFault): void {
    const number = this.#known(id, at);
    if (number === undefined) return;
    const now = MACROS.map((part) => `{${number[part]}}`).join('');
    if (now !== parts) this.faults.push({ ...at, what: `its definition of ${id} is ${parts}, and it is ${now} now: copy data/numbers.tex of the report anew` });
  }
}

/** The number as a paper may spell it: whole, its value, its ends, every digit. */
const spellings = (number: TexNumber): readonly string[] => [number.number, number.value, number.low, number.high, number.exact].map(plain);

/** What is the same to a reader: without math mode's dollars and braces, with plain signs. */
function plain(tex: string): string {
  return tex.replaceAll(/\\pm|±/g, ' +- ').replaceAll(/\\times|×/g, ' x ').replaceAll(/\\[,;:! ]|~/g, ' ').replaceAll(/\{,\}/g, ',').replaceAll(/[${}]/g, '').replaceAll(/[−–]/g, '-').replaceAll(/\\%/g, '%').replaceAll(/\s+/g, ' ').replaceAll(/(?<=\d),(?=\d{3})/g, '').trim();
}

function textOf(path: string): string | { readonly why: string } {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return { why: 'it is no file' };
    if (stat.size > MOST_BYTES) return { why: `it has ${stat.size} bytes; a source of TeX has at most ${MOST_BYTES}` };
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { why: code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${code ?? 'unknown'})` };
  }
}
