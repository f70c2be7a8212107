/**
 * Which of the engines in ./engines.ts compute on a GPU. Apart from their register, which loads them all: what only tells what was timed (tables, claims, a page that computes
 * them again) has no use for one.
 */

const GPU_ENGINES: ReadonlySet<string> = new Set(['webgpu', 'webgpu-fast', 'webgpu-fast-f16']);

/** Whether the engine of this name computes on a GPU, or on a processor that plays one. */
export const computesOnGpu = (engine: string): boolean => GPU_ENGINES.has(engine);
