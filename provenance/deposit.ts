/** One zip to deposit at Zenodo: the report, ARTIFACT.md at the top, the study as a pack, and .zenodo.json. Equal results give equal bytes. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openResults } from '../stages/dag/index.ts';
import { ARTIFACT_FILE } from '../reports/drawn-with-file.ts';
import { packFor } from './pack.ts';
import { scan } from './scan.ts';
import { versionOf } from './publishing.ts';
import { ZENODO_FILE, zenodoText } from './zenodo.ts';
import { writeZip } from './zip-writer.ts';
import type { Pipeline } from '../stages/dag/index.ts';
import type { Author } from './authors.ts';
import type { PrivateWord } from './private-words.ts';
import type { Report } from './publishing.ts';
import type { Finding } from './scan.ts';

export interface DepositOptions {
  readonly words: readonly PrivateWord[];
  readonly creators: readonly Author[];
  /** Flags of the project's own that were given. */
  readonly flags: readonly string[];
}

export interface Deposited { readonly findings: readonly Finding[]; /** Of the study, what is not in it. */ readonly left: readonly { readonly what: string; readonly why: string }[] }

/** Writes it, whole or not at all; where something private is found, not at all. Throws ConfigurationError for a private word in the study, DamagedObject, and the file system's error. */
export async function writeDeposit(to: string, { site, files, title, description, licence, basedOn }: Report, pipeline: Pipeline, { words, creators, flags }: DepositOptions): Promise<Deposited> {
  const folder = mkdtempSync(join(dirname(to), '.bitwidth-deposit-'));
  const results = await openResults(pipeline);
  try {
    const pack = join(folder, 'study.zip');
    const { left } = await packFor(pack, results, pipeline, { words, site: false, flags });
    // The day of the results, not of the deposit: the same results make the same file.
    const published = [...results.cells.values()].flatMap(({ records }) => records.map(({ finishedAt }) => finishedAt.slice(0, 10))).sort().at(-1) ?? '1980-01-01';
    const about = { title, description, licence, published, version: versionOf(pipeline.root), basedOn };
    // Creators are named because somebody asked for it; the rest is looked through as everything is.
    const findings = await scan(ZENODO_FILE, Buffer.from(zenodoText({ ...about, creators: [] })), words);
    if (findings.length > 0) return { findings, left };
    await writeZip(to, [
      { path: ZENODO_FILE, bytes: Buffer.from(zenodoText({ ...about, creators })) },
      ...(existsSync(join(site, ARTIFACT_FILE)) ? [{ path: ARTIFACT_FILE, bytes: readFileSync(join(site, ARTIFACT_FILE)) }] : []),
      { path: 'study.zip', bytes: readFileSync(pack) },
      ...files.map((path) => ({ path: `site/${path}`, bytes: async () => readFileSync(join(site, path)) })),
    ]);
    return { findings, left };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await results.close();
  }
}
