/**
 * The register of engines, and the contract that each one keeps.
 *
 * A canonical engine computes exactly what docs/arithmetic.md says, bit for bit what the reference computes, and proves it by a
 * self-test on this machine before it may call itself so. Choosing is never silent: the caller is told which engine and why.
 */
import type { Ops } from './ops.ts';

export interface EngineInstance {
  readonly name: string;
  readonly canonical: boolean;
  /** Identifies the code that computes: a hash of the binary and the CPU features it uses. Goes into records. */
  readonly build: string;
  readonly ops: Ops;
}

export interface Engine {
  readonly name: string;
  readonly title: string;
  /** Higher is preferred by `auto` among canonical engines that pass their self-test. */
  readonly rank: number;
  readonly canonical: boolean;
  /** Undefined when it can run here; otherwise a sentence that says what is missing. */
  unavailable(): Promise<string | undefined>;
  /** Runs the self-test on first use in this process; throws EngineUnfit with the op that disagreed. */
  open(): Promise<EngineInstance>;
}
