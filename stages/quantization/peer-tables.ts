/** Rows of the tables of peers (data/schema.sql). A stage of its own, so that the other tables do not depend on whether there are peers. */
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { PeerAbout } from './peer-score.ts';
import { listed } from './peer-words.ts';
import { foundJson } from './table-rows.ts';
import type { Row } from './table-rows.ts';
import { guarded, textParam } from './task-values.ts';

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    await guarded(io, task, async () => {
      const rows: Row[] = [];
      for await (const row of rowsOf(task, io)) rows.push(row);
      await io.commit(task.id, { rows: rows.map((row) => `${JSON.stringify(row)}\n`).join('') });
    });
  }
};

async function* rowsOf(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  const seen = new Set<string>();
  // All but one are rows already.
  if (textParam(task, 'table') !== 'peers') {
    for await (const { cell, value } of foundJson<readonly Row[]>(task, io)) if (!seen.has(cell)) { seen.add(cell); yield* value; }
    return;
  }
  // What a peer says of a format it says of every text.
  for await (const { cell, machine = 'unknown', value } of foundJson<PeerAbout>(task, io)) {
    const { model, peer, format, identity, threads, computes, weights, codes } = value;
    const key = `${model} ${peer} ${format} ${machine}`;
    if (seen.has(key)) continue;
    seen.add(key);
    yield {
      model, peer, format, machine, packages: listed(identity.packages), device: identity.device, settings: listed(identity.settings), threads,
      weights: computes.weights, activations: computes.activations, head: computes.head, note: computes.note ?? null,
      linear_weights: weights.linearWeights, linear_bytes: weights.linearBytes, other_weights: weights.otherWeights, other_bytes: weights.otherBytes,
      codes_compared: codes.compared, codes_equal: codes.equal, cell,
    };
  }
}
