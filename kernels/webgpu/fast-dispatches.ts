/**
 * What a recorded op is to the engine webgpu-fast: products by kernels that are made for the memory's speed, and ops of one round that a kernel can do together
 * (queries, keys and values; gate and up) in one dispatch, because a dispatch costs microseconds on both sides.
 */
import { DOT_BLOCK } from '../arithmetic.ts';
import { AT, OPCODE, WORDS } from '../engines/program.ts';
import type { Program } from '../engines/program.ts';
import type { Place } from './arena.ts';
import { across, paddedColumns, planOf } from './dispatches.ts';
import type { Cuts, Dispatch, Holdings, Plan, Special } from './dispatches.ts';
import type { Held } from './memory.ts';
import { FEW_ROWS, MOST_PARTS, TEAMS, TILE_ROWS } from './pipelines.ts';
import type { GpuWeight } from './weights.ts';

/** Threads of a workgroup, and outputs of a team: of fast-row.wgsl. */
const GROUP = 128;
const TEAM_OUTPUTS = 4;
/** Up to so many rows, kernels for few rows read the weights again for every FEW_ROWS of them, which takes less than a tile that is mostly empty. */
const MOST_FEW = 16;
const TILE_OUTPUTS = 64;
const INT8_TILE_ROWS = 64;
const ROTATE_THREADS = 64;
/** Columns of a head that fast-attend.wgsl has room for. */
const MOST_HEAD = 256;
/** Weights of a quad. */
const QUAD = { fp32: 4, fp16: 8, bf16: 8, table4: 32, int8: 16 } as const;

/** The dispatches of a program, in order. `f16`: products by the kernels of fp16 where there are such. */
export function planFast(program: Program, holdings: Holdings, f16: boolean): Plan {
  const plan = planOf(program, holdings, special(f16));
  const dispatches = plan.dispatches.map((dispatch) => (dispatch.kernel === 'attend' && headsAreVectors(program, dispatch) ? { ...dispatch, kernel: 'attend quickly' } : dispatch));
  return { ...plan, dispatches: together(dispatches, program).map((dispatch) => inRows(dispatch, holdings.cuts)) };
}

/** Heads that fast-attend.wgsl can compute. */
function headsAreVectors({ words }: Program, { parts: [part] }: Dispatch): boolean {
  const at = part!.op * WORDS;
  const headDim = words[at + AT.cols]! / words[at + AT.a3]!;
  return headDim % 4 === 0 && headDim <= MOST_HEAD;
}

const special = (f16: boolean): Special => ({ code, rows, cols, word }, add, holdings) => {
  const vector = (handle: number): Held | undefined => holdings.vectors.get(handle);
  switch (code) {
    case OPCODE.embed: {
      const { kind, pieces, scaleShift } = holdings.weights.get(word('handle'))!;
      if (kind !== 'table4') return false;
      for (const { first, rows: own, data, scales } of pieces) {
        const [x, y] = across(Math.ceil((rows * paddedColumns(cols)) / 4 / 64), holdings.cuts);
        add('embed quads', [x, y, 1], [data, scales], [first, own, scaleShift]);
      }
      return true;
    }
    case OPCODE.rmsNorm: case OPCODE.layerNorm: {
      const weight = vector(word('handle'))!;
      const bias = vector(word('handle2')) ?? weight;
      // Both in one buffer, or each in its own: then the other kernel.
      if (whole(weight) !== whole(bias)) return false;
      add('norm of rows', [rows, 1, 1], [whole(weight)], [weight.at / 4, bias.at / 4]);
      return true;
    }
    case OPCODE.rotate: {
      const { cos, sin } = holdings.tables.get(word('handle'))!;
      if (word('a1') % 4 > 0 || word('a2') % 4 > 0) return false;
      add('rotate vectors', [Math.ceil((rows * paddedColumns(cols)) / 4 / ROTATE_THREADS), 1, 1], [cos, sin], [0, 0, 0, 0, 0, 0, 1, 0]);
      return true;
    }
    case OPCODE.linear: {
      const weight = holdings.weights.get(word('handle'))!;
      const bias = vector(word('handle2'));
      const { kernel, outputs, high } = productKernel({ kind: weight.kind, rows, columns: paddedColumns(cols) }, f16);
      const prepared = weight.kind === 'int8' ? (['prepared'] as const) : [];
      for (const { first, rows: own, data, scales } of weight.pieces) {
        const last = first + own === weight.outFeatures;
        const units = Math.ceil((last ? paddedColumns(weight.outFeatures) - first : own) / outputs);
        const scalesAt = scales === holdings.none ? 0 : scales.at / 4;
        const words = [data.at / 16, own, first, bias === undefined ? -1 : bias.at / 4, scalesAt, weight.scaleShift, 1, 0];
        add(kernel, [units, Math.ceil(rows / high), 1], [whole(data), whole(scales), bias === undefined ? holdings.none : whole(bias), ...prepared], words);
      }
      return true;
    }
    default: return false;
  }
};

/** A product of so many rows, and columns of whole blocks. */
export interface ProductShape { readonly kind: GpuWeight['kind']; readonly rows: number; readonly columns: number }

/** Shapes for every kernel of products: whole rounds of each team and a rest, fewer columns than a team has threads for, and more rows than a workgroup has. */
export function productShapes(f16: boolean): ReadonlyMap<string, readonly ProductShape[]> {
  const shapes = new Map<string, ProductShape[]>();
  for (const kind of Object.keys(QUAD) as GpuWeight['kind'][]) {
    const few = [64, ...TEAMS.map((team) => 2 * team * QUAD[kind])].flatMap((columns) => [1, FEW_ROWS + 1].map((rows) => ({ kind, rows, columns: columns + DOT_BLOCK })));
    const many = [MOST_FEW + 1, ...TILE_ROWS.map((height) => height + 5)].map((rows) => ({ kind, rows, columns: 3 * DOT_BLOCK }));
    for (const shape of [...few, ...many]) {
      const { kernel } = productKernel(shape, f16);
      shapes.set(kernel, [...shapes.get(kernel) ?? [], shape]);
    }
  }
  return shapes;
}

export function productKernel({ kind, rows, columns }: ProductShape, f16: boolean): { readonly kernel: string; readonly outputs: number; readonly high: number } {
  if (rows > MOST_FEW) {
    if (kind === 'int8') return { kernel: 'int8 tile', outputs: TILE_OUTPUTS, high: INT8_TILE_ROWS };
    const high = TILE_ROWS.find((height) => rows <= height) ?? TILE_ROWS.at(-1)!;
    return { kernel: `tile ${kind} ${high}${f16 && (kind === 'fp16' || kind === 'table4') ? ' f16' : ''}`, outputs: TILE_OUTPUTS, high };
  }
  // As many threads as have two quads each: with one there is nothing to fetch while it is multiplied.
  const team = TEAMS.findLast((threads) => columns / QUAD[kind] >= 2 * threads) ?? TEAMS[0];
  const high = rows === 1 ? 1 : FEW_ROWS;
  if (kind === 'int8') return { kernel: `int8 row ${high} ${team}`, outputs: (GROUP / team) * TEAM_OUTPUTS, high };
  return { kernel: `row ${kind} ${high} ${team}${f16 && kind === 'table4' ? ' f16' : ''}`, outputs: (GROUP / team) * TEAM_OUTPUTS, high };
}

/** The buffer that a piece lies in. */
function whole(held: Held): Held {
  return (held as Partial<Place>).whole ?? held;
}

/** Joins dispatches of one kernel on the same buffers whose ops need not wait for one another. */
function together(dispatches: readonly Dispatch[], { words }: Program): Dispatch[] {
  const joined: Dispatch[] = [];
  for (const dispatch of dispatches) {
    const before = joined.at(-1);
    if (before !== undefined && joins(before, dispatch, words)) joined[joined.length - 1] = joinedOf(before, dispatch);
    else joined.push(dispatch);
  }
  return joined;
}

/** Kernels that do several ops at once. */
const JOINED = /^(row|tile|int8 row|int8 tile|rotate vectors)\b/;

function joins(before: Dispatch, dispatch: Dispatch, words: Int32Array): boolean {
  if (before.kernel !== dispatch.kernel || !JOINED.test(dispatch.kernel) || before.parts.length === MOST_PARTS) return false;
  const op = dispatch.parts[0]!.op;
  // Pieces of one weight, or ops of one round.
  const waits = op !== before.parts[0]!.op && words[op * WORDS + AT.wait] === 1;
  return !waits && before.groups[1] === dispatch.groups[1] && dispatch.buffers.every((buffer, i) => buffer === before.buffers[i]);
}

/** Where in the words of a part there is how many parts there are, and where it begins. */
const PARTS_AT = 6;
const BEGINS_AT = 7;

function joinedOf(before: Dispatch, { parts: [part], groups }: Dispatch): Dispatch {
  const begins = before.groups[0];
  const [first, ...others] = [...before.parts, { ...part!, extra: part!.extra.with(BEGINS_AT, begins) }];
  return { ...before, parts: [{ ...first!, extra: first!.extra.with(PARTS_AT, others.length + 1) }, ...others], groups: [begins + groups[0], groups[1], 1] };
}

/** Groups in rows of as many as there may be. */
function inRows(dispatch: Dispatch, cuts: Cuts): Dispatch {
  if (!JOINED.test(dispatch.kernel)) return dispatch;
  const [x, z] = across(dispatch.groups[0], cuts);
  return { ...dispatch, groups: [x, dispatch.groups[1], z] };
}
