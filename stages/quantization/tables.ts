/**
 * The register of tables: how the rows of each table of data/schema.sql are made from what the stages committed. A table
 * more is a generator of rows here, and its columns in the schema.
 */
import type { TaskCell, TaskIo } from '../dag/index.ts';
import { artifactRows, errataRows, formatRows, layoutRows, modelRows, sourceRows, tensorErrorRows, textRows } from './tables-models.ts';
import { choiceRows, choiceSetRows } from './tables-choices.ts';
import {
  claimEffectRows, claimRows, finishedRows, floorRows, generationRows, judgementRows, kernelRateRows, machineCacheRows, machineRows, nullRows, samplingRows, scoreRows, speedBlockRows, speedMemoryRows, speedRows, speedRunRows,
  sweepMetricRows, tokenRows,
} from './tables-results.ts';
import type { Row } from './table-rows.ts';

export const tableRows: ReadonlyMap<string, (task: TaskCell, io: TaskIo) => AsyncIterable<Row>> = new Map([
  ['models', modelRows],
  ['formats', formatRows],
  ['layouts', layoutRows],
  ['artifacts', artifactRows],
  ['tensor_errors', tensorErrorRows],
  ['texts', textRows],
  ['windows', scoreRows],
  ['token_scores', tokenRows],
  ['sampling_windows', samplingRows],
  ['null_windows', nullRows],
  ['floor_windows', floorRows],
  ['metrics', finishedRows],
  ['sweep_metrics', sweepMetricRows],
  ['profiles', finishedRows],
  ['pairs', finishedRows],
  ['generations', generationRows],
  ['judgements', judgementRows],
  ['choice_sets', choiceSetRows],
  ['choices', choiceRows],
  ['survival', finishedRows],
  ['worst_tokens', finishedRows],
  ['speed_samples', speedRows],
  ['speed_runs', speedRunRows],
  ['speed_blocks', speedBlockRows],
  ['speed_memory', speedMemoryRows],
  ['kernel_rates', kernelRateRows],
  ['claimed', finishedRows],
  ['machines', machineRows],
  ['machine_caches', machineCacheRows],
  ['claims', claimRows],
  ['claim_effects', claimEffectRows],
  ['sources', sourceRows],
  ['errata', errataRows],
]);
