/** Goes through a task's cells format by format on one peer. A format that fails takes its own cells with it, and the peer is started anew for the next. */
import type { OutputPart, TaskCell, TaskIo } from '../dag/index.ts';
import { PeerHost } from './peer-host.ts';
import { buildOf } from './peer-words.ts';
import { byFormat } from './score-inputs.ts';
import { expectedFailure, textParam } from './task-values.ts';

/** Commits a cell, in the name of the peer. */
export type CommitCell = (cell: TaskCell, outputs: { readonly [output: string]: OutputPart }) => Promise<void>;

/** `work` loads the format of its cells on the host and commits each; `unit` is what progress counts: 'texts'. Cells that it leaves open when it throws fail. */
export async function eachFormatOnPeer(cells: readonly TaskCell[], io: TaskIo, unit: string, work: (own: readonly TaskCell[], host: PeerHost, commit: CommitCell) => Promise<void>): Promise<void> {
  const host = new PeerHost(cells[0]!, io);
  const open = new Set(cells);
  const commit: CommitCell = async (cell, outputs) => {
    await io.commit(cell.id, outputs, { engine: textParam(cell, 'peer'), build: buildOf((await host.run()).identity) });
    open.delete(cell);
    io.progress(cells.length - open.size, cells.length, unit);
  };
  try {
    for (const own of byFormat(cells).values()) {
      try {
        await work(own, host, commit);
      } catch (error) {
        const failure = expectedFailure(error);
        if (failure === undefined) throw error;
        await host.drop(error);
        for (const cell of own) if (open.delete(cell)) await io.fail(cell.id, failure);
      }
    }
  } finally {
    await host.close();
  }
}
