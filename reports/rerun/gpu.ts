/**
 * A part of it on the reader's GPU, against the same part by the WASM engine, which the check `compute` holds against the records. No exact result comes from
 * WebGPU, whose language lets an adapter round as it likes, so it is held to a tolerance and goes into no record; many adapters have the same bits all the same.
 */
import { cellsAt, formatsOf, objectsOf, STUDY_NAME, STUDY_PROGRAM } from './compute.ts';
import { compareRows } from './compare.ts';
import { sha256Of } from './objects.ts';
import { downloadsOf } from './plan.ts';
import type { Check, CheckContext } from './checks.ts';
import type { StudyProgram } from './compute.ts';
import type { Plan, PlannedCell } from './plan.ts';

/**
 * Of sums over a window, and of counts of its positions, where a likeliest token changes with the last bits of two near logits: a hundredth is two or three
 * positions of a window, and far above what fused or reordered fp32 sums do to a model of this size. Stated, not derived.
 */
const TOLERANCE = 0.01;

/** What is asked of the browser. */
interface Gpu { requestAdapter(options: object): Promise<{ readonly info: { readonly isFallbackAdapter?: boolean; readonly architecture?: string } } | null> }
const gpuHere = (): Gpu | undefined => (globalThis as { readonly navigator?: { readonly gpu?: Gpu } }).navigator?.gpu;

/** Cells whose rows a model's logits make; weights are quantized by no GPU. */
function cellsOf(plan: Plan, cell: string | undefined): readonly PlannedCell[] {
  const cells = cell === undefined ? cellsAt(plan, formatsOf(plan)[0]) : Object.hasOwn(plan.cells, cell) ? [plan.cells[cell]!] : [];
  return cells.filter(({ rows }) => Object.keys(rows).length > 0);
}

export const gpuCheck: Check = {
  name: 'gpu',
  offer(place, plan, has) {
    const cells = cellsOf(plan, place.cell);
    if (plan.programs[STUDY_PROGRAM] === undefined || cells.length === 0 || gpuHere() === undefined) return undefined;
    return { title: 'A part of it on this computer’s GPU too, by WebGPU, whose self-test takes some seconds', onlyIfAsked: true, readsFiles: false, downloads: () => downloadsOf(plan, cells, STUDY_PROGRAM, has) };
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
    for (const cell of cellsOf(context.plan, context.place.cell)) await computeOnGpu(program, cell, slow, context);
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
    return program.compute(engine, cell.stage, { ...cell, params }, (sha256) => objects.get(sha256)!, { signal: context.signal, progress: () => undefined });
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
  const rowsOf = (outputs: typeof exact.outputs) => program.rows(cell.stage, cell.cell, outputs);
  const now = rowsOf(computed.outputs);
  for (const [table, rows] of Object.entries(rowsOf(exact.outputs))) {
    const { farthest, first } = compareRows(rows, now[table] ?? []);
    // A text that parts from another cannot be near it: after the first other token all differ.
    const verdict = farthest <= TOLERANCE ? 'within' : table === 'generations' ? 'note' : 'differs';
    context.say({ verdict, what: `${cell.cell} on the GPU: ${what}, against WASM`, detail: `${Number.isFinite(farthest) ? `farthest apart by ${farthest.toPrecision(2)} of a value, ${TOLERANCE} is tolerated (stated, not derived); ` : ''}${first ?? ''}; ${words}` });
  }
}
