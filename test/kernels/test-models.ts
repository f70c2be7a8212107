/** Opening the models that tests use: the tiny random ones of the fixtures and the bundled ones. */
import { readdirSync, readFileSync } from 'node:fs';
import { architectureOf, elementsOfStored, formatNamed, openCheckpoint, openSession, quantizeModel, readArtifact, readSafetensors } from '../../kernels/index.ts';
import type { Checkpoint, EngineInstance, Ops, Session } from '../../kernels/index.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { referenceStatistics } from '../../kernels/statistics/reference.ts';

const fixtures = new URL('../fixtures/bitsandbytes/', import.meta.url);
const transformers = new URL('../fixtures/transformers/', import.meta.url);
const bundled = new URL('../../data/models/', import.meta.url);

/** A random model with golden logits: 'llama', 'llama_tied', ... */
export function tinyCheckpoint(name: string): Checkpoint {
  return checkpointIn(new URL(`models/${name}/`, fixtures));
}

/** A model of each architecture and of its variants, with what transformers computes for it. */
export interface GoldenModel {
  readonly name: string;
  readonly checkpoint: Checkpoint;
  readonly prompt: Int32Array;
  readonly logits: Float32Array;
  /** 32 tokens after the prompt. */
  readonly greedy: Int32Array;
}

/** The models of test/fixtures/transformers (make.py). */
export function goldenModels(): GoldenModel[] {
  const golden = transformersTensors();
  return readdirSync(new URL('models/', transformers)).map((name) => ({
    name, checkpoint: checkpointIn(new URL(`models/${name}/`, transformers)), prompt: golden.get('prompt') as Int32Array,
    logits: golden.get(`${name}.logits`) as Float32Array, greedy: golden.get(`${name}.greedy`) as Int32Array,
  }));
}

export function goldenModel(name: string): GoldenModel {
  return goldenModels().find((model) => model.name === name)!;
}

export function transformersTensors(): Map<string, Float32Array | Int32Array> {
  return tensorsIn(new URL('logits.safetensors', transformers));
}

/** 'novel-1m', ... */
export function bundledCheckpoint(name: string): Checkpoint {
  return checkpointIn(new URL(`${name}/`, bundled));
}

function checkpointIn(folder: URL): Checkpoint {
  return openCheckpoint({ config: readFileSync(new URL('config.json', folder)), weights: readFileSync(new URL('model.safetensors', folder)) });
}

export function bundledJson(path: string): any {
  return JSON.parse(readFileSync(new URL(path, bundled), 'utf8'));
}

/** The reference in a session's clothes. */
export function referenceInstance(ops: Ops = new ReferenceOps()): EngineInstance {
  return { name: 'reference', canonical: true, build: 'test', ops, statistics: referenceStatistics };
}

/** A session in `format`, quantized on the spot unless that is the checkpoint's own type. */
export function sessionOf(checkpoint: Checkpoint, format: string, engine: EngineInstance = referenceInstance()): Session {
  if (format === checkpoint.baseFormat) return openSession({ checkpoint, format, engine });
  const { bytes } = quantizeModel(checkpoint, architectureOf(checkpoint).linearNames, formatNamed(format));
  return openSession({ checkpoint, format, artifact: readArtifact(bytes), engine });
}

/** Tensors of a fixture file as typed arrays. */
export function fixtureTensors(file: string): Map<string, Float32Array | Int32Array> {
  return tensorsIn(new URL(file, fixtures));
}

function tensorsIn(file: URL): Map<string, Float32Array | Int32Array> {
  const { tensors } = readSafetensors(readFileSync(file), file.pathname);
  return new Map([...tensors].map(([name, tensor]) => [name, elementsOfStored(tensor) as Float32Array | Int32Array]));
}

/** Tokens of no meaning, the same each time. */
export function someTokens(count: number, vocabulary: number, seed = 1): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => (Math.imul(i + 1, 2654435761) ^ Math.imul(seed, 40503)) >>> 0).map((hash) => (hash >>> 0) % vocabulary);
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Infinity;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}
