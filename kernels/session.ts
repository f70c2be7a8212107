/**
 * A loaded model: checkpoint + format + engine. The plain-script face of the kernels: load, step, score, generate.
 */
import type { Artifact } from './artifact.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { EngineInstance } from './engines.ts';
import { formatNamed } from './formats.ts';
import { architectureNamed } from './models.ts';
import type { ModelShape, TensorSource } from './models.ts';
import { NotFinite } from './ops.ts';
import type { Activation, Draws, KvCache, MemoryUse, Rows } from './ops.ts';
import type { Statistics } from './statistics.ts';
import { isTied } from './tied-head.ts';
import { traced } from './trace.ts';
import type { Trace } from './trace.ts';

export type { ModelShape } from './models.ts';

export interface Session {
  readonly architecture: string;
  readonly shape: ModelShape;
  /** The format of the linear layers. */
  readonly format: string;
  readonly engine: { readonly name: string; readonly build: string; readonly canonical: boolean; readonly statistics: Statistics };
  /** Starts `slots` empty sequences of at most `positions` tokens; gives the cache of the call before back. */
  reset(slots: number, positions: number): void;
  /**
   * Feeds rows (ascending positions within a slot; the keys of earlier positions must have been fed) and returns logits
   * [wanted.length, vocabulary] fp32 of the wanted rows (all when absent), in `into` where it is given: memory taken afresh for every step
   * is emptied by the system first. Throws NotFinite naming the op and the tensor whose result was the first not to be finite.
   */
  step(rows: Rows, wanted?: Int32Array, into?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>>;
  /** As step(), but draws the next token of each wanted row where the logits are: `draws` has one entry for each. A row may be wanted more than once. */
  draw(rows: Rows, draws: Draws, wanted?: Int32Array): Promise<Int32Array<ArrayBuffer>>;
  memory(): MemoryUse;
  /** Gives the engine's memory back. The engine instance is spent. */
  dispose(): void;
}

export interface SessionOptions {
  readonly checkpoint: Checkpoint;
  /** Without an artifact this must be the checkpoint's own type, which needs no encoding. */
  readonly format: string;
  /** The linear layers in `format`, by tensor name (artifact.ts). Each is read once, while the session opens. */
  readonly artifact?: Artifact;
  /** An instance of its own, from openEngine(): it holds this session's memory. */
  readonly engine: EngineInstance;
  /** Longest sequence that will be fed. Default: the model's context, but at most 8192 tokens. */
  readonly contextTokens?: number;
}

const DEFAULT_CONTEXT_TOKENS = 8192;

/** Loads the weights into the engine. Throws with the tensor's name when one is missing, misshapen or not finite. */
export function openSession(options: SessionOptions): Session {
  const { checkpoint, format, artifact, engine } = options;
  if (artifact === undefined && format !== checkpoint.baseFormat) {
    throw new Error(`format ${format} needs an artifact: the checkpoint itself is ${checkpoint.baseFormat} (quantizeModel makes one)`);
  }
  const architecture = architectureNamed(checkpoint.architecture);
  const shape = architecture.shape(checkpoint.config);
  const positions = options.contextTokens ?? Math.min(shape.contextTokens, DEFAULT_CONTEXT_TOKENS);
  if (!(Number.isInteger(positions) && positions >= 1 && positions <= shape.contextTokens)) {
    throw new RangeError(`contextTokens is ${positions}; the model allows 1 to ${shape.contextTokens}`);
  }
  const trace = traced(engine.ops);
  const source = tensorSource(options, new Set(architecture.linearNames(checkpoint.config)), trace);
  const network = architecture.load(checkpoint.config, source, positions);

  let cache: KvCache | undefined;
  /** Tokens fed so far, by slot. */
  let fed = new Int32Array(0);
  /** What the step before recorded, while one with as many rows may be told as it was. */
  let before: { readonly cache: KvCache; readonly wanted: Int32Array | undefined; readonly logits: Activation } | undefined;
  const record = (rows: Rows, into: KvCache, wanted: Int32Array | undefined): Activation => {
    if (before?.cache === into && sameRows(before.wanted, wanted) && trace.ops.again?.(rows, before.logits)) return before.logits;
    before = undefined;
    const logits = network.forward(trace.ops, rows, into, wanted);
    before = { cache: into, wanted: wanted?.slice(), logits };
    return logits;
  };
  const forward = async <T>(rows: Rows, wanted: Int32Array | undefined, take: (logits: Activation) => Promise<T>): Promise<T> => {
    if (cache === undefined) throw new Error('reset(slots, positions) must come before the first step');
    checkRows(rows, fed, cache.positions, shape.vocabulary);
    try {
      return await take(record(rows, cache, wanted));
    } catch (error) {
      if (error instanceof NotFinite) await trace.findNotFinite();
      throw error;
    }
  };
  return {
    architecture: architecture.name,
    shape,
    format,
    engine: { name: engine.name, build: engine.build, canonical: engine.canonical, statistics: engine.statistics },

    reset(slots, length) {
      if (!(Number.isInteger(length) && length >= 1 && length <= positions)) throw new RangeError(`${length} positions; this session allows 1 to ${positions}`);
      if (!(Number.isInteger(slots) && slots >= 1)) throw new RangeError(`${slots} slots; at least 1 is needed`);
      // A cache of the same size is kept: what it holds is overwritten before it can be read.
      if (cache === undefined || cache.slots !== slots || cache.positions !== length) {
        if (cache) engine.ops.freeCache(cache);
        cache = engine.ops.kvCache(shape.layers, slots, length, shape.kvHeads, shape.headDim);
      }
      fed = new Int32Array(slots);
    },

    step: (rows, wanted, into) => forward(rows, wanted, (logits) => engine.ops.read(logits, 'logits', into)),
    draw: (rows, draws, wanted) => forward(rows, wanted, (logits) => engine.ops.sample(logits, draws, 'logits')),

    memory: () => engine.ops.memory(),
    dispose: () => engine.ops.dispose(),
  };
}

const sameRows = (a: Int32Array | undefined, b: Int32Array | undefined): boolean => a === b || (a !== undefined && b !== undefined && a.length === b.length && a.every((row, i) => row === b[i]));

/** Logits [tokens.length, vocabulary] of one sequence from its beginning: row t is the distribution of token t + 1. */
export async function scoreWindow(session: Session, tokens: Int32Array): Promise<Float32Array<ArrayBuffer>> {
  session.reset(1, tokens.length);
  return session.step({ slot: new Int32Array(tokens.length), position: Int32Array.from(tokens, (_, position) => position), token: tokens });
}

/** Linear layers come from the artifact when there is one, all else from the checkpoint. */
function tensorSource({ checkpoint, format, artifact, engine }: SessionOptions, linear: ReadonlySet<string>, trace: Trace): TensorSource {
  if (artifact) {
    for (const name of artifact.keys()) if (!linear.has(name)) throw new Error(`the artifact has ${name}, which is not a linear layer of this model`);
  }
  return {
    weight(name, outFeatures, inFeatures) {
      const encoded = linear.has(name) && artifact ? artifact.get(name) : checkpoint.stored(name);
      if (encoded === undefined) throw new Error(`the artifact lacks ${name}`);
      if (artifact && linear.has(name) && encoded.format !== format) throw new Error(`${name} is ${encoded.format} in the artifact; this session is ${format}`);
      checkShape(name, encoded.shape, [outFeatures, inFeatures]);
      return trace.name(engine.ops.weight(encoded, formatNamed(encoded.format)), name);
    },
    vector(name, length, plus) {
      const tensor = checkpoint.tensor(name);
      checkShape(name, tensor.shape, [length]);
      return trace.name(engine.ops.vector(plus === undefined ? tensor.values : tensor.values.map((value) => value + plus)), name);
    },
    head(name, embeddings, tied) {
      if (tied && isTied(checkpoint, name, embeddings.name)) return embeddings.weight;
      return this.weight(name, embeddings.weight.outFeatures, embeddings.weight.inFeatures);
    },
    rotary: ({ cos, sin, positions, halfDim }) => engine.ops.rotary(cos, sin, positions, halfDim),
  };
}

function checkShape(name: string, actual: readonly number[], expected: readonly number[]): void {
  if (actual.length === expected.length && actual.every((size, axis) => size === expected[axis])) return;
  throw new Error(`${name} has shape [${actual.join(', ')}]; the config asks for [${expected.join(', ')}]`);
}

/** Holds rows to the contract of step() and counts them into `fed`. A slot may be rewound, never skipped ahead. */
function checkRows(rows: Rows, fed: Int32Array, positions: number, vocabulary: number): void {
  const next = fed.slice();
  const feed = (row: number, slot: number, position: number): void => {
    if (position > next[slot]!) throw new RangeError(`row ${row}: position ${position} of slot ${slot}, but only ${next[slot]} tokens were fed`);
    next[slot] = position + 1;
  };
  for (let row = 0; row < rows.token.length; row++) {
    const slot = rows.slot[row]!;
    const position = rows.position[row]!;
    const token = rows.token[row]!;
    if (!(slot >= 0 && slot < fed.length)) throw new RangeError(`row ${row}: slot ${slot} is outside the ${fed.length} slots`);
    if (!(position >= 0 && position < positions)) throw new RangeError(`row ${row}: position ${position} is outside the ${positions} positions`);
    if (!(token >= 0 && token < vocabulary)) throw new RangeError(`row ${row}: token ${token} is outside the vocabulary of ${vocabulary}`);
    feed(row, slot, position);
  }
  rows.copies?.row.forEach((row, i) => {
    const slot = rows.copies!.slot[i]!;
    if (!(row >= 0 && row < rows.token.length)) throw new RangeError(`a copy of row ${row}; the step has ${rows.token.length} rows`);
    if (!(slot >= 0 && slot < fed.length)) throw new RangeError(`row ${row}: slot ${slot} of a copy is outside the ${fed.length} slots`);
    feed(row, slot, rows.position[row]!);
  });
  fed.set(next);
}
