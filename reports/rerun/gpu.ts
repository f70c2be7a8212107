/**
 * A part of it on the reader's GPU, against the same part by the WASM engine, which the check `compute` holds against the records. No exact result comes from
 * WebGPU, whose language lets an adapter round as it likes, so it goes into no record. Many adapters have the same bits all the same; the logits of the others are held to what
 * the engine's own conformance tests hold a model's logits to. All else follows from logits by exact sums.
 */
import { cellsAt, computeCheck, formatsOf, objectsOf, STUDY_NAME, STUDY_PROGRAM } from './compute.ts';
import { compareRows } from './compare.ts';
import { sha256Of } from './objects.ts';
import { downloadsOf } from './plan.ts';
import type { Check, CheckContext } from './checks.ts';
import type { StudyProgram } from './compute.ts';
import type { Plan, PlannedCell } from './plan.ts';

/** What is asked of the browser. */
interface Gpu { requestAdapter(options: object): Promise<{ readonly info: { readonly isFallbackAdapter?: boolean; readonly architecture?: string } } | null> }
const gpuHere = (): Gpu | undefined => (globalThis as { readonly navigator?: { readonly gpu?: Gpu } }).navigator?.gpu;

/** Cells whose rows a model's logits make; weights are quantized by no GPU. */
function cellsOf(plan: Plan, cell: string | undefined, format: string | undefined): readonly PlannedCell[] {
  const cells = cell === undefined ? cellsAt(plan, format) : Object.hasOwn(plan.cells, cell) ? [plan.cells[cell]!] : [];
  return cells.filter(({ rows }) => Object.keys(rows).length > 0);
}

export const gpuCheck: Check = {
  name: 'gpu', about: 'the computation on the GPU', aside: true,
  offer(place, plan, { has }) {
    const cells = cellsOf(plan, place.cell, formatsOf(plan)[0]);
    if (plan.programs[STUDY_PROGRAM] === undefined || cells.length === 0 || gpuHere() === undefined) return undefined;
    return { title: 'A part of it on this computer’s GPU too, by WebGPU, whose self-test takes some seconds', onlyIfAsked: true, readsFiles: false, choiceOf: computeCheck.name, downloads: (choice = formatsOf(plan)[0]) => downloadsOf(plan, cellsOf(plan, place.cell, choice), STUDY_PROGRAM, has) };
  },
  async run(context) {
    const adapter = await gpuHere()!.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter === null) {
      context.say({ verdict: 'note', what: 'not run: no adapter', detail: 'this browser has WebGPU, and finds no GPU for it' });
      return;
    }
    // A processor that plays a GPU takes seconds for what a GPU does in milliseconds.
    const slow = adapter.info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|warp/i.test(adapter.info.architecture ?? '');
    const program = await context.program(STUDY_PROGRAM, STUDY_NAME) as StudyProgram;
    for (const cell of cellsOf(context.plan, context.place.cell, context.choice)) await computeOnGpu(program, cell, slow, context);
  },
};

async function computeOnGpu(program: StudyProgram, cell: PlannedCell, slow: boolean, context: CheckContext): Promise<void> {
  const objects = await objectsOf(cell, context);
  if (objects === undefined) return;
  const part = (slow ? undefined : program.slice(cell.stage, cell)) ?? program.fewer(cell.stage, cell);
  if (part === undefined) return;
  const { params, what } = part;
  const by = (engine: 'wasm' | 'webgpu'): ReturnType<StudyProgram['compute']> => {
    context.progress(0, 0, engine === 'wasm' ? `${cell.cell}, ${what}` : `${cell.cell}, ${what}, on the GPU, after its self-test`);
    return program.compute(engine, cell.stage, { ...cell, params }, (sha256) => objects.get(sha256)!, { signal: context.signal, progress: () => undefined, logits: true });
  };
  const [exact, computed] = [await by('wasm'), await by('webgpu')];
  const failed = [exact, computed].find((one) => 'failure' in one);
  if (failed !== undefined && 'failure' in failed) {
    context.say({ verdict: 'note', what: `${cell.cell} was not computed on the GPU`, detail: failed.failure.sentence });
    return;
  }
  if (!('outputs' in exact) || !('outputs' in computed)) return;
  const words = `computed by ${Object.entries(computed.computedBy).map(([name, value]) => `${name} ${value}`).join(', ')}`;
  const same = await Promise.all(Object.entries(exact.outputs).map(async ([name, bytes]) => await sha256Of(computed.outputs[name]!) === await sha256Of(bytes)));
  if (same.every(Boolean)) {
    context.say({ verdict: 'equal', what: `${cell.cell} on the GPU: ${what}, byte for byte what WASM computes`, detail: words });
    return;
  }
  const bound = program.logitsBound(cell);
  const logits = logitsApart(exact.logits ?? [], computed.logits ?? []);
  if (logits !== undefined) context.say({
    verdict: logits.share <= bound ? 'within' : 'differs', what: `${cell.cell} on the GPU: ${what}, the model’s logits against those of WASM`,
    detail: `farthest apart by ${logits.share.toPrecision(2)} of the largest, ${bound} is tolerated: what the engine’s conformance tests hold a model’s logits to in this format where an adapter has not the same bits; ${words}`,
  });
  const rowsOf = (outputs: typeof exact.outputs) => program.rows(cell.stage, cell.cell, outputs);
  const now = rowsOf(computed.outputs);
  for (const [table, rows] of Object.entries(rowsOf(exact.outputs))) {
    const { equal, rows: all, first } = compareRows(rows, now[table] ?? []);
    // No bound on logits is one on a text: it may part from another where two tokens are nearly equally likely, and after that all differ.
    context.say({ verdict: equal === all ? 'equal' : 'note', what: `${cell.cell} on the GPU: ${what}, ${equal === all ? 'every column is what WASM computes' : 'what follows from other last bits'}`, detail: `${first === undefined ? '' : `${first}; `}${words}` });
  }
}

/** The largest distance of two logits as a share of the largest one; Infinity where there are not as many; undefined where none were read. */
export function logitsApart(exact: readonly Float32Array[], found: readonly Float32Array[]): { readonly share: number } | undefined {
  if (exact.length === 0 && found.length === 0) return undefined;
  if (exact.length !== found.length || exact.some(({ length }, i) => length !== found[i]!.length)) return { share: Infinity };
  let largest = 0, apart = 0;
  for (const [step, values] of exact.entries()) {
    for (const [i, value] of values.entries()) {
      const distance = Math.abs(value - found[step]![i]!);
      // Not a number is no distance that any bound allows.
      if (Number.isNaN(distance)) return { share: Infinity };
      apart = Math.max(apart, distance);
      largest = Math.max(largest, Math.abs(value));
    }
  }
  return { share: apart === 0 ? 0 : apart / largest };
}
