/**
 * The study as cells: fetch -> tokenize, quantize -> score, generate, choose, speed -> summarize, slices, worst-tokens, parting, compare -> claims -> tabulate.
 *
 * A cell's parameters hold what its own result depends on and nothing of its neighbours in a sweep: a temperature more adds
 * cells and changes none but those that gather.
 */
import { output } from '../dag/index.ts';
import type { Cell, OutputRef } from '../dag/index.ts';
import { benchCell } from './bench.ts';
import { chooseCell } from './choose.ts';
import { isGreedy, samplingPath } from './cell-ids.ts';
import type { Sampling } from './cell-ids.ts';
import { claimCells } from './claims-cells.ts';
import { compareCells } from './compare.ts';
import type { StudyConfig, StudyModel } from './config.ts';
import { engineTools } from './engine.ts';
import type { Erratum } from './errata.ts';
import { expectedMemory } from './expected-memory.ts';
import { fetchGgufCell } from './fetch-gguf.ts';
import { fetchCell } from './fetch.ts';
import { floorCell } from './floor.ts';
import { generateCell } from './generate.ts';
import { unquoted } from './generate-unquoted.ts';
import { importCell } from './import.ts';
import { judgeCell } from './judge.ts';
import { aliasOf, studyFormats } from './model-cells.ts';
import type { ModelCells } from './model-cells.ts';
import { partingCells } from './parting.ts';
import { peerCells, peerTableCells } from './peer-cells.ts';
import type { PeerCells, StudyPeer } from './peered-model.ts';
import { quantizeCell } from './quantize.ts';
import { scoreCells } from './score-cells.ts';
import { slicesCells } from './slices.ts';
import { speedCells } from './speed-cells.ts';
import { summarizeCells } from './summarize-cells.ts';
import { tabulateCells } from './tabulate-cells.ts';
import { tokenizeCell } from './tokenize.ts';
import { worstTokensCells } from './worst-tokens.ts';

export interface Study {
  readonly cells: readonly Cell[];
  /** Table of data/schema.sql -> its rows, NDJSON. */
  readonly tables: ReadonlyMap<string, OutputRef>;
  /** Of all models, in the study's order: the chosen ones, and models' own types that were not among them. */
  readonly formats: readonly string[];
}

/** Models of fewer parameters in all are scored together. In all formats at once they take some 20 bytes for each. */
const MOST_PARAMETERS_TOGETHER = 1e8;

/** Stages whose cells compute with an engine, and use the native library where there is one. */
const ENGINE_STAGES: ReadonlySet<string> = new Set(['score', 'generate', 'judge', 'choose', 'floor', 'speed', 'speed-other', 'peer-score', 'peer-generate', 'peer-speed']);

/** Millions of parameters from which on weights are encoded by compiled code: fewer are encoded before that is compiled. */
const LEAST_COMPILED_WORK = 50;

/** All cells of the study, in the order in which its data flows. `native`: the cell whose output is the native library; `errata`: numbers of earlier reports that were wrong; `peers`: those that it names; `gpus`: where its timings find one, by engine. */
export function study(config: StudyConfig, native?: Cell, errata: readonly Erratum[] = [], peers: readonly StudyPeer[] = [], gpus: ReadonlyMap<string, StudyPeer> = new Map()): Study {
  const fetched = new Map(config.models.map((model) => [model.name, takenInBy(model)]));
  const tokens = new Map(config.models.map((model) => [
    model.name, new Map(config.texts.map((text) => [text.name, tokenizeCell(model, text, of(fetched, model.name))])),
  ]));
  const models = config.models.map((model) => modelCells(config, model, fetched, tokens, peers, gpus));
  const peered = models.map(({ peered: own }) => own);
  const peerTables = peerTableCells(peered);
  const summarized = models.flatMap((own) => summarizeCells(own, { maxNewTokens: config.maxNewTokens }));
  const formats = studyFormats(config);
  const sliced = models.flatMap(slicesCells);
  // The worst tokens come with their context, which is text.
  const passedOn = new Set(config.texts.filter(({ redistribute }) => redistribute).map(({ name }) => name));
  const worst = models.flatMap((own) => worstTokensCells({ ...own, scored: own.scored.filter(({ params }) => passedOn.has(String(params['text']))) }));
  const parted = models.flatMap((own) => partingCells(own, config.maxNewTokens.at(-1) as number));
  const compared = models.flatMap((own) => compareCells(own, formats));
  const claimed = claimCells(models, formats);
  const bench = config.bench ? [benchCell()] : [];
  const imported = config.imported.map(importCell);
  const metricsOf = (sweep: boolean): OutputRef[] => summarized.filter(({ params }) => ('temperature' in params) === sweep).map((cell) => output(cell, 'metrics'));
  const outputs = (cells: readonly Cell[]): OutputRef[] => cells.map((cell) => output(cell));
  const { cells: tabulated, tables } = tabulateCells(config, models, {
    metrics: [...metricsOf(false), ...models.map(({ floor }) => output(floor, 'metrics'))], sweepMetrics: metricsOf(true), claims: claimed.map((cell) => output(cell, 'claim')), bench: bench.map((cell) => output(cell)), imported: imported.map((cell) => output(cell)),
    profiles: outputs(sliced), worst: outputs(worst), survival: outputs(parted), pairs: outputs(compared), errata,
  });
  const equipped = (of: Cell): Cell => ENGINE_STAGES.has(of.stage.name) || (of.stage.name === 'quantize' && (of.work ?? 0) >= LEAST_COMPILED_WORK) ? { ...of, ...engineTools(native) } : of;
  const memory = expectedMemory(config);
  return {
    cells: [
      ...fetched.values(),
      ...models.flatMap((m) => [...m.tokens.values(), ...m.quantized.values(), ...m.scored, ...[...m.written.values()].flat(), ...[...m.judged.values()].flat(), ...[...m.chosen.values()].flat(), m.floor, m.timed, ...m.timedOthers]),
      ...summarized,
      ...sliced,
      ...worst,
      ...parted,
      ...compared,
      ...claimed,
      ...bench,
      ...imported,
      ...tabulated,
      ...peered.flatMap((own) => [...own.scored, ...own.written, ...own.summarized, ...own.summarizedTexts, ...own.ratios]),
      ...peerTables.cells,
    ].map(equipped).map((of) => { const memoryBytes = memory(of); return memoryBytes === undefined ? of : { ...of, memoryBytes }; }),
    tables: new Map([...tables, ...peerTables.tables]),
    formats,
  };
}

function modelCells(
  config: StudyConfig, model: StudyModel, fetchedByModel: ReadonlyMap<string, Cell>, tokensByModel: ReadonlyMap<string, ReadonlyMap<string, Cell>>, peers: readonly StudyPeer[], gpus: ReadonlyMap<string, StudyPeer>,
): ModelCells & { readonly peered: PeerCells } {
  const fetched = of(fetchedByModel, model.name);
  const tokens = of(tokensByModel, model.name);
  const judge = config.models.find(({ name }) => name === config.judge);
  if (judge === undefined) throw new Error(`the judge ${config.judge} is not a model of the study`);
  const judgeFetched = of(fetchedByModel, judge.name);

  const formats = [model.baseFormat, ...config.formats.filter((format) => format !== model.baseFormat)];
  const quantized = new Map(formats.map((format) => [format, quantizeCell(model, format, fetched)]));
  const computed = formats.filter((format) => aliasOf(model, format) === undefined);
  const others = computed.filter((format) => format !== model.baseFormat);
  const artifactOf = (format: string): Cell | undefined => format === model.baseFormat ? undefined : quantized.get(format);

  const together = config.models.reduce((sum, { parametersEstimate }) => sum + parametersEstimate, 0) <= MOST_PARAMETERS_TOGETHER;
  const scored = config.texts.flatMap(({ name: text }) => scoreCells({
    scored: { model, fetched, tokens: output(of(tokens, text)) },
    judge: { model: judge, fetched: judgeFetched, tokens: output(of(of(tokensByModel, judge.name), text)) },
    text, together,
    formats: others.map((name) => ({ name, artifact: output(of(quantized, name), 'artifact') })),
    windows: config.windowsPerText, windowTokens: config.windowTokens,
    temperatures: config.temperatures, topKs: config.topKs,
  }));

  const newTokens = config.maxNewTokens.at(-1) as number;
  const withheld = config.prompts.some(({ place }) => place !== undefined);
  const written = new Map(computed.map((format) => [format, samplings(config).map((sampling) => {
    const own = generateCell(model, format, { prompts: config.prompts, newTokens, sampling }, fetched, artifactOf(format));
    return withheld ? unquoted(own, config.prompts) : own;
  })]));
  const judged = new Map([...written].map(([format, cells]) => [format, cells.map((cell) => judgeCell(cell, model, judge, { writer: fetched, judge: judgeFetched }))]));

  const chosen = new Map(computed.map((format) => [format, config.choices.map((set) => chooseCell(model, format, set, fetched, artifactOf(format)))]));

  const [firstText] = tokens.values();
  if (firstText === undefined) throw new Error('the study has no text');
  const timed = speedCells({ model, fetched, tokens: firstText, artifacts: new Map(computed.map((format) => [format, artifactOf(format)])) }, config.speed, config.engine, gpus);
  const peered = peerCells({ model, fetched, tokens, quantized, written, judge: { model: judge, fetched: judgeFetched } }, peers, config.formats, {
    windows: config.windowsPerText, windowTokens: config.windowTokens, speed: config.speed, engine: config.engine, prompts: config.prompts.length, maxNewTokens: config.maxNewTokens,
  });
  return { model, fetched, tokens, quantized, computed, scored, written, judged, chosen, floor: floorCell(model, fetched, firstText, { windows: config.windowsPerText, windowTokens: config.windowTokens }), timed: timed.own, timedOthers: [...timed.others, ...peered.timed], peered };
}

/** What is written out: every temperature, top_k and seed, but greedy once. */
export function samplings({ generate, seeds }: StudyConfig): Sampling[] {
  const all = generate.temperatures.flatMap((temperature) => generate.topKs.flatMap((topK) =>
    isGreedy(temperature, topK) ? [{ temperature: 0, topK: 0, seed: 0 }] : seeds.map((seed) => ({ temperature, topK, seed }))));
  return [...new Map(all.map((sampling) => [samplingPath(sampling), sampling])).values()];
}

/** The cell that takes a model in. */
function takenInBy(model: StudyModel): Cell {
  const { files } = model;
  return files.config === undefined ? fetchGgufCell(model, files) : fetchCell(model);
}

function of<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`the study has no ${name}`);
  return value;
}
