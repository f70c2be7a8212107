/**
 * Whole models: reading a prompt of 512 tokens, decoding one sequence, decoding eight at once. A model of 135 million parameters
 * with random weights, against llama.cpp's of the same weights; and one of a million, whose weights fit the caches.
 */
import { architectureOf, encodedBytes, formatNamed, openSession } from '../../kernels/index.ts';
import type { Checkpoint, EncodedTensor, Session } from '../../kernels/index.ts';
import type { BenchRow } from '../../stages/quantization/bench-file.ts';
import { bundledCheckpoint, someTokens } from '../kernels/test-models.ts';
import { contest } from './contest.ts';
import type { Bench, Contender } from './contest.ts';
import { benchEngines } from './engines.ts';
import type { BenchEngine } from './engines.ts';
import { byTheClock } from './measure.ts';
import { openModels } from './peers/llama.ts';
import type { ModelPeers } from './peers/llama.ts';
import { RANDOM_MODEL, randomCheckpoint } from './random-model.ts';

/** Tokens that a sequence holds before it is decoded: few, so that the weights are what a step reads. */
const CONTEXT = 16;
const PROMPT = 512;
/** Rows take as long each, however many there are, for an engine that decodes its weights first: fewer tell as much. */
const SHORT_PROMPT = 64;
const BATCH = 8;

export async function bench(bench: Bench): Promise<BenchRow[]> {
  const engines = await benchEngines();
  const rows: BenchRow[] = [];
  if (!bench.quick) rows.push(...await benchModel(bench, 'novel-1m', bundledCheckpoint('novel-1m'), engines.filter(({ slow }) => !slow)));
  const checkpoint = randomCheckpoint();
  const peers = await openModels(checkpoint, { sequences: BATCH, positions: PROMPT }, bench.quick);
  rows.push(...await benchModel(bench, RANDOM_MODEL, checkpoint, bench.quick ? engines.filter(({ slow }) => !slow) : engines, peers));
  await peers.close();
  return rows;
}

interface Lane { readonly engine: BenchEngine; readonly format: string; readonly bitsPerWeight: number; readonly bytes: number; readonly session: Session }

async function benchModel(bench: Bench, model: string, checkpoint: Checkpoint, engines: readonly BenchEngine[], peers?: ModelPeers): Promise<BenchRow[]> {
  const lanes = await openLanes(checkpoint, bench.quick ? ['fp16', 'nf4'] : ['fp16', 'int8', 'nf4'], engines);
  const { vocabulary } = architectureOf(checkpoint).shape;
  const tokens = someTokens(PROMPT, vocabulary);
  const start = tokens.subarray(0, CONTEXT);
  await compareWithPeer(lanes, peers, start);
  const common = { suite: 'models', shape: model, unit: 'tokens/s', work: (batch: number) => batch, rounds: bench.quick ? 5 : 9 } as const;
  const rows: BenchRow[] = [];

  const prompt = bench.quick ? SHORT_PROMPT : PROMPT;
  const quickest = lanes.filter(({ engine }) => !engine.slow);
  rows.push(...await contest(bench, { ...common, title: `${model}: a prompt of ${prompt}`, phase: 'prefill', batch: prompt, readOnce: false, turnMs: 30, mostMs: 1500 }, [
    ...quickest.map((lane): Contender => {
      const batch = lane.engine.decodes ? SHORT_PROMPT : prompt;
      return { ...named(lane), batch, ...byTheClock(prefill(lane.session, tokens.subarray(0, batch))) };
    }),
    ...(peers?.prefill(tokens.subarray(0, prompt)) ?? []),
  ]));

  for (const sequences of bench.quick ? [1] : [1, BATCH]) {
    const contenders: Contender[] = [];
    for (const lane of sequences === 1 ? lanes : quickest) contenders.push({ ...named(lane), ...byTheClock(await decode(lane.session, sequences, start)) });
    rows.push(...await contest(bench, {
      ...common, title: `${model}: ${sequences === 1 ? 'one sequence' : `${sequences} sequences at once`}`, phase: 'decode', batch: sequences, readOnce: sequences === 1, turnMs: 30, mostMs: 600,
    }, [...contenders, ...(await peers?.decode(sequences, start) ?? [])]));
  }
  for (const { session } of lanes) session.dispose();
  return rows;
}

const named = ({ engine: { name, build, threads, decodes, activations }, format, bitsPerWeight, bytes }: Lane): Omit<Contender, 'time'> => ({ who: name, version: build, peer: false, decoded: decodes, format, bitsPerWeight, activations: activations(format), threads, bytes });

/** A session of every engine in every format. `bytes`: what a step reads of the weights; the embedding only where it is the head too. */
async function openLanes(checkpoint: Checkpoint, formats: readonly string[], engines: readonly BenchEngine[]): Promise<Lane[]> {
  const { linearNames, shape } = architectureOf(checkpoint);
  const linear = new Set(linearNames);
  const rest = checkpoint.names.filter((name) => !linear.has(name) && (shape.tiedEmbeddings || name !== 'model.embed_tokens.weight'))
    .reduce((sum, name) => sum + checkpoint.storedBytes(name), 0);
  const lanes: Lane[] = [];
  for (const format of formats) {
    const own = format === checkpoint.baseFormat;
    // Not quantizeModel: the errors that it sums up take longer than encoding.
    const artifact = new Map<string, EncodedTensor>(own ? [] : linearNames.map((name) => [name, formatNamed(format).encode(checkpoint.tensor(name))]));
    const linearBytes = linearNames.reduce((sum, name) => sum + (own ? checkpoint.storedBytes(name) : encodedBytes(artifact.get(name)!)), 0);
    const linearWeights = linearNames.reduce((sum, name) => sum + checkpoint.shape(name).reduce((product, size) => product * size, 1), 0);
    const bytes = rest + linearBytes;
    for (const engine of engines) {
      lanes.push({ engine, format, bitsPerWeight: 8 * linearBytes / linearWeights, bytes, session: openSession({ checkpoint, format, engine: await engine.open(), contextTokens: PROMPT, ...(own ? {} : { artifact }) }) });
    }
  }
  return lanes;
}

const ascending = (length: number, from = 0): Int32Array => Int32Array.from({ length }, (_, index) => from + index);

/** Logits of the last token only, as where a text is to be continued. */
function prefill(session: Session, tokens: Int32Array): () => Promise<unknown> {
  const rows = { slot: new Int32Array(tokens.length), position: ascending(tokens.length), token: tokens };
  const last = Int32Array.of(tokens.length - 1);
  return () => {
    session.reset(1, PROMPT);
    return session.step(rows, last);
  };
}

/** The same token of every sequence again and again: a sequence may be rewound. */
async function decode(session: Session, sequences: number, start: Int32Array): Promise<() => Promise<unknown>> {
  session.reset(sequences, start.length + 1);
  const slots = ascending(sequences);
  const each = (position: number, token: number) => ({ slot: slots, position: new Int32Array(sequences).fill(position), token: new Int32Array(sequences).fill(token) });
  for (const [position, token] of start.entries()) await session.step(each(position, token), Int32Array.of(0));
  // As in a run, which gives logits a place: memory taken afresh is emptied by the system first.
  const logits = new Float32Array(sequences * session.shape.vocabulary);
  return () => session.step(each(start.length, start[0]!), undefined, logits);
}

/** llama.cpp's likeliest tokens have our probabilities: it computes the same model. fp16 keys and values and another order of sums differ by less. */
async function compareWithPeer(lanes: readonly Lane[], peers: ModelPeers | undefined, tokens: Int32Array): Promise<void> {
  const theirs = await peers?.likeliest(tokens);
  const lane = lanes.find(({ format, engine }) => format === 'fp16' && !engine.slow);
  if (theirs === undefined || lane === undefined) return;
  const logits = await (async () => {
    lane.session.reset(1, PROMPT);
    return lane.session.step({ slot: new Int32Array(tokens.length), position: ascending(tokens.length), token: tokens }, Int32Array.of(tokens.length - 1));
  })();
  let sum = 0;
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  for (const logit of logits) sum += Math.exp(logit - largest);
  for (const [token, probability] of theirs) {
    const ours = Math.exp(logits[token]! - largest) / sum;
    if (!(Math.abs(ours / probability - 1) < 0.05)) throw new Error(`token ${token} has the probability ${probability} in llama.cpp and ${ours} in ours: it computes another model, and its speed would say nothing`);
  }
}
