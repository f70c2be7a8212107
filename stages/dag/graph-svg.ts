/** The drawing of a graph: columns from left to right, each node one behind the last of what it reads. */
import type { GraphNode } from './graph.ts';

const BOX = { width: 150, height: 44, gapX: 70, gapY: 20, margin: 20 };

/**
 * A standalone SVG; tools come by a dashed line. A line that a longer way implies is left out (what a stage reads besides stands in its tooltip, and in the text
 * form of the graph). Takes its colours from the reader's preference for light or dark.
 */
export function graphSvg(nodes: readonly GraphNode[], title: string): string {
  const direct = new Map(nodes.map((node) => [node.name, directReads(node, nodes)]));
  const columns = columnsOf(nodes, direct);
  const tallest = Math.max(0, ...columns.map((column) => column.length));
  const width = 2 * BOX.margin + columns.length * (BOX.width + BOX.gapX) - BOX.gapX;
  const height = 2 * BOX.margin + tallest * (BOX.height + BOX.gapY) - BOX.gapY;
  const place = new Map(columns.flatMap((column, x) => column.map(({ name }, y) => [name, {
    x: BOX.margin + x * (BOX.width + BOX.gapX),
    y: BOX.margin + (y + (tallest - column.length) / 2) * (BOX.height + BOX.gapY),
  }] as const)));

  const lines = nodes.flatMap((node) => direct.get(node.name)!.map((from) => {
    const [a, b] = [place.get(from)!, place.get(node.name)!];
    const [x1, y1, x2, y2] = [a.x + BOX.width, a.y + BOX.height / 2, b.x, b.y + BOX.height / 2];
    const bend = Math.max(BOX.gapX, x2 - x1) / 2;
    return `<path${node.reads.includes(from) ? '' : ' class="u"'} d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}"/>`;
  }));
  const boxes = nodes.map(({ name, cells, reads, uses = [] }) => {
    const { x, y } = place.get(name)!;
    const label = name.length > 22 ? `${name.slice(0, 10)}…${name.slice(-11)}` : name;
    const tooltip = [name, ...(reads.length === 0 ? [] : [`reads ${reads.join(', ')}`]), ...(uses.length === 0 ? [] : [`uses ${uses.join(', ')}`])].join(' ');
    return `<g><title>${escapeXml(tooltip)}</title><rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="4"/>`
      + `<text x="${x + 10}" y="${y + 19}">${escapeXml(label)}</text><text class="n" x="${x + 10}" y="${y + 34}">${cells === 1 ? '1 cell' : `${cells} cells`}</text></g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}: what flows from stage to stage">
<style>text{font:13px system-ui,sans-serif;fill:#222}.n{font-size:11px;fill:#666}rect{fill:#fff;stroke:#888}path{fill:none;stroke:#999}.u{stroke-dasharray:4 3}@media(prefers-color-scheme:dark){text{fill:#eee}.n{fill:#aaa}rect{fill:#222;stroke:#888}}</style>
${lines.join('\n')}
${boxes.join('\n')}
</svg>
`;
}

/** What a node reads and uses, without what it also reaches through another node that it reads or uses. */
function directReads(node: GraphNode, nodes: readonly GraphNode[]): readonly string[] {
  const readsOf = new Map(nodes.map(({ name, reads, uses = [] }) => [name, [...new Set([...reads, ...uses])]]));
  const behind = new Set([node.name]);
  const open = readsOf.get(node.name)!.flatMap((name) => readsOf.get(name) ?? []);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (behind.has(name)) continue;
    behind.add(name);
    open.push(...readsOf.get(name) ?? []);
  }
  return readsOf.get(node.name)!.filter((name) => readsOf.has(name) && !behind.has(name));
}

/** Nodes by column. Within one, a node stands about where the middle of what it reads stands, so that few lines cross. */
function columnsOf(nodes: readonly GraphNode[], direct: ReadonlyMap<string, readonly string[]>): readonly (readonly GraphNode[])[] {
  const columnOf = new Map<string, number>();
  const columns: GraphNode[][] = [];
  for (const node of nodes) {
    const column = Math.max(0, ...[...node.reads, ...node.uses ?? []].map((from) => (columnOf.get(from) ?? -1) + 1));
    columnOf.set(node.name, column);
    (columns[column] ??= []).push(node);
  }
  const heightOf = new Map<string, number>();
  return columns.map((column) => {
    const wanted = new Map(column.map((node) => [node, middleOf(direct.get(node.name)!, heightOf)]));
    const sorted = column.toSorted((a, b) => wanted.get(a)! - wanted.get(b)!);
    sorted.forEach(({ name }, row) => heightOf.set(name, row - (column.length - 1) / 2));
    return sorted;
  });
}

function middleOf(names: readonly string[], heightOf: ReadonlyMap<string, number>): number {
  const heights = names.map((name) => heightOf.get(name) ?? 0);
  return heights.length === 0 ? 0 : heights.reduce((sum, height) => sum + height, 0) / heights.length;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character]!);
}
