/** How work with a peer is expected to fail. */
import { StageFailure } from '../../../stages/dag/index.ts';
import type { Failure } from '../../../stages/dag/index.ts';

/** What it failed with. Throws where it did not fail, or failed in another way. */
export async function failure(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (error instanceof StageFailure) return error.failure;
    throw error;
  }
  throw new Error('it did not fail');
}
