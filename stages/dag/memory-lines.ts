/** Memory in words: what a run is expected to hold, and what was held of what had been expected. */
import { memoryNeed } from './resources.ts';
import { byteSize, count } from './words.ts';
import type { Cell, CellRecord } from './types.ts';

/** So many stages are named; those that need the most. */
const SHOWN = 8;

/** Before a run: the largest need of each stage, and which are larger than the machine. Nothing where no stage says. */
export function expectedLines(cells: readonly Cell[], machineBytes: number): readonly string[] {
  const stages = new Map<string, { readonly cell: string; readonly bytes: number }>();
  for (const cell of cells) {
    const bytes = memoryNeed(cell.stage, [cell]);
    if (bytes > (stages.get(cell.stage.name)?.bytes ?? 0)) stages.set(cell.stage.name, { cell: cell.id, bytes });
  }
  if (stages.size === 0) return [];
  const largest = [...stages].sort(([, a], [, b]) => b.bytes - a.bytes);
  const named = largest.slice(0, SHOWN).map(([stage, { bytes }]) => `${stage} ${byteSize(bytes)}`);
  const more = largest.length - named.length;
  return [
    `Memory of one task at its height, expected: ${named.join(', ')}${more > 0 ? ` and less in ${count(more, 'other stage')}` : ''}; a run here may use ${byteSize(machineBytes)}.`,
    ...largest.filter(([, { bytes }]) => bytes > machineBytes).map(([stage, { cell, bytes }]) =>
      `  ${stage} is expected to need ${byteSize(bytes)} (${cell}), more than there is: it runs alone, and may fail or swap; take a smaller model or fewer formats, or a machine with more memory`),
  ];
}

/** Of a record: 'at most 420 MB in memory, 500 MB expected'; undefined where neither is known. */
export function memoryText({ memory }: Pick<CellRecord, 'memory'>): string | undefined {
  if (memory === undefined) return undefined;
  const { peakBytes, expectedBytes } = memory;
  return `${byteSize(peakBytes)} in memory at its height${expectedBytes === undefined ? '' : `, ${byteSize(expectedBytes)} expected`}`;
}

export interface StageMemory {
  readonly stage: string;
  /** The cell whose record has the largest height, against what was expected of it. */
  readonly cell: string;
  readonly peakBytes: number;
  readonly expectedBytes: number;
  readonly exceeded: boolean;
}

/** For each stage whose records have both: the one that went furthest beyond, or came nearest to, what was expected. */
export function stageMemory(records: Iterable<{ readonly stage: string; readonly record: Pick<CellRecord, 'cell' | 'memory'> }>): readonly StageMemory[] {
  const stages = new Map<string, StageMemory>();
  for (const { stage, record: { cell, memory } } of records) {
    if (memory?.expectedBytes === undefined) continue;
    const { peakBytes, expectedBytes } = memory;
    const before = stages.get(stage);
    if (before === undefined || peakBytes / expectedBytes > before.peakBytes / before.expectedBytes) stages.set(stage, { stage, cell, peakBytes, expectedBytes, exceeded: peakBytes > expectedBytes });
  }
  return [...stages.values()];
}

/** After a run: stages that held more than was expected; nothing where none did. */
export function exceededLines(stages: readonly StageMemory[]): readonly string[] {
  return stages.filter(({ exceeded }) => exceeded).map(({ stage, cell, peakBytes, expectedBytes }) => `${stage} held more memory than expected: ${byteSize(peakBytes)} of ${byteSize(expectedBytes)} (${cell})`);
}
