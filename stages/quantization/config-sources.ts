/**
 * data/sources.yaml and data/prompts.yaml: what is bundled, where it comes from, and the sha256 it is held to.
 */
import { Reader } from './config-fields.ts';
import type { Located, Problems } from './config-yaml.ts';
import type { Place } from './openings.ts';

/** A file, held to its bytes where they are known beforehand. */
export interface SourceFile {
  /** As it is recorded: its path from the project's root; of one elsewhere, what stands for that ('hf:org/name@commit/config.json'). */
  readonly path: string;
  readonly sha256?: string;
  readonly bytes?: number;
  /** The absolute path of a file outside the project. */
  readonly at?: string;
  /** Of a file that carries its tokenizer and is not here yet: the sha256 of the tokenizer.json that it stands for. */
  readonly tokenizerSha256?: string;
}

/** A file whose bytes are promised by data/sources.yaml. */
export interface PinnedFile extends SourceFile {
  readonly sha256: string;
  readonly bytes: number;
}

export interface ModelSource {
  readonly name: string;
  readonly title: string;
  readonly origin: string;
  readonly licence: string;
  /** Whether it may be passed on. What may not, and what reconstructs it, stays out of tables, packs and what is published. */
  readonly redistribute: boolean;
  /** By their usual names: 'config.json', 'model.safetensors', ... */
  readonly files: ReadonlyMap<string, PinnedFile>;
}

export interface TextSource {
  readonly name: string;
  readonly title: string;
  readonly author: string;
  readonly year: number;
  readonly origin: string;
  readonly licence: string;
  readonly redistribute: boolean;
  readonly file: PinnedFile;
}

/** What models go on from: an opening that is word for word from a text, or a question. */
export interface Prompt {
  readonly name: string;
  readonly text: string;
  /** The text that an opening is taken from. */
  readonly from?: string;
  /** Where it stands in that text, which may not be passed on: then no cell holds its words. */
  readonly place?: Place;
  /** A question: put to models that have a chat template by that template, to others as it stands. */
  readonly ask?: true;
}

/** A set of multiple-choice items. */
export interface ChoiceSet {
  readonly name: string;
  readonly title: string;
  readonly origin: string;
  readonly licence: string;
  readonly redistribute: boolean;
  /** JSONL, as choices-file.ts reads it. */
  readonly file: PinnedFile;
}

export interface Sources {
  readonly models: ReadonlyMap<string, ModelSource>;
  readonly texts: ReadonlyMap<string, TextSource>;
  readonly choices: ReadonlyMap<string, ChoiceSet>;
}

/** Names that become part of cell ids and paths. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const NAME_RULE = 'allowed are letters, digits and . _ -, at most 64, beginning with a letter or digit';

const MAX_FILE_BYTES = 2 ** 40;

/** Reads data/sources.yaml; entries with a mistake are reported and left out. */
export function readSources(root: Located | undefined, file: string, problems: Problems): Sources {
  const reader = new Reader(file, problems);
  const top = reader.map(root, 'the sources', ['models', 'texts', 'choices']);
  const models = new Map<string, ModelSource>();
  for (const [name, value] of named(reader, reader.required(top, 'models', 'the sources'), 'models')) {
    const map = reader.map(value, `model ${name}`, ['title', 'origin', 'licence', 'redistribute', 'folder', 'files']);
    const what = `model ${name}`;
    const folder = relativePath(reader, reader.required(map, 'folder', what), 'folder');
    const files = new Map<string, PinnedFile>();
    for (const [fileName, entry] of named(reader, reader.required(map, 'files', what), `files of model ${name}`)) {
      const source = sourceFile(reader, reader.map(entry, fileName, ['bytes', 'sha256']), fileName, `${folder}/${fileName}`);
      if (source !== undefined) files.set(fileName, source);
    }
    const words = described(reader, map, what);
    if (words !== undefined && folder !== undefined) models.set(name, { name, ...words, files });
  }
  const texts = new Map<string, TextSource>();
  for (const [name, value] of named(reader, reader.required(top, 'texts', 'the sources'), 'texts')) {
    const what = `text ${name}`;
    const map = reader.map(value, what, ['title', 'author', 'year', 'origin', 'licence', 'redistribute', 'file', 'bytes', 'sha256']);
    const words = described(reader, map, what);
    const author = reader.text(reader.required(map, 'author', what), 'author');
    const year = reader.integer(reader.required(map, 'year', what), 'year', -3000, 3000);
    const path = relativePath(reader, reader.required(map, 'file', what), 'file');
    const source = path === undefined ? undefined : sourceFile(reader, map, what, path);
    if (words !== undefined && author !== undefined && year !== undefined && source !== undefined) texts.set(name, { name, ...words, author, year, file: source });
  }
  const choices = new Map<string, ChoiceSet>();
  for (const [name, value] of named(reader, top?.entries.get('choices')?.value, 'choices')) {
    const what = `the choices ${name}`;
    const map = reader.map(value, what, ['title', 'origin', 'licence', 'redistribute', 'file', 'bytes', 'sha256']);
    const words = described(reader, map, what);
    const path = relativePath(reader, reader.required(map, 'file', what), 'file');
    const source = path === undefined ? undefined : sourceFile(reader, map, what, path);
    if (words !== undefined && source !== undefined) choices.set(name, { name, ...words, file: source });
  }
  return { models, texts, choices };
}

/** Reads data/prompts.yaml: each prompt is from one of `texts`, or asks something. */
export function readPrompts(root: Located | undefined, file: string, problems: Problems, texts: Sources['texts']): ReadonlyMap<string, Prompt> {
  const reader = new Reader(file, problems);
  const top = reader.map(root, 'the prompts', ['prompts']);
  const prompts = new Map<string, Prompt>();
  for (const [name, value] of named(reader, reader.required(top, 'prompts', 'the prompts file'), 'prompts')) {
    const map = reader.map(value, `prompt ${name}`, ['from', 'text', 'ask']);
    const question = map?.entries.get('ask')?.value;
    if (question !== undefined) {
      for (const other of ['from', 'text']) if (map?.entries.has(other)) reader.wrong(question.at, `prompt ${name} has both ask and ${other}; a question has \`ask\` alone, an opening \`from\` and \`text\``);
      const text = reader.text(question, 'ask', 4000);
      if (text !== undefined) prompts.set(name, { name, text, ask: true });
      continue;
    }
    const from = reader.choice(reader.required(map, 'from', `prompt ${name}`), 'text', 'texts', [...texts.keys()]);
    const text = reader.text(reader.required(map, 'text', `prompt ${name}`), 'text', 4000);
    if (from !== undefined && text !== undefined) prompts.set(name, { name, from, text });
  }
  return prompts;
}

function* named(reader: Reader, value: Located | undefined, what: string): Generator<[string, Located]> {
  for (const [name, entry] of reader.openMap(value, what)?.entries ?? []) {
    if (NAME.test(name)) yield [name, entry.value];
    else reader.wrong(entry.keyAt, `the name ${JSON.stringify(name.slice(0, 80))} cannot be used; ${NAME_RULE}`);
  }
}

function described(reader: Reader, map: Parameters<Reader['required']>[0], what: string): { title: string; origin: string; licence: string; redistribute: boolean } | undefined {
  const title = reader.text(reader.required(map, 'title', what), 'title');
  const origin = reader.text(reader.required(map, 'origin', what), 'origin');
  const licence = reader.text(reader.required(map, 'licence', what), 'licence');
  const redistribute = reader.yesNo(map?.entries.get('redistribute')?.value, 'redistribute') ?? false;
  return title === undefined || origin === undefined || licence === undefined ? undefined : { title, origin, licence, redistribute };
}

function sourceFile(reader: Reader, map: Parameters<Reader['required']>[0], what: string, path: string): PinnedFile | undefined {
  const bytes = reader.integer(reader.required(map, 'bytes', what), 'bytes', 0, MAX_FILE_BYTES);
  const at = reader.required(map, 'sha256', what);
  const sha256 = reader.text(at, 'sha256', 64);
  if (at === undefined || sha256 === undefined || bytes === undefined) return undefined;
  if (!/^[0-9a-f]{64}$/.test(sha256)) return reader.wrong(at.at, 'sha256 must be 64 lower-case hexadecimal digits');
  return { path, sha256, bytes };
}

/** A path inside the project. Returned without a closing slash. */
export function relativePath(reader: Reader, value: Located | undefined, what: string): string | undefined {
  const path = reader.text(value, what);
  if (value === undefined || path === undefined) return undefined;
  const segments = path.replace(/\/+$/, '').split('/');
  const unsafe = path.startsWith('/') || path.includes('\\') || segments.some((segment) => segment === '' || segment === '.' || segment === '..');
  if (unsafe) return reader.wrong(value.at, `${what} "${path}" must be a path inside the project, from its root, without "..": a folder elsewhere can be linked into it`);
  return segments.join('/');
}
