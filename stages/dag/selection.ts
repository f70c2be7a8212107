/** Which cells a command line means. */
import { ConfigurationError } from './declare.ts';
import { cellsById, closureOf, helpersOf, producersOf, toolCellsOf } from './pipeline.ts';
import { closest } from './words.ts';
import type { Cell, Pipeline } from './types.ts';

export interface Selection {
  /** Named by the targets themselves (all cells when there is no target). */
  readonly named: ReadonlySet<string>;
  /** These and everything that they are computed from or with, in the pipeline's order. */
  readonly cells: readonly Cell[];
  /** Of these, the ones that only help: looked at when a cell that uses them is going to run. */
  readonly onDemand: ReadonlySet<string>;
}

/**
 * A target is a cell id ('score:novel-4m/nf4'), a stage ('score'), or a pattern in which `*` stands for any characters
 * ('score:novel-4m/*'). Throws ConfigurationError for one that names nothing.
 */
export function select(pipeline: Pipeline, targets: readonly string[]): Selection {
  if (targets.length === 0) return { named: new Set(pipeline.cells.map((cell) => cell.id)), cells: pipeline.cells, onDemand: helpersOf(pipeline) };
  const named = new Set(targets.flatMap((target) => cellsNamed(pipeline, target).map((cell) => cell.id)));
  const byId = cellsById(pipeline.cells);
  const needed = closureOf(named, byId, producersOf);
  const wanted = closureOf(named, byId, (cell) => [...producersOf(cell), ...toolCellsOf(cell)]);
  return {
    named, cells: pipeline.cells.filter(({ id }) => wanted.has(id)),
    onDemand: new Set([...wanted].filter((id) => !needed.has(id))),
  };
}

/** The cells of one target, at least one. */
export function cellsNamed(pipeline: Pipeline, target: string): readonly Cell[] {
  const one = cellsById(pipeline.cells).get(target);
  if (one !== undefined) return [one];
  const pattern = target.includes('*') ? new RegExp(`^${target.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`) : undefined;
  const found = pipeline.cells.filter((cell) => pattern === undefined ? cell.id === target || cell.stage.name === target : pattern.test(cell.id) || pattern.test(cell.stage.name));
  if (found.length > 0) return found;
  const near = pattern === undefined ? closest(target, [...new Set(pipeline.cells.map((cell) => cell.stage.name)), ...pipeline.cells.map((cell) => cell.id)]) : undefined;
  const stages = [...new Set(pipeline.cells.map((cell) => cell.stage.name))];
  throw new ConfigurationError(`"${target}" names no cell${near === undefined ? '' : `; did you mean "${near}"?`}\nA target is a stage (${stages.join(', ')}), a cell, or a pattern such as "${stages[0] ?? 'stage'}:*"`);
}
