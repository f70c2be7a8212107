/** Turns what a peer computed into rows of table peer_metrics: quality against our base, agreement with our own model in the format, sizes. */
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { PeerAbout } from './peer-score.ts';
import { fidelityClusters } from './score-clusters.ts';
import { readFidelity } from './score-output.ts';
import type { FidelityScores } from './score-output.ts';
import { mean } from './statistics/estimate.ts';
import { summarizeFidelity } from './summarize-fidelity.ts';
import { MetricList } from './summarize-rows.ts';
import type { RowPlace } from './summarize-rows.ts';
import { guarded, textParam } from './task-values.ts';

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    await guarded(io, task, async () => {
      const list = await summary(task, io);
      const peer = textParam(task, 'peer');
      const rows = list.rows.map(({ quantity, model, format, text, value, low, high, unit, n, clusters, cell }) => ({ quantity, model, peer, format, text, value, low, high, unit, n, clusters, cell }));
      await io.commit(task.id, { metrics: JSON.stringify(rows), omitted: JSON.stringify(list.omitted) });
    });
  }
};

async function summary(task: TaskCell, io: TaskIo): Promise<MetricList> {
  const list = new MetricList();
  const place: RowPlace = { model: textParam(task, 'model'), format: textParam(task, 'format'), cell: task.id };
  const scores = (await gathered(task, io, 'scores')).map(readFidelity);
  // Texts that the peer could not score leave nothing to summarize, and no failure of its own: theirs are told.
  if (scores.length === 0) return list;
  // Its base is another program's: even in the base's format it is compared.
  summarizeFidelity(list, place, false, scores);
  const own = (await gathered(task, io, 'own')).filter((bytes) => bytes.length > 0).map(readFidelity);
  if (own.length === scores.length) agreement(list, place, own);
  const [about] = (await gathered(task, io, 'about')).map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as PeerAbout);
  if (about !== undefined) sizes(list, place, about);
  return list;
}

/** KL(ours || theirs) in the same format, and what else parts them. */
function agreement(list: MetricList, place: RowPlace, texts: readonly FidelityScores[]): void {
  const { tokens, clusters, size, kl, klAscending, deltaNll, sameTop1 } = fidelityClusters(texts);
  list.estimate(place, 'agreement_kl_mean', 'nats', tokens, mean(kl, size));
  list.add(place, 'agreement_kl_max', 'nats', klAscending.at(-1) ?? NaN, { n: tokens, clusters });
  list.estimate(place, 'agreement_delta_nll', 'nats', tokens, mean(deltaNll, size));
  list.estimate(place, 'agreement_top1', 'share', tokens, mean(sameTop1, size));
}

function sizes(list: MetricList, place: RowPlace, { weights: { linearWeights, linearBytes, otherWeights, otherBytes } }: PeerAbout): void {
  list.add(place, 'bits_per_weight_linear', 'bits', (8 * linearBytes) / linearWeights, { n: linearWeights });
  list.add(place, 'bits_per_weight_model', 'bits', (8 * (linearBytes + otherBytes)) / (linearWeights + otherWeights), { n: linearWeights + otherWeights });
  list.add(place, 'weight_bytes', 'bytes', linearBytes + otherBytes, { n: linearWeights + otherWeights });
}

/** Of several machines' results the first by label: one row a quantity. */
async function gathered(task: TaskCell, io: TaskIo, name: string): Promise<Uint8Array[]> {
  const input = task.inputs[name];
  if (input?.kind !== 'gather') throw new Error(`${task.id}: input ${name} must be a gather`);
  const seen = new Set<string>();
  const found: Uint8Array[] = [];
  for (const item of input.items) {
    if ('missing' in item || seen.has(item.cell)) continue;
    seen.add(item.cell);
    found.push(await io.read(item.handle));
  }
  return found;
}
