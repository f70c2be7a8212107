/** What every way of publishing has in common: the report is up to date and agrees with itself, and nothing private is in it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError, count, openResults } from '../stages/dag/index.ts';
import { filesToPublish } from './publish.ts';
import { privateWords, surroundings } from './private-words.ts';
import { scan } from './scan.ts';
import { KEY_FILE, STATEMENT_FILE } from '../reports/statement.ts';
import type { Pipeline, Results } from '../stages/dag/index.ts';
import type { Author } from './authors.ts';
import type { PrivateWord } from './private-words.ts';
import type { Finding } from './scan.ts';

export interface Report {
  /** Absolute path of its folder. */
  readonly site: string;
  /** From the project's root, for people. */
  readonly shown: string;
  readonly files: readonly string[];
  readonly title: string;
  readonly description: string;
  readonly licence: string;
  readonly basedOn: string | undefined;
}

/** A label that tells nothing: one that nobody chose (machine.ts), or one like it ('machine-1'). */
const NEUTRAL = /^machine-[0-9a-z]{1,10}$/;

/** The report that is to leave. `anonymous`: without a signature, which is always the same signer's. Throws ConfigurationError. */
export async function reportOf(pipeline: Pipeline, { anonymous }: { readonly anonymous: boolean }): Promise<Report> {
  const [exported] = pipeline.exports;
  if (exported === undefined) throw new ConfigurationError('publish: this project publishes nothing');
  const results = await openResults(pipeline);
  try {
    const stale = [...results.cells.values()].filter((cell) => cell.stale !== undefined);
    if (stale.length > 0) throw new ConfigurationError(`publish: ${count(stale.length, 'result')} would be computed anew, such as ${stale[0]!.cell}; run "bitwidth run" first`);
    if (anonymous) refuseNames(results, 'publish');
  } finally {
    await results.close();
  }
  const site = join(pipeline.root, exported.to);
  const files = filesToPublish(site).filter((path) => !anonymous || (path !== STATEMENT_FILE && path !== KEY_FILE));
  const { params = {} } = pipeline.cells.find(({ stage }) => stage.name === 'ro-crate') ?? {};
  const said = (name: string, otherwise: string): string => (typeof params[name] === 'string' ? params[name] : otherwise);
  const { name: basedOn } = (params['basedOn'] ?? {}) as { readonly name?: string };
  return { site, shown: exported.to, files, title: said('name', pipeline.name), description: said('description', `The report of ${pipeline.name}`), licence: said('licence', 'other-open'), basedOn };
}

/** Names that people chose and that stand in records: of machines, and of who accepted a change. Throws ConfigurationError. */
export function refuseNames({ cells }: Pick<Results, 'cells'>, command: string): void {
  for (const { records, waiver } of cells.values()) {
    const telling = records.map(({ machine }) => machine).find((label) => !NEUTRAL.test(label));
    if (telling !== undefined) throw new ConfigurationError(`${command}: the machine ${JSON.stringify(telling)} has a name that somebody chose, and every record and timing says it; run the study in a fresh copy without BITWIDTH_MACHINE, or with one such as machine-1, and take that`);
    if (waiver !== undefined && !NEUTRAL.test(waiver.by)) throw new ConfigurationError(`${command}: ${JSON.stringify(waiver.by)} accepted a change, and the pages say so; withdraw that ("bitwidth accept --withdraw ${waiver.id}") and accept it again without --by, or run the study`);
  }
}

/** What must not leave: always, and for a double-blind review also who made it. */
export async function wordsToKeep(root: string, { anonymous, authors }: { readonly anonymous: boolean; readonly authors: readonly Author[] }): Promise<readonly PrivateWord[]> {
  const words = privateWords(surroundings(root));
  return anonymous ? [...words, ...await (await import('./identity-words.ts')).identityWords(root, authors)] : words;
}

/** Every byte of these files, and their names. */
export async function lookThrough(folder: string, files: readonly string[], words: readonly PrivateWord[]): Promise<{ readonly findings: readonly Finding[]; readonly bytes: number }> {
  const findings: Finding[] = [];
  let bytes = 0;
  for (const path of files) {
    const content = readFileSync(join(folder, path));
    bytes += content.length;
    findings.push(...await scan(path, Buffer.from(path), words), ...await scan(path, content, words));
  }
  return { findings, bytes };
}

/** The study's version, of its package. */
export function versionOf(root: string): string {
  try {
    return String((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version?: unknown }).version ?? '0');
  } catch {
    return '0';
  }
}

