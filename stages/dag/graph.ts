/** The graph of a pipeline, by stage or by cell, and its drawing. */
import { producersOf, topological } from './pipeline.ts';
import type { Cell } from './types.ts';

export interface GraphNode { readonly name: string; readonly cells: number; readonly reads: readonly string[] }

/** Nodes in an order in which each comes after what it reads. Stages that read from their own cells do not name themselves. */
export function graphOf(cells: readonly Cell[], by: 'stages' | 'cells'): readonly GraphNode[] {
  const nameOf = new Map(cells.map((cell) => [cell.id, by === 'cells' ? cell.id : cell.stage.name]));
  const nodes = new Map<string, { cells: number; readonly reads: Set<string> }>();
  for (const cell of topological(cells)) {
    const name = nameOf.get(cell.id)!;
    const node = nodes.get(name) ?? { cells: 0, reads: new Set<string>() };
    node.cells++;
    for (const id of producersOf(cell)) if (nameOf.get(id) !== name) node.reads.add(nameOf.get(id)!);
    nodes.set(name, node);
  }
  return [...nodes].map(([name, node]) => ({ name, cells: node.cells, reads: [...node.reads] }));
}

const BOX = { width: 150, height: 44, gapX: 70, gapY: 20, margin: 20 };

/** A standalone SVG, left to right. Takes its colours from the reader's preference for light or dark. */
export function graphSvg(nodes: readonly GraphNode[], title: string): string {
  const columns = columnsOf(nodes);
  const rows: string[][] = [];
  for (const node of nodes) (rows[columns.get(node.name)!] ??= []).push(node.name);
  const tallest = Math.max(0, ...rows.map((column) => column.length));
  const width = 2 * BOX.margin + rows.length * (BOX.width + BOX.gapX) - BOX.gapX;
  const height = 2 * BOX.margin + tallest * (BOX.height + BOX.gapY) - BOX.gapY;
  const place = new Map(rows.flatMap((column, x) => column.map((name, y) => [name, {
    x: BOX.margin + x * (BOX.width + BOX.gapX),
    y: BOX.margin + (y + (tallest - column.length) / 2) * (BOX.height + BOX.gapY),
  }] as const)));

  const lines = nodes.flatMap(({ name, reads }) => reads.filter((from) => place.has(from)).map((from) => {
    const [a, b] = [place.get(from)!, place.get(name)!];
    const [x1, y1, x2, y2] = [a.x + BOX.width, a.y + BOX.height / 2, b.x, b.y + BOX.height / 2];
    const bend = Math.max(BOX.gapX, x2 - x1) / 2;
    return `<path d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}"/>`;
  }));
  const boxes = nodes.map(({ name, cells }) => {
    const { x, y } = place.get(name)!;
    const label = name.length > 22 ? `${name.slice(0, 10)}…${name.slice(-11)}` : name;
    return `<g><title>${escapeXml(name)}</title><rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="4"/>`
      + `<text x="${x + 10}" y="${y + 19}">${escapeXml(label)}</text><text class="n" x="${x + 10}" y="${y + 34}">${cells === 1 ? '1 cell' : `${cells} cells`}</text></g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}: what flows from stage to stage">
<style>text{font:13px system-ui,sans-serif;fill:#222}.n{font-size:11px;fill:#666}rect{fill:#fff;stroke:#888}path{fill:none;stroke:#999}@media(prefers-color-scheme:dark){text{fill:#eee}.n{fill:#aaa}rect{fill:#222;stroke:#888}}</style>
${lines.join('\n')}
${boxes.join('\n')}
</svg>
`;
}

/** Column of each node: one behind the last of what it reads. Stages may read from each other's cells; then the order given decides. */
function columnsOf(nodes: readonly GraphNode[]): ReadonlyMap<string, number> {
  const columns = new Map<string, number>();
  for (const { name, reads } of nodes) columns.set(name, Math.max(0, ...reads.map((from) => (columns.get(from) ?? -1) + 1)));
  return columns;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character]!);
}
