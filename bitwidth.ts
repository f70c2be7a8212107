/**
 * The front door of the package: the study of a project's data/study.yaml, from fetching weights to the report.
 *
 *   fetch -> tokenize, quantize -> score, generate, speed -> summarize -> claims -> tabulate -> report
 *
 * The only place where the machinery, the study, the report and what is told of their provenance meet.
 */
import { fileURLToPath } from 'node:url';
import { ARITHMETIC_VERSION } from './kernels/index.ts';
import { crosscheckEntry, ledgerFiles, provenanceCommands, publishingEntries } from './provenance/index.ts';
import { report, reportBoundaries } from './reports/index.ts';
import { commandLine, isConfigurationError, output, pipeline, S3_SECRET_VARIABLES, withhold } from './stages/dag/index.ts';
import { cellsInPage, citedAuthors, ENGINE_VARIABLE, hubLeave, machineGpus, nativeCell, nativeCheckCell, nativeOn, programFiles, readErrata, readRevoked, readStudy, refuseWrongGpu, SECRET_VARIABLES, STUDY_PROGRAM, study, studyCluster, studyEnvironment, studyPeers, timedGpus } from './stages/quantization/index.ts';
import type { Asked, Cell, Pipeline } from './stages/dag/index.ts';

/** Where this package is: its files stand in for those that a project made with it does not have. */
const OWN = fileURLToPath(new URL('.', import.meta.url)).replace(/\/$/, '');

/** Where the identity of a result's code stops: what lies behind cannot change its bytes, or is named by the cell itself. */
const boundaries = {
  // A cell names the formats, the architecture and the kind of weight file that it uses; the others are none of its business.
  'kernels/formats.ts': 'register',
  'kernels/models.ts': 'register',
  'kernels/weight-files.ts': 'register',
  'kernels/gguf/architectures.ts': 'register',
  // A cell names its peer.
  'stages/quantization/peers.ts': 'register',
  // Every canonical engine computes what this version of docs/arithmetic.md says, bit for bit.
  'kernels/engines.ts': { constant: `arithmetic ${ARITHMETIC_VERSION}` },
  // How cells are scheduled and stored is not what they compute.
  'stages/dag/': { constant: 'task contract 1' },
  // However a model comes here: its bytes are held to the sha256 that its cell names.
  'stages/quantization/hub/': { constant: 'held to sha256' },
  ...reportBoundaries,
} as const;

/** What a project adds in its pipeline.ts. Formats and pages of its own are files of it: docs/own-study.md. */
export interface Additions {
  /** Cells of stages of one's own, given those of the study. They are run with it, and the report has them. */
  readonly cells?: (study: readonly Cell[]) => readonly Cell[];
}

/** The pipeline of the study as it stands in the files; `quick`: of its `quick:` block; `asked`: the command that it is for, which may be one that looks models up. */
export async function studyPipeline(root: string, flags: { readonly quick: boolean }, additions: Additions = {}, asked?: Asked): Promise<Pipeline> {
  try {
    return await composed(root, flags, additions, asked);
  } catch (error) {
    if (asked?.command !== 'doctor' || !isConfigurationError(error)) throw error;
    // What the machine has can be told all the same.
    return pipeline({ name: 'bitwidth', root, cells: [], doctor: machineChecks(asked), mistake: error.message });
  }
}

async function composed(root: string, { quick }: { readonly quick: boolean }, { cells: added }: Additions, asked: Asked | undefined): Promise<Pipeline> {
  // Before anything is started that would inherit them.
  withhold([...SECRET_VARIABLES, ...S3_SECRET_VARIABLES]);
  const hub = hubLeave(asked);
  const config = await readStudy(root, { quick, ...(hub === undefined ? {} : { hub }) });
  // Of a package that was installed also what is known of its own builds.
  const revoked = [...await readRevoked(root), ...(root === OWN ? [] : await readRevoked(OWN))];
  Object.assign(process.env, studyEnvironment(config.engine, revoked));
  await refuseWrongGpu(config, asked);
  const native = nativeOn(config, await nativeCell());
  const library = nativeCheckCell(native);
  const errata = await readErrata(root);
  const { cells: own, tables, formats } = study(config, library, errata, await studyPeers(config, asked), await timedGpus(config, asked));
  const cells = [...own, ...(added?.(own) ?? [])];
  const site = report({
    tables, cells: cells.map(({ id }) => id), formats, models: config.models.map(({ name }) => name), reproductions: ledgerFiles(root), errata: errata.map(({ number }) => number), peers: config.peers.map(({ name }) => name),
    about: {
      name: config.title, description: 'A study of weight quantization of language models, regenerated with one command: every number leads to the bytes it came from.', licence: 'Apache-2.0',
      basedOn: { name: 'arXiv 2309.05210', url: 'https://arxiv.org/abs/2309.05210', author: { family: 'Roy', given: 'S.' }, year: 2023 },
      workflow: 'pipeline.ts', stages: Object.fromEntries(cells.map(({ stage }) => [stage.name, stage.title])),
    },
    rerun: { pipeline: 'bitwidth', cells: cellsInPage(config, own), program: STUDY_PROGRAM, code: programFiles() },
    omitted: cells.filter(({ stage }) => stage.outputs.includes('omitted')).map((one) => output(one, 'omitted')),
  });
  return pipeline({
    name: 'bitwidth',
    root,
    ...(root === OWN ? {} : { base: OWN }),
    ...studyCluster(config, native, revoked),
    cells: [native, library, ...cells, ...site.cells],
    boundaries,
    exports: site.exports,
    closing: ['The report: reports/site/index.html'],
    revoked,
    gpus: machineGpus,
    // Few commands ask: what these need is loaded then.
    variation: async (computedBy) => (await import('./stages/quantization/other-engine.ts')).otherEngine(computedBy),
    ...(config.cache === undefined ? {} : { cache: config.cache }),
    // Of results that differ: what an engine computed, the reference computes once more.
    referee: (computedBy) => computedBy?.['engine'] === undefined ? undefined : { environment: { [ENGINE_VARIABLE]: 'reference' }, label: 'engine reference' },
    doctor: machineChecks(asked),
  });
}

/** For `doctor`, which loads what they need. */
function machineChecks(asked: Asked | undefined): NonNullable<Pipeline['doctor']> {
  return async function* (stored) {
    yield* (await import('./stages/quantization/doctor.ts')).machineSections(stored, asked?.say);
  };
}

/** The one command that is about the network. */
const fetch = { summary: 'Look up and download what the study names of the Hugging Face hub', load: async () => ({ default: await (await import('./stages/quantization/hub/command.ts')).fetchCommand() }) };

/** Other programs, beside the study's engines. */
const peering = { summary: 'List the programs to compare with, and install one', load: () => import('./stages/quantization/peers-command.ts') };

/** All that needs a network or a compiler. */
const prepare = { summary: 'Do what nodes of a cluster cannot: download, compile', load: async () => ({ default: await (await import('./stages/quantization/prepare-command.ts')).prepareCommand() }) };

/** Figures of other programs: shown, never decided on. */
const importing = { summary: 'Bring in figures of other programs, claimed and not derived', load: () => import('./stages/quantization/import-command.ts') };

/**
 * The command line of a project: what its pipeline.ts exports as default.
 *
 *   import { bitwidth } from 'bitwidth';
 *   export default bitwidth(import.meta.url);
 *
 * `pipelineUrl`: the URL of that file, beside which data/study.yaml lies.
 */
export function bitwidth(pipelineUrl: string, additions: Additions = {}): (argv: readonly string[]) => Promise<number> {
  const root = fileURLToPath(new URL('.', pipelineUrl)).replace(/\/$/, '');
  // A script of others' code for a number: only the study knows what it computes.
  const crosscheck = crosscheckEntry(async ({ quick }) => (await import('./stages/quantization/crosscheck.ts')).crosscheck(await readStudy(root, { quick: quick === true })));
  // Who made it is told where it leaves.
  const publishing = publishingEntries(async ({ quick }) => { const { authors } = await readStudy(root, { quick: quick === true }); return authors.length > 0 ? authors : citedAuthors(root); });
  return (argv) => commandLine(async ({ quick }, asked) => studyPipeline(root, { quick: quick === true }, additions, asked), argv, { commands: { ...provenanceCommands, ...publishing, crosscheck, fetch, prepare, import: importing, peers: peering }, flags: { quick: 'Run the small study under `quick:` in data/study.yaml' } });
}

export { cell, file, gather, output, records, stage } from './stages/dag/index.ts';
export type * from './stages/dag/index.ts';
