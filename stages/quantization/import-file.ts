/**
 * data/claimed/<name>.csv: figures that other programs gave, brought in by `bitwidth import`. They are claimed, not derived: what this study can say
 * of them ends at this file. It is checked whole whenever it is read, because it comes from outside; a line is a figure:
 *
 *   model,format,metric,value,unit,program,version,source,date,machine,conditions
 *   novel-10m,nf4,decode_tokens_per_second,61.2,tokens/s,llama.cpp,b4321,https://example.org/bench,2026-11-02,"2 cores, AVX2",batch 1
 */
import { isDay } from './calendar.ts';
import { csvFields } from './csv-lines.ts';
import { importedMetrics } from './import-metrics.ts';

/** Where imported files lie, from the project's root. */
export const IMPORT_FOLDER = 'data/claimed';
/** No dot: a number's id has the file's name as its first part. */
export const IMPORT_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
export const IMPORT_NAME_RULE = 'allowed are letters, digits, _ and -, at most 64, beginning with a letter or digit';
export const LARGEST_IMPORT_BYTES = 5_000_000;

const MOST_FIGURES = 10_000;
const LONGEST_LINE = 5_000;
const LONGEST_TEXT = 300;
/** So many mistakes are told; a file with more of them is wrong in one way. */
const MOST_MISTAKES = 20;

export const IMPORT_COLUMNS = ['model', 'format', 'metric', 'value', 'unit', 'program', 'version', 'source', 'date', 'machine', 'conditions'] as const;
type ImportColumn = (typeof IMPORT_COLUMNS)[number];
/** Columns whose fields may be empty, and which a file may lack. */
const OPTIONAL: ReadonlySet<string> = new Set(['machine', 'conditions']);

/** One figure. */
export interface ImportedFigure {
  readonly model: string;
  readonly format: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly program: string;
  readonly version: string;
  /** An address, or a citation. */
  readonly source: string;
  /** YYYY-MM-DD on which it was measured or published. */
  readonly date: string;
  /** null: of a metric that is the same on every machine. */
  readonly machine: string | null;
  /** What else it depends on: the text, the context, the batch. */
  readonly conditions: string | null;
}

/** What is wrong with a file: each with its place, what is allowed and what to do. */
export class ImportMistakes extends Error {
  override readonly name = 'ImportMistakes';
  readonly mistakes: readonly string[];
  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/;
// Controls, and what makes a text read as another: zero-width, directional and filler marks. A variation selector of emoji is none.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e01ef}]/u;
/** A spreadsheet takes such a field for a formula. */
const FORMULA = /^[=+@-]/;

/** A piece of a file, for a message. */
export const shownText = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text).replace(new RegExp(UNSEEN, 'gu'), '?');

/** Reads a file called `name` in messages. Throws ImportMistakes with all that is wrong. */
export function readImport(bytes: Uint8Array, name: string): readonly ImportedFigure[] {
  if (bytes.length > LARGEST_IMPORT_BYTES) throw new ImportMistakes([`${name} has ${bytes.length} bytes; at most ${LARGEST_IMPORT_BYTES} are taken: split the file`]);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ImportMistakes([`${name} is not valid UTF-8; save it as UTF-8`]);
  }
  const lines = text.split(/\r\n|\n|\r/).map((line, i) => ({ line, number: i + 1, where: `${name}:${i + 1}` })).filter(({ line }) => line.trim() !== '');
  const [header, ...rest] = lines;
  if (header === undefined) throw new ImportMistakes([`${name} is empty; ${FORM}`]);
  const columns = readHeader(header.line, header.where);
  if (rest.length === 0) throw new ImportMistakes([`${name} has a header and no figure; write one a line under it`]);
  if (rest.length > MOST_FIGURES) throw new ImportMistakes([`${name} has ${rest.length} figures; at most ${MOST_FIGURES} are taken: split the file`]);

  const mistakes: string[] = [];
  const figures: ImportedFigure[] = [];
  const seen = new Map<string, number>();
  for (const { line, number, where } of rest) {
    if (mistakes.length >= MOST_MISTAKES) {
      mistakes.push(`${name}: what is wrong behind that line is not told; correct these first`);
      break;
    }
    const { figure, wrong = [] } = readLine(line, columns);
    mistakes.push(...wrong.map((mistake) => `${where} ${mistake}`));
    if (figure === undefined) continue;
    const before = seen.get(identity(figure));
    if (before !== undefined) mistakes.push(`${where} is the same figure as that of line ${before}: model, format, metric, program, version, conditions and machine are alike; keep one, or say in conditions how they differ`);
    else seen.set(identity(figure), number);
    figures.push(figure);
  }
  if (mistakes.length > 0) throw new ImportMistakes(mistakes);
  return figures;
}

const FORM = `its first line names the columns: ${IMPORT_COLUMNS.join(',')}`;

/** Two figures whose numbers would have one id on the site are one: there only letters, digits and . _ + = - are told apart. */
const identity = ({ metric, model, format, program, version, conditions, machine }: ImportedFigure): string =>
  [metric, model, format, program, version, conditions, machine].flatMap((part) => part === null ? [] : [part.replace(/[^\w.+=-]/g, '-')]).join('.');

function readHeader(line: string, where: string): readonly ImportColumn[] {
  if (line.length > LONGEST_LINE) throw new ImportMistakes([`${where} has ${line.length} characters; a line has at most ${LONGEST_LINE}, and ${FORM}`]);
  const fields = csvFields(line.trim());
  if (typeof fields === 'string') throw new ImportMistakes([`${where} ${fields}`]);
  if (fields.length === 1 && /[;\t]/.test(line)) throw new ImportMistakes([`${where} separates its columns by ${line.includes(';') ? 'semicolons' : 'tabs'}; separate them by commas`]);
  const names = fields.map((field) => field.trim().toLowerCase());
  const known: ReadonlySet<string> = new Set(IMPORT_COLUMNS);
  const mistakes = [
    ...names.filter((column) => !known.has(column)).slice(0, MOST_MISTAKES).map((column) => `${where} has the column ${shownText(column)}; columns are ${IMPORT_COLUMNS.join(', ')}: take it out, or put what it says under conditions`),
    ...IMPORT_COLUMNS.filter((column) => names.indexOf(column) !== names.lastIndexOf(column)).map((column) => `${where} has the column ${column} twice; keep one`),
    ...IMPORT_COLUMNS.filter((column) => !OPTIONAL.has(column) && !names.includes(column)).map((column) => `${where} lacks the column ${column}; ${FORM}`),
  ];
  if (mistakes.length > 0) throw new ImportMistakes(mistakes);
  return names as readonly string[] as readonly ImportColumn[];
}

/** The figure, or what is wrong with its line. */
function readLine(line: string, columns: readonly ImportColumn[]): { readonly figure?: ImportedFigure; readonly wrong?: readonly string[] } {
  if (line.length > LONGEST_LINE) return { wrong: [`has ${line.length} characters; a line has at most ${LONGEST_LINE}`] };
  const fields = csvFields(line);
  if (typeof fields === 'string') return { wrong: [fields] };
  if (fields.length !== columns.length) return { wrong: [`has ${fields.length} fields, the header ${columns.length}; a field with a comma inside goes into quotes`] };
  const of = (column: ImportColumn): string => (fields[columns.indexOf(column)] ?? '').trim();
  const mistakes: string[] = [];
  const wrong = (sentence: string): void => void mistakes.push(sentence);

  for (const column of columns) {
    const field = of(column);
    if (field === '' && !OPTIONAL.has(column)) wrong(`has no ${column}; write ${WANTED[column]}`);
    else if (field.length > LONGEST_TEXT) wrong(`has a ${column} of ${field.length} characters; at most ${LONGEST_TEXT} are taken`);
    else if (UNSEEN.test(field)) wrong(`has a character in ${column} that is not seen, or turns text around (${shownText(field)}); take it out`);
    else if (column !== 'value' && FORMULA.test(field)) wrong(`has a ${column} that begins with "${field[0]}" (${shownText(field)}), which a spreadsheet takes for a formula; begin with a letter or digit`);
    else if ((column === 'model' || column === 'format') && !NAME.test(field)) wrong(`${column} is ${shownText(field)}; allowed are letters, digits and . _ -, at most 64, beginning with a letter or digit`);
  }
  const metric = importedMetrics.get(of('metric'));
  if (of('metric') !== '' && metric === undefined) wrong(`metric is ${shownText(of('metric'))}; metrics are ${[...importedMetrics.keys()].join(', ')}`);
  if (of('date') !== '' && !isDay(of('date'))) wrong(`date is ${shownText(of('date'))}; write a day as YYYY-MM-DD`);
  const address = /^([a-z][a-z0-9+.-]*):\/\//i.exec(of('source'));
  if (address !== null && !/^https?$/i.test(address[1]!)) wrong(`source is ${shownText(of('source'))}; an address begins with https:// or http://, and a citation with none`);
  else if (address !== null && /^https?:\/\/[^/?#]*@/i.test(of('source'))) wrong('source is an address with a user in it; take user and password out, since it is published');
  if (metric !== undefined) {
    if (of('unit') !== '' && of('unit') !== metric.unit) wrong(`unit is ${shownText(of('unit'))}; ${of('metric')} is in ${metric.unit}${metric.hint === undefined ? '' : ` (${metric.hint})`}`);
    if (metric.measured && of('machine') === '') wrong(`has no machine; ${of('metric')} depends on it: write processor and threads, or the accelerator`);
  }
  const text = of('value');
  const value = Number(text);
  if (text !== '' && (!NUMBER.test(text) || !Number.isFinite(value))) wrong(`value is ${shownText(text)}; write a finite number with a decimal point, such as 12.5 or 3e-4`);
  else if (text !== '' && metric !== undefined && (value < metric.least || value > metric.most)) wrong(`value is ${text}; ${of('metric')} is ${rangeOf(metric.least, metric.most)}${metric.hint === undefined ? '' : ` (${metric.hint})`}`);
  if (mistakes.length > 0) return { wrong: mistakes };
  return {
    figure: {
      model: of('model'), format: of('format'), metric: of('metric'), value, unit: of('unit'), program: of('program'), version: of('version'), source: of('source'), date: of('date'),
      machine: of('machine') || null, conditions: of('conditions') || null,
    },
  };
}

const rangeOf = (least: number, most: number): string => most < Number.MAX_VALUE ? `${least === Number.MIN_VALUE ? 'above 0, at most' : `${least} to`} ${most}` : least === Number.MIN_VALUE ? 'above 0' : `at least ${least}`;

const WANTED: { readonly [column in ImportColumn]: string } = {
  model: 'the model\'s name', format: 'the format\'s name', metric: 'what was measured', value: 'the figure', unit: 'its unit', program: 'the program that gave it', version: 'the program\'s version',
  source: 'an address or a citation that it can be looked up under', date: 'the day on which it was measured or published, YYYY-MM-DD', machine: 'the machine', conditions: 'what it depends on',
};
