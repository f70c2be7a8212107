/** Makes a pack (pack-format.ts) of results. */
import { lstatSync, readFileSync } from 'node:fs';
import { ConfigurationError, byteSize, located } from '../stages/dag/index.ts';
import { BULK } from '../reports/tables.ts';
import { PACK_FORMAT, hashOf } from './pack-format.ts';
import { quotes, wordsInARow } from './quotation.ts';
import { scan } from './scan.ts';
import { rowsOf, tablesOf } from './tables.ts';
import { writeZip } from './zip-writer.ts';
import type { OutputRecord, Pipeline, ResultCell, Results, Sha256 } from '../stages/dag/index.ts';
import type { PrivateWord } from './private-words.ts';
import type { PackManifest, PackedCell, PackedFile, PackedRole } from './pack-format.ts';

/** Beside the closures of stages: what a person needs to read or run them. */
const PROJECT_FILES = ['pipeline.ts', 'package.json', 'package-lock.json', 'tsconfig.json', 'README.md', 'LICENSE', 'data/study.yaml', 'data/sources.yaml', 'data/prompts.yaml', 'data/models.lock.yaml', 'data/errata.yaml', 'data/revoked.yaml'];

/** A file of the project above this stays out: weights of this size are fetched, not sent. */
const MOST_FILE_BYTES = 256 * 2 ** 20;

export interface PackOptions {
  readonly project: Pick<Pipeline, 'root' | 'base'>;
  readonly pipeline: string;
  /** Flags of the project's own. */
  readonly flags: readonly string[];
  /** With what was published. */
  readonly site: boolean;
  /** Is shown everything before it is written; throws what shall keep it here. */
  readonly inspect?: (path: string, bytes: Uint8Array) => Promise<void>;
  /** Why a file of the project may not leave it; undefined: it may. */
  readonly refusal?: (path: string, bytes: Uint8Array) => string | undefined;
}

/** Writes it and answers what is in it. Throws DamagedObject, and the file system's error. */
export async function writePack(to: string, results: Results, options: PackOptions): Promise<PackManifest> {
  const contents = new Contents(results, options);
  contents.cells();
  contents.project();
  const tables = await contents.objects();
  if (options.site) await contents.site();
  const manifest: PackManifest = {
    format: PACK_FORMAT, pipeline: options.pipeline, run: results.run?.run ?? null, flags: options.flags, files: contents.files, tables, left: contents.left,
  };
  for (const { path, bytes } of contents.entries) await options.inspect?.(path, bytes);
  await writeZip(to, [{ path: 'pack.json', bytes: Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`) }, ...contents.entries]);
  return manifest;
}

export interface PackFor {
  /** What must not leave. */
  readonly words: readonly PrivateWord[];
  readonly site: boolean;
  readonly flags?: readonly string[];
}

/** A pack of a project's results, without what is private or may not be passed on. Throws ConfigurationError for a private word, and as writePack() does. */
export async function packFor(to: string, results: Results, pipeline: Pick<Pipeline, 'root' | 'base' | 'name'>, { words, site, flags = [] }: PackFor): Promise<PackManifest> {
  const inspect = async (path: string, bytes: Uint8Array): Promise<void> => {
    const [found] = await scan(path, bytes, words);
    if (found !== undefined) throw new ConfigurationError(`pack: ${found.where}, byte ${found.offset}: ${found.kind}: ${found.shown}; nothing was written. Take it out of what the study reads, run it again, and pack`);
  };
  const kept = await keptBack(results);
  const refusal = (path: string, bytes: Uint8Array): string | undefined => {
    if (kept.has(path)) return 'it may not be passed on (redistribute: no)';
    if (!DATA_OF_STUDY.test(path)) return undefined;
    const text = Buffer.from(bytes).toString('utf8');
    const quoted = [...kept].find((one) => quotes(text, wordsOfFile(located(pipeline, one))));
    return quoted === undefined ? undefined : `it quotes ${quoted}, which may not be passed on (redistribute: no)`;
  };
  return writePack(to, results, { inspect, refusal, project: pipeline, pipeline: pipeline.name, flags, site });
}

/** What a person writes of a study, openings of texts among it. */
const DATA_OF_STUDY = /^data\/[^/]+\.yaml$/;

/** Files from outside that may not be passed on, as the table of sources has them. */
async function keptBack(results: Results): Promise<ReadonlySet<string>> {
  const table = tablesOf(results).get('sources');
  const rows = table === undefined ? [] : await rowsOf(results, table);
  return new Set(rows.flatMap(({ path, redistribute }) => (redistribute === true ? [] : [String(path)])));
}

/** Of a text; of what is none, or is not in the project, nothing. */
function wordsOfFile(path: string): string {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true || stat.size > MOST_FILE_BYTES || !/\.(?:txt|jsonl?|md|csv|tsv)$/.test(path)) return '';
  return wordsInARow(readFileSync(path, 'utf8'));
}

class Contents {
  readonly #results: Results;
  readonly #options: PackOptions;
  readonly files: PackedFile[] = [];
  readonly entries: { readonly path: string; readonly bytes: Uint8Array }[] = [];
  readonly left: { what: string; why: string }[] = [];
  readonly #paths = new Set<string>();

  constructor(results: Results, options: PackOptions) {
    this.#results = results;
    this.#options = options;
  }

  cells(): void {
    const cells = [...this.#results.cells.values()];
    this.#add('cells.ndjson', cells.map((cell) => `${JSON.stringify(packed(cell))}\n`).join(''), 'list');
    const closures = Object.fromEntries(cells.flatMap(({ record, code }) => record === undefined ? [] : [[record.fields.code, code] as const]).sort(([a], [b]) => a < b ? -1 : 1));
    this.#add('closures.json', `${JSON.stringify(closures, null, 1)}\n`, 'list');
    const used = new Set(cells.flatMap(({ records }) => records.map(({ machine }) => machine)));
    this.#add('machines.json', `${JSON.stringify(Object.fromEntries([...this.#results.machines].filter(([label]) => used.has(label))), null, 1)}\n`, 'list');
  }

  /** The files that were read, with the bytes that were read, and the sources. */
  project(): void {
    const read = new Map<string, string | undefined>();
    const sources = new Map<string, boolean>(PROJECT_FILES.map((path) => [path, true]));
    for (const { inputs, record, code, codeToday } of this.#results.cells.values()) {
      for (const { file, sha256 } of Object.values(inputs).flat()) if (file !== undefined) read.set(file, sha256);
      if (record === undefined) continue;
      for (const [path, hash] of Object.entries(code)) if (!path.startsWith('package:') && !path.endsWith('/')) sources.set(path, (sources.get(path) ?? true) && codeToday?.[path] === hash);
    }
    for (const [path, sha256] of [...read].sort(([a], [b]) => a < b ? -1 : 1)) this.#projectFile(path, 'input', (bytes) => sha256 === undefined || hashOf(bytes) === sha256);
    for (const [path, same] of [...sources].sort(([a], [b]) => a < b ? -1 : 1)) this.#projectFile(path, 'code', () => same);
  }

  /** Timings, and the tables that are not large; answers where the tables are. */
  async objects(): Promise<PackManifest['tables']> {
    for (const { determinism, records } of this.#results.cells.values()) {
      if (determinism !== 'measured') continue;
      for (const { outputs } of records) for (const output of Object.values(outputs)) await this.#object(output);
    }
    const tables: { [table: string]: Sha256 } = {};
    for (const { table, output } of tablesOf(this.#results).values()) {
      if (BULK.has(table)) continue;
      await this.#object(output);
      tables[table] = output.sha256;
    }
    return tables;
  }

  async site(): Promise<void> {
    for (const { from } of this.#results.exports) {
      for (const { cell, output } of from) {
        const record = this.#results.cells.get(cell)?.record?.outputs[output];
        if (record === undefined) {
          this.left.push({ what: `site: ${output} of ${cell}`, why: 'it has no result' });
          continue;
        }
        const files = record.tree === true ? Object.entries(this.#results.tree(record).tree) : [[output, this.#results.handle(record)] as const];
        for (const [path, handle] of files) this.#add(`site/${path}`, await this.#results.read(handle), 'site');
      }
    }
  }

  #projectFile(path: string, role: 'input' | 'code', isSame: (bytes: Uint8Array) => boolean): void {
    const file = located(this.#options.project, path);
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat?.isFile() !== true) {
      if (!PROJECT_FILES.includes(path)) this.left.push({ what: path, why: 'it is not in the project any more' });
      return;
    }
    if (stat.size > MOST_FILE_BYTES) return void this.left.push({ what: path, why: `it has ${byteSize(stat.size)}` });
    const bytes = readFileSync(file);
    const refusal = this.#options.refusal?.(path, bytes);
    if (refusal !== undefined) this.left.push({ what: path, why: refusal });
    else if (isSame(bytes)) this.#add(`project/${path}`, bytes, role);
    else this.left.push({ what: path, why: 'it is not as it was when the results were computed' });
  }

  /** A folder's files are named by their hashes, as the store names them; its list is not needed. */
  async #object(output: OutputRecord): Promise<void> {
    const handles = output.tree === true ? Object.values(this.#results.tree(output).tree) : [this.#results.handle(output)];
    for (const handle of handles) this.#add(`objects/${handle.sha256}`, await this.#results.read(handle), 'object');
  }

  #add(path: string, content: Uint8Array | string, role: PackedRole): void {
    if (this.#paths.has(path)) return;
    this.#paths.add(path);
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    this.files.push({ path, sha256: hashOf(bytes), bytes: bytes.length, role });
    this.entries.push({ path, bytes });
  }
}

/** The record that stands for a cell, without what is of no use elsewhere. */
function packed({ cell, stage, determinism, params, inputs, compared, record, failure, waiver }: ResultCell): PackedCell {
  const known = record?.status === 'done' ? record : undefined;
  const why = failure ?? record?.failure;
  return {
    cell, stage, determinism, params, inputs, compared,
    ...(known === undefined ? {} : { record: {
      key: known.key, fields: known.fields, outputs: known.outputs, ...(known.computedBy === undefined ? {} : { computedBy: known.computedBy }),
      durationMs: known.durationMs, finishedAt: known.finishedAt, machine: known.machine, run: known.run,
    } }),
    ...(why === undefined ? {} : { failure: why }),
    ...(waiver === undefined ? {} : { waiver: `${waiver.because} (${waiver.id}, ${waiver.at}): ${waiver.causes.join('; ')}` }),
  };
}
