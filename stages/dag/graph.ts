/** The graph of a pipeline, by stage or by cell. Its drawing is in graph-svg.ts. */
import { producersOf, toolCellsOf, topological } from './pipeline.ts';
import type { Cell } from './types.ts';

export interface GraphNode {
  readonly name: string;
  readonly cells: number;
  readonly reads: readonly string[];
  /** What it uses as tools, where it uses any. */
  readonly uses?: readonly string[];
}

/**
 * Nodes in the order in which data flows: each comes after what it reads and uses, else in the pipeline's order. Stages that read from
 * their own cells do not name themselves; where two read from each other's cells, the pipeline's order decides between them.
 */
export function graphOf(cells: readonly Cell[], by: 'stages' | 'cells'): readonly GraphNode[] {
  const nameOf = new Map(cells.map((cell) => [cell.id, by === 'cells' ? cell.id : cell.stage.name]));
  const nodes = new Map<string, { cells: number; readonly reads: Set<string>; readonly uses: Set<string> }>();
  for (const cell of by === 'cells' ? topological(cells) : cells) {
    const name = nameOf.get(cell.id)!;
    const node = nodes.get(name) ?? { cells: 0, reads: new Set<string>(), uses: new Set<string>() };
    node.cells++;
    for (const id of producersOf(cell)) if (nameOf.get(id) !== name) node.reads.add(nameOf.get(id)!);
    for (const id of toolCellsOf(cell)) if (nameOf.get(id) !== name) node.uses.add(nameOf.get(id)!);
    nodes.set(name, node);
  }
  const left = [...nodes].map(([name, node]): GraphNode => ({ name, cells: node.cells, reads: [...node.reads], ...(node.uses.size === 0 ? {} : { uses: [...node.uses] }) }));
  if (by === 'cells') return left;
  const ordered: GraphNode[] = [];
  while (left.length > 0) {
    const ready = left.findIndex(({ reads, uses = [] }) => [...reads, ...uses].every((from) => ordered.some(({ name }) => name === from)));
    ordered.push(...left.splice(Math.max(0, ready), 1));
  }
  return ordered;
}
