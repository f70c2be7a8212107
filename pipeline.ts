/**
 * The front door: the study of data/study.yaml, from fetching weights to the report.
 *
 *   fetch -> tokenize, quantize -> score, generate, speed -> summarize -> claims -> tabulate -> report
 *
 * The only place where the machinery, the study, the report and what is told of their provenance meet.
 */
import { fileURLToPath } from 'node:url';
import { ARITHMETIC_VERSION } from './kernels/index.ts';
import { crosscheckEntry, ledgerFiles, provenanceCommands } from './provenance/index.ts';
import { report, reportBoundaries } from './reports/index.ts';
import { commandLine, output, pipeline } from './stages/dag/index.ts';
import { ENGINE_VARIABLE, nativeCell, readErrata, readRevoked, readStudy, study } from './stages/quantization/index.ts';
import type { Pipeline } from './stages/dag/index.ts';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Where the identity of a result's code stops: what lies behind cannot change its bytes, or is named by the cell itself. */
const boundaries = {
  // A cell names the formats and the architecture that it uses; the others are none of its business.
  'kernels/formats.ts': 'register',
  'kernels/models.ts': 'register',
  // Every canonical engine computes what this version of docs/arithmetic.md says, bit for bit.
  'kernels/engines.ts': { constant: `arithmetic ${ARITHMETIC_VERSION}` },
  // How cells are scheduled and stored is not what they compute.
  'stages/dag/': { constant: 'task contract 1' },
  ...reportBoundaries,
} as const;

/** The pipeline of the study as it stands in the files; `quick`: of its `quick:` block. */
export async function studyPipeline({ quick }: { readonly quick: boolean }): Promise<Pipeline> {
  const config = await readStudy(root, { quick });
  const revoked = await readRevoked(root);
  // Which exact engine computes is no part of any key: it reaches the stages' processes beside the tasks.
  process.env[ENGINE_VARIABLE] = config.engine;
  const native = await nativeCell();
  const { cells, tables, formats } = study(config, native, await readErrata(root));
  const site = report({
    tables, cells: cells.map(({ id }) => id), formats, models: config.models.map(({ name }) => name), reproductions: ledgerFiles(root),
    about: {
      name: config.title, description: 'A study of weight quantization of language models, regenerated with one command: every number leads to the bytes it came from.', licence: 'Apache-2.0',
      basedOn: { name: 'arXiv 2309.05210', url: 'https://arxiv.org/abs/2309.05210', author: { family: 'Roy', given: 'S.' }, year: 2023 },
      workflow: 'pipeline.ts', stages: Object.fromEntries(cells.map(({ stage }) => [stage.name, stage.title])),
    },
    omitted: cells.filter(({ stage }) => stage.outputs.includes('omitted')).map((one) => output(one, 'omitted')),
  });
  return pipeline({
    name: 'bitwidth',
    root,
    cells: [native, ...cells, ...site.cells],
    boundaries,
    exports: site.exports,
    closing: ['The report: reports/site/index.html'],
    revoked,
    // Few commands ask: what these need is loaded then.
    variation: async (computedBy) => (await import('./stages/quantization/other-engine.ts')).otherEngine(computedBy),
    doctor: async () => {
      const { compilerChecks, engineChecks } = await import('./stages/quantization/doctor.ts');
      // In this order: the engines are asked with the library loaded.
      return [await compilerChecks(), await engineChecks()];
    },
  });
}

/** A script of others' code for a number: only the study knows what it computes. */
const crosscheck = crosscheckEntry(async ({ quick }) => (await import('./stages/quantization/crosscheck.ts')).crosscheck(await readStudy(root, { quick: quick === true })));

export default (argv: readonly string[]): Promise<number> =>
  commandLine(async ({ quick }) => studyPipeline({ quick: quick === true }), argv, { commands: { ...provenanceCommands, crosscheck }, flags: { quick: 'Run the small study under `quick:` in data/study.yaml' } });
