/**
 * The cells of what peers write. Their prompts are token ids that our own generate cells of the base give: the same whatever a peer's tokenizer is.
 *
 *   peer-generate:<model>/<peer>/<format>/T0.7/k40/s1   texts, as generate:<model>/<format>/T0.7/k40/s1 (also .../greedy)
 *   peer-text-summary:<model>/<peer>/<format>/T0.7/k40  rows of tables peer_sweep_metrics and peer_texts
 */
import { cell, gather, output, stage } from '../dag/index.ts';
import type { Cell, InputRef } from '../dag/index.ts';
import { samplingPath, settingPath, writtenCell } from './cell-ids.ts';
import type { Sampling } from './cell-ids.ts';
import { registerEntries } from './model-cells.ts';
import { textsAgreement } from './peer-agreement.ts';
import { oursOf } from './peered-model.ts';
import type { PeerCells, PeeredModel, PeerPlace, PeerSweep } from './peered-model.ts';
import type { Peer } from './peers.ts';
import { GATHERED } from './table-rows.ts';

export const peerGenerateStage = stage({ name: 'peer-generate', title: 'Write texts on peers', module: 'stages/quantization/peer-generate.ts', outputs: ['written'], agreement: textsAgreement, determinism: 'measured', optional: true });
export const peerTextSummaryStage = stage({ name: 'peer-text-summary', title: 'Summarize what peers wrote', determinism: 'exact', module: 'stages/quantization/peer-text-summary.ts', outputs: ['metrics', 'texts', 'omitted'] });

/** New tokens of one model and format that another program is asked for at most: one sequence at a time, at tens of tokens a second. */
const MOST_NEW_TOKENS = 8192;

export function peerTextCells(own: PeeredModel, peer: Peer, place: PeerPlace, formats: readonly string[], { prompts, maxNewTokens }: PeerSweep): Pick<PeerCells, 'written' | 'summarizedTexts'> {
  const { model, fetched, judge } = own;
  const newTokens = maxNewTokens.at(-1) as number;
  const base = (own.written.get(model.baseFormat) ?? []).map((prompted) => ({ prompted, sampling: writtenCell(prompted.id).sampling }));
  const asked = base.filter(({ sampling }) => peer.ownKernels === true || affordable(base.map((one) => one.sampling), prompts * newTokens, sampling));
  const shared = { ...place.params, newTokens, judgeBase: judge.model.baseFormat };
  const artifactOf = (format: string): { readonly artifact?: InputRef } => {
    const ours = oursOf(own, peer, format);
    return peer.ownKernels !== true || ours === undefined || ours === model.baseFormat ? {} : { artifact: output(own.quantized.get(ours)!, 'artifact') };
  };
  const written = formats.flatMap((format) => asked.map(({ prompted, sampling = { temperature: 0, topK: 0, seed: 0 } }) => cell(peerGenerateStage, `${place.at}/${format}/${samplingPath(sampling)}`, {
    params: { ...shared, format, ...sampling },
    inputs: {
      ...place.inputs, ...artifactOf(format), prompts: output(prompted, 'texts'), tokenizer: output(fetched, 'tokenizer'), tokenizerConfig: output(fetched, 'tokenizerConfig'),
      judgeConfig: output(judge.fetched, 'config'), judgeWeights: output(judge.fetched, 'weights'), judgeTokenizer: output(judge.fetched, 'tokenizer'),
    },
    uses: [...place.uses, ...model.weightCode, ...registerEntries(judge.model, []), ...(peer.ownKernels === true ? registerEntries(model, [format]) : [])],
    ...place.on(format), batch: place.at, work: prompts * newTokens * model.parametersEstimate / 1e9,
  })));
  const settings = new Map<string, Cell[]>();
  for (const one of written) {
    const { format, temperature, topK } = one.params;
    const path = `${String(format)}/${temperature === 0 ? 'greedy' : settingPath(Number(temperature), Number(topK))}`;
    settings.set(path, [...settings.get(path) ?? [], one]);
  }
  const summarizedTexts = [...settings].map(([path, cells]) => {
    const { format, temperature, topK } = cells[0]!.params as { readonly format: string; readonly temperature: number; readonly topK: number };
    const ours = oursOf(own, peer, format);
    // Only what the same random numbers chose, or none, can be compared one by one.
    const sameOf = (of: string | undefined): readonly Cell[] => of === undefined || (temperature > 0 && peer.ownKernels !== true) ? []
      : (own.written.get(of) ?? []).filter(({ id }) => { const { sampling } = writtenCell(id); return sampling === undefined ? temperature === 0 : sampling.temperature === temperature && sampling.topK === topK; });
    const compared = Object.entries({ ours: sameOf(ours), base: sameOf(model.baseFormat) }).flatMap(([name, from]) => from.length === 0 ? [] : [[name, gather(from.map((one) => output(one, 'texts')))] as const]);
    return cell(peerTextSummaryStage, `${place.at}/${path}`, {
      params: { model: model.name, peer: peer.name, format, ours: ours ?? '', temperature, topK, maxNewTokens: [...maxNewTokens] },
      inputs: { [GATHERED]: gather(cells.map((one) => output(one))), ...Object.fromEntries(compared) }, batch: model.name, work: 0.2,
    });
  });
  return { written, summarizedTexts };
}

/** Greedy always; of the seeds as many, from the first, as stay within the limit at all settings, and one at least. */
function affordable(all: readonly (Sampling | undefined)[], tokensEach: number, wanted: Sampling | undefined): boolean {
  if (wanted === undefined) return true;
  const seeds = [...new Set(all.flatMap((one) => one === undefined ? [] : [one.seed]))];
  const settings = all.filter((one) => one?.seed === seeds[0]).length;
  const room = MOST_NEW_TOKENS - (all.includes(undefined) ? tokensEach : 0);
  return seeds.indexOf(wanted.seed) < Math.max(1, Math.floor(room / (settings * tokensEach)));
}
