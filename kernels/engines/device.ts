/** What runs recorded programs: holds weights, tables and caches under handles, and a workspace for activations. */
import type { MemoryUse } from '../ops.ts';
import type { Family } from './families.ts';
import type { Program, Refusal } from './program.ts';

/** A value, or a promise of one. */
export type Soon<T> = T | Promise<T>;

export interface Device {
  // ---- what it holds, under handles; each counts into memory() ----
  weight(weight: Family): number;
  vector(values: Float32Array): number;
  /** cos and sin [positions, halfDim]. */
  rotary(cos: Float32Array, sin: Float32Array, positions: number, halfDim: number): number;
  kvCache(layers: number, slots: number, positions: number, kvHeads: number, headDim: number): number;
  freeCache(handle: number): void;

  // ---- what takes time; a device that others run (a GPU) answers later ----
  /** Runs all ops. The first refusal in program order, if any; the results of that op are +0 then. */
  run(program: Program): Soon<Refusal | undefined>;
  /** Copies an activation out of the workspace into `into`, [rows * cols]; answers how many of its values are infinities or NaNs. */
  floats(line: number, rows: number, cols: number, into: Float32Array<ArrayBuffer>): Soon<number>;
  /** Copies the tokens of a `sample` op out. */
  integers(line: number, count: number): Soon<Int32Array<ArrayBuffer>>;

  memory(): MemoryUse;
  dispose(): void;
}
