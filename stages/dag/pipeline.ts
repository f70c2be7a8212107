/** A whole pipeline: checked once when it is declared, so that everything after it may trust what it reads. */
import { isAbsolute } from 'node:path';
import { ConfigurationError, forEachCellOf } from './declare.ts';
import { unsafePath } from './paths.ts';
import { closest } from './words.ts';
import type { Cell, OutputRef, Pipeline, Stage } from './types.ts';

/** What `pipeline()` takes: boundaries and exports may be left out. */
export type PipelineDeclaration = Omit<Pipeline, 'boundaries' | 'exports'> & Partial<Pick<Pipeline, 'boundaries' | 'exports'>>;

/** The default store folder, from the project's root. */
export const DEFAULT_STORE = '.bitwidth';

/**
 * Declares a pipeline. Checks: unique cell ids, one declaration per stage name, references that exist, no input on an unstable
 * output but of a cell whose own outputs are all unstable, tools of optional stages, no cycle, safe paths. Throws ConfigurationError naming the cell and the field.
 */
export function pipeline(declaration: PipelineDeclaration): Pipeline {
  const { name, root, base, store, cells, boundaries = {}, exports = [] } = declaration;
  if (!isAbsolute(root)) throw new ConfigurationError(`pipeline "${name}": root must be an absolute path`);
  if (base !== undefined && !isAbsolute(base)) throw new ConfigurationError(`pipeline "${name}": base must be an absolute path`);
  const badStore = store === undefined || isAbsolute(store) ? undefined : unsafePath(store);
  if (badStore !== undefined) throw new ConfigurationError(`pipeline "${name}": store "${store}" ${badStore}; give a path from the project's root, or an absolute one`);

  const byId = new Map<string, Cell>();
  const stages = new Map<string, Stage>();
  let ordered = true;
  const isKnown = (id: string): void => { ordered &&= byId.has(id); };
  for (const cell of cells) {
    for (const name in cell.inputs) forEachCellOf(cell.inputs[name]!, isKnown);
    for (const name in cell.tools) isKnown(cell.tools[name]!.cell);
    if (byId.has(cell.id)) throw new ConfigurationError(`cell "${cell.id}": declared twice; ids must be unique`);
    byId.set(cell.id, cell);
    const known = stages.get(cell.stage.name);
    if (known === undefined) stages.set(cell.stage.name, cell.stage);
    else if (known !== cell.stage) throw new ConfigurationError(`stage "${cell.stage.name}": declared twice; share one declaration among its cells`);
  }

  const check = (where: () => string, ref: OutputRef, stableOnly: boolean): void => {
    const producer = byId.get(ref.cell);
    if (producer === undefined) throw new ConfigurationError(`${where()} refers to the unknown cell "${ref.cell}"${suggestion(ref.cell, byId.keys())}`);
    const { outputs, unstableOutputs } = producer.stage;
    if (!outputs.includes(ref.output)) throw new ConfigurationError(`${where()} refers to the output "${ref.output}" of "${ref.cell}"; its outputs are ${outputs.join(', ')}`);
    if (stableOnly && unstableOutputs?.includes(ref.output)) {
      throw new ConfigurationError(`${where()} refers to "${ref.output}" of "${ref.cell}", whose bytes may differ between equal runs; use a stable output`);
    }
  };
  for (const cell of cells) {
    const { outputs, unstableOutputs } = cell.stage;
    // What differs between equal runs may then only reach what differs anyhow, and no key of an exact result.
    const stableOnly = unstableOutputs === undefined || !outputs.every((output) => unstableOutputs.includes(output));
    for (const inputName in cell.inputs) {
      const input = cell.inputs[inputName]!;
      const where = (): string => `cell "${cell.id}": inputs.${inputName}`;
      if (input.kind === 'output') {
        check(where, input, stableOnly);
        // Otherwise a failure that is none of the run would leave cells undone, and the run would seem to have succeeded.
        if (cell.stage.optional !== true && byId.get(input.cell)!.stage.optional === true) {
          throw new ConfigurationError(`${where()} needs "${input.cell}", whose stage is optional; gather it, or use it as a tool`);
        }
      } else if (input.kind === 'gather') for (const ref of input.of) check(where, ref, stableOnly);
      else if (input.kind === 'records') {
        for (const id of input.of) {
          if (!byId.has(id)) throw new ConfigurationError(`${where()} refers to the unknown cell "${id}"${suggestion(id, byId.keys())}`);
        }
      }
    }
  }
  for (const cell of cells) {
    for (const toolName in cell.tools) {
      const ref = cell.tools[toolName]!;
      const where = (): string => `cell "${cell.id}": tools.${toolName}`;
      check(where, ref, false);
      if (byId.get(ref.cell)!.stage.optional !== true) throw new ConfigurationError(`${where()} refers to "${ref.cell}", whose stage is not optional; declare the stage \`optional: true\`, or make it an input`);
    }
  }
  for (const folder of exports) {
    const where = `export to "${folder.to}"`;
    const unsafe = unsafePath(folder.to);
    if (unsafe !== undefined) throw new ConfigurationError(`${where}: the path ${unsafe}; give a folder under the project's root`);
    const storePath = store ?? DEFAULT_STORE;
    if (`${folder.to}/`.startsWith(`${storePath}/`) || `${storePath}/`.startsWith(`${folder.to}/`)) throw new ConfigurationError(`${where}: it overlaps the store ${storePath}`);
    for (const ref of folder.from) check(() => where, ref, false);
  }
  for (const { computedBy, reason } of declaration.revoked ?? []) {
    // Without a value it would mean every record there is.
    if (Object.keys(computedBy).length === 0) throw new ConfigurationError(`pipeline "${name}": a revocation (${reason}) names nothing that computed; give at least one value of computedBy`);
  }
  if (ordered) inOrder.add(cells);
  topological(cells);
  ids.set(cells, byId);
  return { ...declaration, boundaries, exports };
}

/** Of declared pipelines: ten thousand cells are not put into a map, or in order, twice. */
const ids = new WeakMap<readonly Cell[], ReadonlyMap<string, Cell>>();
/** Each of these comes after all that it reads and uses. */
const inOrder = new WeakSet<readonly Cell[]>();

/** Cells by their id. */
export function cellsById(cells: readonly Cell[]): ReadonlyMap<string, Cell> {
  let byId = ids.get(cells);
  if (byId === undefined) ids.set(cells, byId = new Map(cells.map((cell) => [cell.id, cell])));
  return byId;
}

/** Cells in an order in which each comes after all that it reads and uses. Throws ConfigurationError that spells out a cycle. */
export function topological(cells: readonly Cell[]): readonly Cell[] {
  if (inOrder.has(cells)) return cells;
  const places = new Map<string, number>();
  for (let i = 0; i < cells.length; i++) places.set(cells[i]!.id, i);
  // By place, and a reference named twice counted twice: a sweep of ten thousand cells is put in order at every start.
  const waitsFor = new Int32Array(cells.length);
  const readers: number[][] = [];
  let reader = 0;
  const read = (id: string): void => {
    waitsFor[reader]!++;
    const place = places.get(id);
    if (place !== undefined) (readers[place] ??= []).push(reader);
  };
  for (; reader < cells.length; reader++) {
    const { inputs, tools } = cells[reader]!;
    for (const name in inputs) forEachCellOf(inputs[name]!, read);
    for (const name in tools) read(tools[name]!.cell);
  }
  const ready: number[] = [];
  for (let i = 0; i < cells.length; i++) if (waitsFor[i] === 0) ready.push(i);
  for (let i = 0; i < ready.length; i++) for (const next of readers[ready[i]!] ?? []) if (--waitsFor[next]! === 0) ready.push(next);
  if (ready.length < cells.length) {
    throw new ConfigurationError(`the cells form a cycle: ${cycleAmong(cells.filter((_, i) => waitsFor[i]! > 0), new Map(cells.map((cell) => [cell.id, cell])))}`);
  }
  return ready.map((place) => cells[place]!);
}

/** The ids of all cells that a cell reads, each once. */
export function producersOf(cell: Cell): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const name in cell.inputs) forEachCellOf(cell.inputs[name]!, (id) => ids.add(id));
  return ids;
}

const NONE: ReadonlySet<string> = new Set();

/** The ids of all cells whose outputs a cell uses as tools, each once. */
export function toolCellsOf({ tools }: Cell): ReadonlySet<string> {
  return tools === undefined ? NONE : new Set(Object.values(tools).map((ref) => ref.cell));
}

/**
 * The cells that only help: used as tools, or read by such cells alone, and not exported. They are looked at when a cell that uses
 * them is going to run.
 */
export function helpersOf({ cells, exports }: Pick<Pipeline, 'cells' | 'exports'>): ReadonlySet<string> {
  if (cells.every(({ tools }) => tools === undefined)) return NONE;
  const byId = cellsById(cells);
  const used = new Set(cells.flatMap((cell) => [...toolCellsOf(cell)]));
  const read = new Set(cells.flatMap((cell) => [...producersOf(cell)]));
  const ends = cells.filter(({ id }) => !used.has(id) && !read.has(id)).map(({ id }) => id);
  const needed = closureOf([...ends, ...exports.flatMap(({ from }) => from.map((ref) => ref.cell))], byId, producersOf);
  return new Set(cells.map(({ id }) => id).filter((id) => !needed.has(id)));
}

/** These cells and all that are reached from them. */
export function closureOf(from: Iterable<string>, byId: ReadonlyMap<string, Cell>, next: (cell: Cell) => Iterable<string>): ReadonlySet<string> {
  const reached = new Set(from);
  // A Set's iteration reaches what is added on the way.
  for (const id of reached) for (const further of next(byId.get(id)!)) reached.add(further);
  return reached;
}

function cycleAmong(stuck: readonly Cell[], byId: ReadonlyMap<string, Cell>): string {
  const stuckIds = new Set(stuck.map((cell) => cell.id));
  const path: string[] = [];
  let id = stuck[0]!.id;
  // Every stuck cell waits for at least one stuck cell, so walking backwards must come round.
  while (!path.includes(id)) {
    path.push(id);
    const cell = byId.get(id)!;
    id = [...producersOf(cell), ...toolCellsOf(cell)].find((before) => stuckIds.has(before))!;
  }
  return [...path.slice(path.indexOf(id)), id].reverse().join(' -> ');
}

function suggestion(wanted: string, known: Iterable<string>): string {
  const near = closest(wanted, known);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}
