/**
 * Which engine computes in a page: it stands in for ../engine.ts in the program that a page loads. There is no native library there, no environment and
 * one thread; and between two steps the page must come to draw, and to hear that it shall stop.
 */
import { wasm, webgpu } from '../../../kernels/in-page.ts';
import { StageFailure } from '../../dag/index.ts';
import type { EngineInstance } from '../../../kernels/index.ts';

type Engine = Pick<typeof import('../engine.ts'), 'studyEngine' | 'computedBy' | 'studyEncoder'>;

const engines = { wasm, webgpu } as const;
export type PageEngine = keyof typeof engines;

let chosen: PageEngine = 'wasm';

/** What computes from now on. What webgpu computes is no exact result: it is held against one. */
export function useEngine(name: PageEngine): void {
  chosen = name;
}

/** Logits that were read since somebody began to watch, step after step; undefined: nobody does. */
let logits: Float32Array[] | undefined;

/** Begins to watch; the function returned ends it, and answers what was read. */
export function watchLogits(): () => readonly Float32Array[] {
  const own: Float32Array[] = logits = [];
  return () => {
    logits = undefined;
    return own;
  };
}

/** As ../engine.ts has it: the chosen engine, after its self-test. */
export const studyEngine: Engine['studyEngine'] = async (io) => {
  const engine = engines[chosen];
  const missing = await engine.unavailable();
  if (missing !== undefined) throw new StageFailure({ code: 'not-available', sentence: missing });
  return breathing(await engine.open(), io.signal);
};

export const studyEncoder: Engine['studyEncoder'] = async () => undefined;

export const computedBy: Engine['computedBy'] = (engine) => ({ engine: engine.name, build: engine.build });

/** A page that is not heard for longer seems to hang. */
const LONGEST_MS = 30;

/** The instance, whose steps let what waits (drawing, a click) go first every now and then. They throw AbortError where it was asked to stop. */
export function breathing(engine: EngineInstance, signal: AbortSignal): EngineInstance {
  const { ops } = engine;
  const [read, sample] = [ops.read.bind(ops), ops.sample.bind(ops)];
  let last = performance.now();
  const breath = async (): Promise<void> => {
    if (performance.now() - last < LONGEST_MS) return;
    await othersFirst();
    last = performance.now();
    signal.throwIfAborted();
  };
  ops.read = async (...of) => {
    await breath();
    const values = await read(...of);
    // A copy: the next step may be read into the same memory.
    if (of[1] === 'logits') logits?.push(values.slice());
    return values;
  };
  ops.sample = async (...of) => { await breath(); return sample(...of); };
  return engine;
}

/** A message to oneself: unlike a timer it is not held back in a page that nobody looks at. */
function othersFirst(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    // Node, whose types these are, has no such property; a page has.
    (port1 as unknown as { onmessage: () => void }).onmessage = () => { port1.close(); resolve(); };
    port2.postMessage(undefined);
  });
}
