/**
 * What a peer wrote at one (temperature, top_k), as rows of tables peer_sweep_metrics and peer_texts: the figures and intervals of our own texts (summarize-texts.ts). Where it
 * took the likeliest token, or drew by our noise, also how far it goes with ours in the same format, and with our base, as our own formats are held against it.
 */
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import { writtenCell } from './cell-ids.ts';
import type { PeerWritten } from './peer-generate.ts';
import { MetricList } from './summarize-rows.ts';
import type { MetricRow } from './summarize-rows.ts';
import { summarizeTexts } from './summarize-texts.ts';
import type { SeedTexts } from './summarize-texts.ts';
import { firstDifference } from './statistics/first-difference.ts';
import { foundJson } from './table-rows.ts';
import type { Row } from './table-rows.ts';
import { guarded, listParam, numberParam, textParam } from './task-values.ts';
import type { WrittenText } from './task-values.ts';

export const run: Run = async (cells, io) => {
  for (const [index, task] of cells.entries()) {
    io.signal.throwIfAborted();
    await guarded(io, task, async () => {
      const { rows, texts, omitted } = await summary(task, io);
      const peer = textParam(task, 'peer');
      const metrics = rows.map(({ quantity, model, format, temperature, top_k, max_new_tokens, value, low, high, unit, n, clusters, cell }) =>
        ({ quantity, model, peer, format, temperature, top_k, max_new_tokens, value, low, high, unit, n, clusters, cell }));
      await io.commit(task.id, { metrics: JSON.stringify(metrics), texts: JSON.stringify(texts), omitted: JSON.stringify(omitted) });
    });
    io.progress(index + 1, cells.length, 'summaries');
  }
};

/** What comparing adds to a text's own figures, by what it is compared with. */
const COMPARED: { readonly [quantity: string]: { readonly ours: string; readonly base: string } } = {
  same_as_base: { ours: 'same_as_ours', base: 'same_as_base' }, tokens_until_difference: { ours: 'tokens_until_difference_from_ours', base: 'tokens_until_difference' },
};

async function summary(task: TaskCell, io: TaskIo): Promise<Pick<MetricList, 'rows' | 'omitted'> & { readonly texts: readonly Row[] }> {
  const place = { model: textParam(task, 'model'), format: textParam(task, 'format'), cell: task.id, temperature: numberParam(task, 'temperature'), top_k: numberParam(task, 'topK'), exact: false };
  const limits = listParam(task, 'maxNewTokens') as readonly number[];
  const written = await writtenOf(task, io);
  const list = new MetricList();
  // What the peer could not write leaves nothing to summarize, and no failure of its own: the cell that failed is told of.
  if (written.length === 0) return { ...list, texts: [] };
  summarizeTexts(list, place, true, written.map(({ texts, judged }): SeedTexts => ({ texts, base: texts, judged, judgedBase: judged })), limits);
  const rows: MetricRow[] = [...list.rows];
  for (const against of ['ours', 'base'] as const) {
    const texts = await textsBySeed(task, io, against);
    const seeds = written.flatMap((own): SeedTexts[] => { const base = texts.get(own.seed); return base === undefined ? [] : [{ texts: own.texts, base, judged: own.judged, judgedBase: own.judged }]; });
    if (seeds.length === 0) continue;
    const compared = new MetricList();
    summarizeTexts(compared, place, false, seeds, limits);
    rows.push(...compared.rows.flatMap((row) => COMPARED[row.quantity] === undefined ? [] : [{ ...row, quantity: COMPARED[row.quantity]![against] }]));
  }
  const ours = await textsBySeed(task, io, 'ours');
  return { rows, omitted: list.omitted, texts: written.flatMap((own) => { const texts = ours.get(own.seed); return textRows(own, texts === undefined ? undefined : { format: textParam(task, 'ours'), texts }, task.id); }) };
}

/** What we wrote of the same prompts at the same setting: greedily, which counts as seed 0, or with each seed. */
async function textsBySeed(task: TaskCell, io: TaskIo, name: 'ours' | 'base'): Promise<ReadonlyMap<number, readonly WrittenText[]>> {
  const texts = new Map<number, readonly WrittenText[]>();
  if (task.inputs[name] === undefined) return texts;
  for await (const { cell, value } of foundJson<readonly WrittenText[]>(task, io, name)) texts.set(writtenCell(cell).sampling?.seed ?? 0, value);
  return texts;
}

/** `ours`: what we wrote in the same format with the same random numbers, or greedily, of the same prompts in the same order. */
function textRows({ model, peer, format, seed, temperature, topK, newTokens, texts }: PeerWritten, ours: { readonly format: string; readonly texts: readonly WrittenText[] } | undefined, from: string): Row[] {
  return texts.map(({ prompt, text, ids }, i) => ({
    model, peer, format, prompt, seed, temperature, top_k: topK, max_new_tokens: newTokens, text, tokens: ids.join(' '), ours: ours?.format ?? null,
    first_difference: ours === undefined ? null : firstDifference(ours.texts[i]!.ids, ids), cell: from,
  }));
}

/** One for each seed: of several machines' texts those of the first by label. */
async function writtenOf(task: TaskCell, io: TaskIo): Promise<PeerWritten[]> {
  const seen = new Map<string, PeerWritten>();
  for await (const { cell, value } of foundJson<PeerWritten>(task, io)) if (!seen.has(cell)) seen.set(cell, value);
  return [...seen.values()];
}
