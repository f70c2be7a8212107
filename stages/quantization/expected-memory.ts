/**
 * How much memory a task of each stage is expected to hold at its height, from the model's shape, the formats, the engine and what is fed at once: for
 * `plan`, and so that tasks start beside each other only where there is room. Apart from the stages' modules, because an estimate that was corrected
 * makes no result another. Held against what was measured by test/study/expected-memory.test.ts and docs/weight-files.md.
 *
 * Measured is a process, and a process goes on from one task to the next: what earlier ones left to the garbage collector lies in it.
 */
import { formatNamed } from '../../kernels/formats.ts';
import { computesOnGpu } from '../../kernels/gpu-engines.ts';
import { DECODE_SPAN } from './speed-settings.ts';
import { idPath } from './cell-ids.ts';
import { aliasOf } from './model-cells.ts';
import type { Cell } from '../dag/index.ts';
import type { StudyConfig, StudyModel } from './config.ts';

/** Node, the study's code and the compiled library, and what lies about before the garbage collector runs. */
const PROCESS_BYTES = 320e6;
/** Of one that ran nothing before: timings are taken in such. */
const FRESH_BYTES = 250e6;
/** Of one that computes on a GPU: Dawn, its driver and the kernels that they have compiled; what a processor that plays a GPU holds, that keeps everything here, besides weights. */
const GPU_BYTES = 350e6;
/** A file up to this size is held whole while a model is opened (stages/dag, open-object.ts). */
const WHOLE_FILE_BYTES = 64 << 20;
/** Logits of a step of judging and of the floor stay below this; of scoring, each format's. */
const LOGITS_BYTES = 32 << 20;
/** Sequences that are written at once, tokens of a prompt, and rows of a step of judging: what bounds an engine's workspace. */
const SEQUENCES = 64, PROMPT_TOKENS = 64, ROWS = 8192;
/** A peer's process before it holds a model: Python with torch; it runs beside the task's own and counts with it. */
const PEER_BYTES = 1e9;
/** Engines that compute with fp32 copies of all weights. */
const WIDENING: ReadonlySet<string> = new Set(['reference', 'wasm']);
const BASE_BYTES = { fp32: 4, fp16: 2, bf16: 2 } as const;

type Fed = { readonly slots: number; readonly positions: number; readonly rows: number };

/** What a study has a cell hold; undefined for cells of stages that hold next to nothing. */
export function expectedMemory(config: StudyConfig): (cell: Cell) => number | undefined {
  const models = new Map(config.models.map((model) => [model.name, model]));
  const judge = models.get(config.judge);
  const formatsOf = (model: StudyModel): string[] => [...new Set([model.baseFormat, ...config.formats])].filter((format) => aliasOf(model, format) === undefined);
  const sessions = (model: StudyModel, formats: readonly string[], engine: string, fed: Fed): number => formats.reduce((sum, format) => sum + sessionBytes(model, format, engine, fed), 0);
  const newTokens = config.maxNewTokens.at(-1) ?? 0;
  const written = newTokens + PROMPT_TOKENS;
  const settings = config.generate.temperatures.length * config.generate.topKs.length * config.seeds.length;
  const sequences = Math.min(SEQUENCES, config.prompts.length * settings);
  const scoring = (model: StudyModel): number => {
    const rows = Math.max(16, Math.floor((1 << 20) / (4 * model.shape.vocabulary)));
    return sessions(model, formatsOf(model), config.engine, { slots: 1, positions: config.windowTokens, rows });
  };
  const together = config.models.reduce((sum, model) => sum + scoring(model), 0);
  const stages: { readonly [stage: string]: (model: StudyModel, cell: Cell) => number } = {
    quantize: (model, { params }) => quantizeBytes(model, String(params['format']), config.engine),
    score(model, { batch }) {
      const judging = judge === undefined || judge === model ? 0 : sessionBytes(judge, judge.baseFormat, config.engine, { slots: 1, positions: config.windowTokens, rows: 256 });
      // Small models go through a text together (study.ts): their batch is the text's name alone.
      return fileBytes(model) + (batch?.includes('/') === true ? scoring(model) + judging : together);
    },
    generate: (model, { id }) => fileBytes(model) + sessionBytes(model, idPath(id)[1] ?? model.baseFormat, config.engine, { slots: sequences, positions: written, rows: config.prompts.length * PROMPT_TOKENS }),
    judge: (model) => ratingBytes(judge ?? model, config, written * config.prompts.length),
    choose: (model) => ratingBytes(model, config, ROWS),
    floor: (model) => fileBytes(model) + LOGITS_BYTES + sessions(model, [model.baseFormat], config.engine, FLOOR_ROWS) + sessions(model, [model.baseFormat], 'fast', FLOOR_ROWS),
    // Weights in fp32, once as they are read and once as they are held; and our base and format beside them.
    'peer-score': (model, { params }) => PEER_BYTES + 8 * model.parametersEstimate + fileBytes(model) + sessions(model, [model.baseFormat, ...(formatsOf(model).includes(String(params['format'])) ? [String(params['format'])] : [])], config.engine, { slots: 1, positions: config.windowTokens, rows: config.windowTokens }),
    // As scoring, and the judge.
    'peer-generate': (model) => PEER_BYTES + 8 * model.parametersEstimate + fileBytes(model) + ratingBytes(judge ?? model, config, written * config.prompts.length),
    // All formats at once, and ours beside them.
    'peer-speed': (model, { params }) => PEER_BYTES + 4 * model.parametersEstimate * (params['formats'] as readonly string[]).length + timing(model, config.engine),
    // The models of an engine go through one process, one after the other.
    speed: (_, { params }) => Math.max(...config.models.map((model) => timing(model, String(params['engine'])))),
    'speed-other': (_, { params }) => Math.max(...config.models.map((model) => timing(model, String(params['engine'])))),
  };
  const timing = (model: StudyModel, engine: string): number =>
    (computesOnGpu(engine) ? GPU_BYTES : 0) + fileBytes(model) + sessions(model, formatsOf(model), engine, { slots: 1, positions: config.speed.promptTokens + DECODE_SPAN, rows: config.speed.promptTokens });
  return (cell) => {
    const [of, model] = [Object.hasOwn(stages, cell.stage.name) ? stages[cell.stage.name] : undefined, models.get(idPath(cell.id)[0] ?? '')];
    return of === undefined || model === undefined ? undefined : Math.ceil((cell.stage.determinism === 'measured' && cell.stage.exclusive === true ? FRESH_BYTES : PROCESS_BYTES) + of(model, cell));
  };
}

const FLOOR_ROWS: Fed = { slots: 1, positions: 512, rows: 512 };

function ratingBytes(model: StudyModel, { engine }: StudyConfig, tokens: number): number {
  const rows = Math.min(ROWS, tokens);
  return fileBytes(model) + LOGITS_BYTES + sessionBytes(model, model.baseFormat, engine, { slots: 1, positions: rows, rows });
}

/** Weights of the embeddings, and of a head that is not theirs: they stay in the checkpoint's type. */
function otherWeights({ shape: { vocabulary, hiddenSize, tiedEmbeddings }, parametersEstimate }: StudyModel): number {
  return Math.min(parametersEstimate, vocabulary * hiddenSize * (tiedEmbeddings ? 1 : 2));
}

/** Weights, a cache of keys and values, and activations of one step. */
function sessionBytes(model: StudyModel, format: string, engine: string, { slots, positions, rows }: Fed): number {
  const { layers, hiddenSize, heads, kvHeads, headDim, feedForwardSize, vocabulary } = model.shape;
  const others = otherWeights(model);
  const linear = model.parametersEstimate - others;
  const weights = WIDENING.has(engine) ? 4 * model.parametersEstimate : linear * formatNamed(format).nominalBitsPerWeight / 8 + others * BASE_BYTES[model.baseFormat];
  const cache = 2 * 4 * layers * slots * positions * kvHeads * headDim;
  const activations = 4 * rows * (3 * feedForwardSize + 4 * hiddenSize + 3 * heads * headDim);
  return weights + cache + activations + Math.min(LOGITS_BYTES, 4 * rows * vocabulary);
}

/** Of the checkpoint's file what is held while a model is opened: small ones whole, of others one tensor after another. */
function fileBytes(model: StudyModel): number {
  const bytes = model.parametersEstimate * BASE_BYTES[model.baseFormat];
  return bytes <= WHOLE_FILE_BYTES ? bytes : largestTensor(model) * BASE_BYTES[model.baseFormat] * 2;
}

/** Weights of the largest matrix. */
function largestTensor({ shape: { hiddenSize, feedForwardSize, heads, headDim, vocabulary } }: StudyModel): number {
  return hiddenSize * Math.max(feedForwardSize, heads * headDim, vocabulary);
}

/** The tensor at work as it is stored and as it is encoded, with those before them where memory is not used again; in TypeScript also widened, and decoded. */
function quantizeBytes(model: StudyModel, format: string, engine: string): number {
  const { hiddenSize, feedForwardSize, heads, headDim } = model.shape;
  const weights = hiddenSize * Math.max(feedForwardSize, heads * headDim);
  const compiled = model.parametersEstimate >= 50e6 && !WIDENING.has(engine);
  const encoded = formatNamed(format).nominalBitsPerWeight / 8;
  const whole = model.parametersEstimate * BASE_BYTES[model.baseFormat] <= WHOLE_FILE_BYTES ? model.parametersEstimate * BASE_BYTES[model.baseFormat] : 0;
  return whole + weights * 2 * (BASE_BYTES[model.baseFormat] + encoded + (compiled ? 0 : 8));
}
