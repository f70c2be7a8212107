/**
 * Computes cells again: the published weights, tokens and settings through the study's own stages and kernels (the program that the plan names), and the
 * outcome against what the cells' records and the tables say. What is computed whole has a sha256, so that a cell is equal or it is not.
 */
import { count } from '../../stages/dag/index.ts';
import { csvName } from '../tables.ts';
import { compareRows } from './compare.ts';
import { DifferentBytes, sha256Of } from './objects.ts';
import { PLAN_FILE, downloadsOf, plannedRow } from './plan.ts';
import { saidIn, whatIsSaid } from './said.ts';
import type { Check, CheckContext, Finding, Reach, Refusal } from './checks.ts';
import type { Plan, PlannedCell, PlannedFile, PlannedRow } from './plan.ts';
import type { Said } from './said.ts';

/** The study's program in the site, and the name under which it leaves itself. */
export const STUDY_PROGRAM = 'assets/study.js', STUDY_NAME = 'bitwidthStudy';

type Bytes = Uint8Array<ArrayBuffer>;

/** What the study's program offers (stages/quantization/in-page/program.ts). */
export interface StudyProgram {
  readonly stages: readonly string[];
  compute(engine: 'wasm' | 'webgpu', stage: string, cell: Pick<PlannedCell, 'cell' | 'params' | 'inputs'>, objectOf: (sha256: string) => Bytes, watched: { readonly signal: AbortSignal; progress(done: number, total: number, unit: string): void; readonly logits?: boolean }): Promise<
    | { readonly outputs: { readonly [output: string]: Bytes }; readonly computedBy: { readonly [name: string]: string }; /** If asked for: as they were read, step after step. */ readonly logits?: readonly Float32Array[] }
    | { readonly failure: { readonly sentence: string } }>;
  /** By what share of the largest an engine's logits may differ from the exact ones: kernels/logits-bound.ts. */
  logitsBound(cell: Pick<PlannedCell, 'params'>): number;
  /** Rows of tables that follow from a cell's outputs, in the order in which they are published. */
  rows(stage: string, cell: string, outputs: { readonly [output: string]: Bytes }): { readonly [table: string]: readonly PlannedRow[] };
  /** A first part of a cell, which takes a fraction of its time and has rows of its own; undefined where there is none. */
  slice(stage: string, cell: Pick<PlannedCell, 'params'>): { readonly params: PlannedCell['params']; readonly what: string } | undefined;
  /** A smaller part, for a slow device: its rows are no published ones. */
  fewer(stage: string, cell: Pick<PlannedCell, 'params'>): { readonly params: PlannedCell['params']; readonly what: string } | undefined;
}

export const computeCheck: Check = {
  name: 'compute', about: 'the computation',
  offer(place, plan, reach) {
    if (plan.programs[STUDY_PROGRAM] === undefined || Object.keys(plan.cells).length === 0) {
      const because = 'this report publishes no weights for pages to compute with';
      return { because, note: `No result is computed again here: ${because}.` };
    }
    const formats = formatsOf(plan);
    if (place.cell !== undefined) {
      const cell = Object.hasOwn(plan.cells, place.cell) ? plan.cells[place.cell] : undefined;
      if (cell === undefined) return notHere(plan, place.cell);
      return { title: `Compute ${cell.cell} again, from the published weights`, readsFiles: false, downloads: () => downloads(plan, [cell], reach) };
    }
    return {
      title: `Quantize ${modelsOf(plan).join(', ')} again, score a text and write one with it, from the published weights`, readsFiles: false, choices: { label: 'in the format', values: formats },
      downloads: (choice = formats[0]) => downloads(plan, cellsAt(plan, choice), reach),
    };
  },
  async run(context) {
    const { place, plan, choice } = context;
    const cells = place.cell === undefined ? cellsAt(plan, choice) : [plan.cells[place.cell]!];
    const program = await context.program(STUDY_PROGRAM, STUDY_NAME) as StudyProgram;
    const said = await whatIsSaid(cells, context);
    for (const cell of cells) await computeCell(program, cell, said, context);
  },
};

const downloads = (plan: Plan, cells: readonly PlannedCell[], { has, reads }: Reach): readonly PlannedFile[] => [...downloadsOf(plan, cells, STUDY_PROGRAM, has), ...(reads ? saidIn(plan, cells) : [])];

/** On the page of a cell that no page computes: what is compared of it all the same, and what is not. */
function notHere(plan: Plan, cell: string): Refusal {
  const because = whyNotHere(plan, cell);
  const compared = plan.files === undefined ? 'This cell is not computed again here' : 'The checks above hold this page to the published rows, and compute again from those rows what aggregates this cell made of them. The rows themselves are not computed again here';
  return { because, note: `${compared}: ${because}. The command on this page computes this one and all that it rests on, in the project.` };
}

function whyNotHere(plan: Plan, cell: string): string {
  const stage = cell.slice(0, cell.indexOf(':')), [model, format] = pathOf({ cell });
  const ofModel = Object.values(plan.cells).filter((one) => pathOf(one)[0] === model), own = ofModel.filter((one) => one.stage === stage);
  if (own.length === 0) return `from the weights pages compute ${stagesOf(plan).join(', ')} cells of ${modelsOf(plan).join(', ')}, and no others, which rest on what is not published for pages or need more than a page has`;
  if (stage === 'quantize') {
    const changing = `of the quantize cells of ${model} pages compute those that change weights, ${own.map((one) => pathOf(one)[1]).join(', ')}`;
    return ofModel.some((one) => pathOf(one)[1] === format && !('artifact' in one.inputs)) ? `${format} is the type of ${model}’s own weights, and nothing is quantized; ${changing}` : changing;
  }
  return `to load and compute little, pages compute ${own.length} of the ${stage} cells of ${model}, such as ${own[0]!.cell}, and this is none of them`;
}

/** A cell's id begins with its stage, its model and its format. */
const pathOf = ({ cell }: Pick<PlannedCell, 'cell'>): readonly string[] => cell.slice(cell.indexOf(':') + 1).split('/');
const stagesOf = (plan: Plan): readonly string[] => [...new Set(Object.values(plan.cells).map(({ stage }) => stage))].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));
const modelsOf = (plan: Plan): readonly string[] => [...new Set(Object.values(plan.cells).map((cell) => pathOf(cell)[0]!))];

/** A quantized one first: it is what the report is about. */
export function formatsOf(plan: Plan): readonly string[] {
  const formats = [...new Set(Object.values(plan.cells).map((cell) => pathOf(cell)[1]!))];
  return formats.includes('nf4') ? ['nf4', ...formats.filter((format) => format !== 'nf4')] : formats;
}

/** What the report begins with comes first. */
const ORDER = ['quantize', 'score', 'generate'];

/** One cell of each stage in a format: of those that sample the last, which is the hottest. */
export function cellsAt(plan: Plan, format: string | undefined): readonly PlannedCell[] {
  const own = Object.values(plan.cells).filter((cell) => pathOf(cell)[1] === format);
  return [...new Map(own.map((cell) => [cell.stage, cell])).values()].sort((a, b) => ORDER.indexOf(a.stage) - ORDER.indexOf(b.stage));
}

/** What a cell reads; undefined where the site has other bytes, which is said. */
export async function objectsOf(cell: PlannedCell, context: CheckContext): Promise<ReadonlyMap<string, Bytes> | undefined> {
  const objects = new Map<string, Bytes>();
  for (const sha256 of new Set(Object.values(cell.inputs))) {
    try {
      objects.set(sha256, await context.object(sha256));
    } catch (error) {
      if (!(error instanceof DifferentBytes)) throw error;
      context.say({ verdict: 'differs', what: `${cell.cell} was not computed: what it reads is not what its record names`, detail: error.message });
      return undefined;
    }
  }
  return objects;
}

async function computeCell(program: StudyProgram, cell: PlannedCell, said: Said, context: CheckContext): Promise<void> {
  const objects = await objectsOf(cell, context);
  if (objects === undefined) return;
  const compute = (params: PlannedCell['params']): ReturnType<StudyProgram['compute']> =>
    program.compute('wasm', cell.stage, { ...cell, params }, (sha256) => objects.get(sha256)!, { signal: context.signal, progress: (done, total, unit) => context.progress(done, total, unit) });
  context.progress(0, 0, cell.cell);
  // What a reader waits for first: some seconds of work have rows to show.
  const slice = program.slice(cell.stage, cell);
  if (slice !== undefined) {
    const computed = await compute(slice.params);
    if ('outputs' in computed) for (const finding of rowFindings(program, cell, said, computed.outputs, true, slice.what)) context.say(finding);
  }
  const computed = await compute(cell.params);
  if ('failure' in computed) {
    context.say({ verdict: 'note', what: `${cell.cell} could not be computed here`, detail: computed.failure.sentence });
    return;
  }
  for (const finding of rowFindings(program, cell, said, computed.outputs, slice === undefined)) context.say(finding);
  context.say(await outputFinding(cell, computed.outputs, computed.computedBy));
}

/** One for each table, of all places where its rows are published. `shown`: with the first row; `slice`: what part of the rows was computed. */
function* rowFindings(program: StudyProgram, cell: PlannedCell, said: Said, outputs: { readonly [output: string]: Bytes }, shown: boolean, slice?: string): Generator<Finding> {
  for (const [table, rows] of Object.entries(program.rows(cell.stage, cell.cell, outputs))) {
    const path = `data/${csvName(table)}`, byCell = said.get(table);
    const places = [...(Object.hasOwn(cell.rows, table) ? [[PLAN_FILE, cell.rows[table]!] as const] : []), ...(byCell === undefined ? [] : [[path, byCell.get(cell.cell) ?? []] as const])];
    // That the tables were not read is said; a plan has the rows of some.
    if (places.length === 0) continue;
    const of = slice ?? `${count(rows.length, 'row')} of the table ${table}`;
    const differing = places.flatMap(([place, published]): Finding[] => {
      const compared = compareRows(slice === undefined ? published : published.slice(0, rows.length), place === PLAN_FILE ? rows.map(plannedRow) : rows);
      return compared.equal === compared.rows ? [] : [{ verdict: 'differs', what: `${cell.cell}: ${of}; ${compared.rows - compared.equal} of them differ from ${place}`, detail: compared.first! }];
    });
    yield* differing.length > 0 ? differing : [{ verdict: 'equal', what: `${cell.cell}: ${of}, every column`, ...(shown ? { detail: rowWords(rows[0]!) } : {}) }];
  }
}

/** The numbers and texts of a row, without the names that every row repeats. */
const rowWords = (row: PlannedRow): string => Object.entries(row).filter(([column, value]) => !['model', 'format', 'cell', 'tokens'].includes(column) && value !== null && !Array.isArray(value)).map(([column, value]) => `${column} ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`).join(', ');

async function outputFinding({ cell, key, outputs: recorded }: PlannedCell, outputs: { readonly [output: string]: Bytes }, computedBy: { readonly [name: string]: string }): Promise<Finding> {
  const differing: string[] = [];
  for (const [name, { sha256 }] of Object.entries(recorded)) {
    const found = outputs[name] === undefined ? 'nothing' : await sha256Of(outputs[name]);
    if (found !== sha256) differing.push(`${name}: the record says ${sha256}, computed was ${found}`);
  }
  const result = differing.length === 0 ? 'equal' : 'differs';
  const by = Object.entries(computedBy).map(([name, value]) => `${name} ${value}`).join(', ');
  return {
    verdict: result, what: result === 'equal' ? `${cell}: the whole result, byte for byte` : `${cell}: the result has other bytes than its record says`, cell: { cell, key, result },
    detail: [...(result === 'equal' ? Object.entries(recorded).map(([name, { sha256 }]) => `${name} has the sha256 ${sha256}`) : differing), ...(by === '' ? [] : [`computed by ${by}`])].join('; '),
  };
}
