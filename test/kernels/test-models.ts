/** Opening the models that tests use: the tiny random ones of the fixtures and the bundled ones. */
import { readFileSync } from 'node:fs';
import { architectureOf, elementsOfStored, formatNamed, openCheckpoint, openSession, quantizeModel, readArtifact, readSafetensors } from '../../kernels/index.ts';
import type { Checkpoint, EngineInstance, Ops, Session } from '../../kernels/index.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { referenceStatistics } from '../../kernels/statistics/reference.ts';

const fixtures = new URL('../fixtures/bitsandbytes/', import.meta.url);
const bundled = new URL('../../data/models/', import.meta.url);

/** A random model with golden logits: 'llama', 'llama_tied', ... */
export function tinyCheckpoint(name: string): Checkpoint {
  return checkpointIn(new URL(`models/${name}/`, fixtures));
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
  const { tensors } = readSafetensors(readFileSync(new URL(file, fixtures)), file);
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
