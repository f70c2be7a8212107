/** What a recorded op is on a GPU: one dispatch or more, each of a kernel over so many workgroups, with a few words of its own. */
import { DOT_BLOCK } from '../arithmetic.ts';
import { AT, OPCODE, WORDS } from '../engines/program.ts';
import type { Program } from '../engines/program.ts';
import type { Held } from './memory.ts';
import { MANY_ROWS } from './pipelines.ts';
import type { GpuWeight } from './weights.ts';

/** Keys and values of one layer. */
export interface CacheLayer { readonly keys: Held; readonly values: Held }
export interface GpuCache { readonly layers: readonly CacheLayer[]; readonly positions: number; readonly kvHeads: number; readonly headDim: number }

/** What handles name, and memory that ops share for the length of one dispatch. */
export interface Holdings {
  readonly weights: ReadonlyMap<number, GpuWeight>;
  readonly vectors: ReadonlyMap<number, Held>;
  readonly tables: ReadonlyMap<number, { readonly cos: Held; readonly sin: Held }>;
  readonly caches: ReadonlyMap<number, GpuCache>;
  /** Stands for what an op has not. */
  readonly none: Held;
  readonly cuts: Cuts;
}

/** Into how large parts work is cut. */
export interface Cuts {
  /** Workgroups in a row of them: a dimension has at most 65535. */
  readonly across: number;
  /** Scores of attention are kept for as many rows as fit, at least one. */
  readonly scoreBytes: number;
}

export const CUTS: Cuts = { across: 32768, scoreBytes: 64 << 20 };

/** Buffers that are made as large as a program needs them. */
export type Shared = 'scores' | 'prepared' | 'refused';

/** What a dispatch does of one op. */
export interface Part {
  /** Of the program. */
  readonly op: number;
  /** Words after those of the op: e0 to e7. */
  readonly extra: readonly number[];
}

export interface Dispatch {
  readonly kernel: string;
  /** One, but for kernels of the engine webgpu-fast. */
  readonly parts: readonly Part[];
  readonly groups: readonly [number, number, number];
  /** From binding 3. */
  readonly buffers: readonly (Held | Shared)[];
}

/** An op of a program. */
export interface OpView {
  readonly code: number;
  readonly rows: number;
  readonly cols: number;
  word(name: keyof typeof AT): number;
}

/** Adds a dispatch of the op. */
export type Add = (kernel: string, groups: Dispatch['groups'], buffers?: Dispatch['buffers'], extra?: readonly number[]) => void;

/** What an engine does in its own way: true where it has added the op's dispatches. */
export type Special = (op: OpView, add: Add, holdings: Holdings) => boolean;

export interface Plan {
  readonly dispatches: readonly Dispatch[];
  /** Bytes that the shared buffers need. */
  readonly bytes: { readonly [name in Shared]: number };
  /** The int8 products and where their rows begin in `refused`, which has one word before them. */
  readonly products: readonly { readonly op: number; readonly at: number; readonly rows: number }[];
}

const MOST_ROWS = 65535;
const KEPT_STEP = 64;
const OUTPUTS = 4;
const THREADS = 64;

/** The dispatches of a program, in order. */
export function planOf(program: Program, holdings: Holdings, special?: Special): Plan {
  const { words, ops, lists } = program;
  const { cuts } = holdings;
  const flat = (threads: number): Dispatch['groups'] => [...across(Math.ceil(threads / THREADS), cuts), 1];
  const dispatches: Dispatch[] = [];
  const bytes = { scores: 0, prepared: 0, refused: 4 };
  const products: { op: number; at: number; rows: number }[] = [];

  for (let op = 0; op < ops; op++) {
    const word = (name: keyof typeof AT): number => words[op * WORDS + AT[name]]!;
    const code = word('code');
    const rows = word('rows');
    const cols = word('cols');
    if (rows === 0) continue;
    if (rows > MOST_ROWS) throw new RangeError(`a step of ${rows} rows on a GPU; at most ${MOST_ROWS} are allowed`);
    const stride = paddedColumns(cols);
    const add: Add = (kernel, groups, buffers = [], extra = []) => void dispatches.push({ kernel, parts: [{ op, extra }], groups, buffers });
    const weight = code === OPCODE.linear ? holdings.weights.get(word('handle'))! : undefined;
    if (weight?.kind === 'int8' && !isPrepared(words, op, holdings)) {
      const { outliersAt, rowWords } = preparedRow(cols);
      bytes.prepared = Math.max(bytes.prepared, rows * rowWords * 4);
      const at = bytes.refused / 4;
      products.push({ op, at, rows });
      bytes.refused += rows * 4;
      add('quantize', [rows, 1, 1], ['prepared', 'refused'], [rowWords, outliersAt, at]);
    }
    if (special?.({ code, rows, cols, word }, add, holdings)) continue;
    const vector = (handle: number): Held => holdings.vectors.get(handle) ?? holdings.none;
    switch (code) {
      case OPCODE.embed: {
        const { kind, pieces, scaleShift } = holdings.weights.get(word('handle'))!;
        for (const { first, rows: own, data, scales } of pieces) add(`embed ${kind}`, flat(rows * (stride / 4)), [data, scales], [first, own, scaleShift]);
        break;
      }
      case OPCODE.rmsNorm: add('norm', [rows, 1, 1], [vector(word('handle')), holdings.none]); break;
      case OPCODE.layerNorm: add('norm', [rows, 1, 1], [vector(word('handle')), vector(word('handle2'))]); break;
      case OPCODE.headNorm: add('norm', [rows, cols / word('a1'), 1], [vector(word('handle')), holdings.none]); break;
      case OPCODE.linear: {
        const { kind, outFeatures, pieces, scaleShift } = weight!;
        const bias = vector(word('handle2'));
        const outputsOf = (first: number, own: number): number => (first + own === outFeatures ? paddedColumns(outFeatures) - first : own);
        if (kind === 'int8') {
          const { outliersAt, rowWords } = preparedRow(cols);
          for (const { first, rows: own, data, scales } of pieces) {
            const [x, z] = across(Math.ceil(outputsOf(first, own) / OUTPUTS), cuts);
            add('int8', [x, rows, z], [data, scales, bias, 'prepared'], [rowWords, outliersAt, first, own]);
          }
          break;
        }
        const tile = rows === 1 ? 1 : MANY_ROWS;
        for (const { first, rows: own, data, scales } of pieces) {
          const [x, z] = across(Math.ceil(outputsOf(first, own) / OUTPUTS), cuts);
          add(`linear ${kind} ${tile}`, [x, Math.ceil(rows / tile), z], [data, scales, bias], [first, own, scaleShift]);
        }
        break;
      }
      case OPCODE.rotate: {
        const { cos, sin } = holdings.tables.get(word('handle'))!;
        add('rotate', flat(rows * stride), [cos, sin]);
        break;
      }
      case OPCODE.remember: {
        const { layers, positions } = holdings.caches.get(word('handle'))!;
        const { keys, values } = layers[word('a2')]!;
        add('remember', flat(rows * cols), [keys, values], [positions]);
        break;
      }
      case OPCODE.attend: {
        const { layers, positions, kvHeads } = holdings.caches.get(word('handle'))!;
        const { keys, values } = layers[word('a2')]!;
        const heads = word('a3');
        const at = word('a1');
        const kept = keptScores(lists, at, rows);
        const rowBytes = heads * kept * 4;
        const atOnce = Math.min(rows, Math.max(1, Math.floor(cuts.scoreBytes / rowBytes)));
        bytes.scores = Math.max(bytes.scores, atOnce * rowBytes);
        for (let first = 0; first < rows; first += atOnce) {
          add('attend', [heads, Math.min(atOnce, rows - first), 1], [keys, values, 'scores'], [positions, kvHeads, first, kept]);
        }
        break;
      }
      case OPCODE.siluMul: case OPCODE.gelu: case OPCODE.add: case OPCODE.mul: case OPCODE.scale: add('elementwise', flat(rows * stride)); break;
      case OPCODE.take: add('rows', flat(rows * stride), [], [cols]); break;
      case OPCODE.columns: {
        const out = (cols / word('a1')) * word('a3');
        add('rows', flat(rows * paddedColumns(out)), [], [out]);
        break;
      }
      case OPCODE.sample: add('sample', [rows, 1, 1]); break;
      default: throw new Error(`op ${code} is unknown to the GPU engine`);
    }
  }
  return { dispatches, bytes, products };
}

/** Words of a row that quantize.wgsl has prepared, whole vectors of 4, and where its outlier columns begin: those of int8-codes.wgsl. */
function preparedRow(cols: number): { readonly outliersAt: number; readonly rowWords: number } {
  const outliersAt = 16 + paddedColumns(cols) / 4;
  return { outliersAt, rowWords: outliersAt + Math.ceil(cols / 4) * 4 };
}

/** Whether the op before was an int8 product of the same rows: queries, keys and values, gate and up. What was refused of them is told of the first. */
function isPrepared(words: Int32Array, op: number, { weights }: Holdings): boolean {
  const at = op * WORDS;
  const before = at - WORDS;
  return op > 0 && words[before + AT.code] === OPCODE.linear && weights.get(words[before + AT.handle]!)!.kind === 'int8'
    && [AT.x, AT.rows, AT.cols].every((word) => words[before + word] === words[at + word]);
}

/** Scores that attention keeps of each head: of the longest sequence's positions, in whole steps, so that the plan of a step is that of the one before. */
function keptScores(lists: Int32Array, positionsAt: number, rows: number): number {
  let kept = 0;
  for (let row = 0; row < rows; row++) kept = Math.max(kept, lists[positionsAt + row]! + 1);
  return Math.ceil(kept / KEPT_STEP) * KEPT_STEP;
}

/** What of a plan depends on the lists: the scores that each op of attention keeps. */
export function scoresKept({ words, ops, lists }: Program): number[] {
  const kept: number[] = [];
  for (let op = 0, at = 0; op < ops; op++, at += WORDS) {
    if (words[at + AT.code] === OPCODE.attend) kept.push(keptScores(lists, words[at + AT.a1]!, words[at + AT.rows]!));
  }
  return kept;
}

/** So many workgroups, in rows of them: along x, and how many rows. */
export function across(groups: number, cuts: Cuts): [number, number] {
  return [Math.min(groups, cuts.across), Math.ceil(groups / cuts.across)];
}

/** Elements of a padded row. */
export function paddedColumns(cols: number): number {
  return Math.ceil(cols / DOT_BLOCK) * DOT_BLOCK;
}
