/**
 * The cells of peers: other programs that compute the study's models their own way (peers.ts). None where the study names no peer. They are measured:
 * facts of a machine and of the versions in their `facts`; and optional: where a peer cannot run, that is told, and the study is none the worse.
 *
 *   peer-score:<model>/<peer>/<format>/<text>   token by token against our base, and against our own model in that format
 *   peer-speed:<model>/<peer>                   all formats in randomised blocks, as speed:<model>/auto, and ours in the same blocks
 *   peer-summary:<model>/<peer>/<format>        rows of table peer_metrics
 *   peer-ratios:<model>/<peer>                  rows of table peer_ratios
 *   peer-generate, peer-text-summary            what it writes: peer-text-cells.ts
 */
import { cell, file, gather, output, stage } from '../dag/index.ts';
import type { Cell, InputRef, Json } from '../dag/index.ts';
import type { StudyModel } from './config.ts';
import { checkpointInputs, registerEntries } from './model-cells.ts';
import { filesOf, oursOf } from './peered-model.ts';
import type { PeerCells, PeeredModel, PeerPlace, PeerSweep, StudyPeer } from './peered-model.ts';
import type { Peer } from './peers.ts';
import { scoresAgreement } from './peer-agreement.ts';
import type { RatioPair } from './peer-ratios.ts';
import { placeOf } from './peer-place.ts';
import { peerTextCells } from './peer-text-cells.ts';
import { speedAgreement } from './speed-agreement.ts';
import { kernelFiles } from './speed-cells.ts';
import { GATHERED } from './table-rows.ts';

const measured = { determinism: 'measured', optional: true } as const;
export const peerScoreStage = stage({ name: 'peer-score', title: 'Score the texts on peers', module: 'stages/quantization/peer-score.ts', outputs: ['scores', 'own', 'about'], agreement: scoresAgreement, ...measured });
export const peerSpeedStage = stage({ name: 'peer-speed', title: 'Time the formats on peers', module: 'stages/quantization/peer-speed.ts', outputs: ['samples'], exclusive: true, agreement: speedAgreement, ...measured });
export const peerRatiosStage = stage({ name: 'peer-ratios', title: 'Summarize how fast peers are', determinism: 'exact', module: 'stages/quantization/peer-ratios.ts', outputs: ['ratios'] });
export const peerSummaryStage = stage({ name: 'peer-summary', title: 'Summarize what peers computed', determinism: 'exact', module: 'stages/quantization/peer-summary.ts', outputs: ['metrics', 'omitted'] });
export const peerTablesStage = stage({ name: 'peer-tables', title: 'Write the tables of peers', determinism: 'exact', module: 'stages/quantization/peer-tables.ts', outputs: ['rows'] });

export function peerCells(own: PeeredModel, peers: readonly StudyPeer[], formats: readonly string[], sweep: PeerSweep): PeerCells {
  const each = peers.filter(({ peer }) => peer.files.includes(filesOf(own.model))).map((peer) => cellsOf(own, peer, peerFormats(peer.peer, own.model, formats), sweep));
  const all = (kind: keyof PeerCells): Cell[] => each.flatMap((cells) => cells[kind]);
  return { scored: all('scored'), timed: all('timed'), written: all('written'), summarized: all('summarized'), summarizedTexts: all('summarizedTexts'), ratios: all('ratios') };
}

/** Of ours those that the study has, and fp32, which shows how far the programs agree; then the peer's own, and the file as it was published. */
function peerFormats({ formats, ownFormats, publishedFormat }: Peer, model: StudyModel, studied: readonly string[]): string[] {
  const wanted = new Set([model.baseFormat, 'fp32', ...studied, ...ownFormats, ...(filesOf(model) === 'gguf' ? [publishedFormat] : [])]);
  return formats.map(({ name }) => name).filter((name) => wanted.has(name));
}

function cellsOf(own: PeeredModel, studyPeer: StudyPeer, formats: readonly string[], sweep: PeerSweep): PeerCells {
  const { peer, settings } = studyPeer;
  const { model, fetched, tokens, quantized } = own;
  const at = `${model.name}/${peer.name}`;
  const place: PeerPlace = {
    at, on: (format) => placeOf(studyPeer, format), uses: [`stages/quantization/peers/${peer.name}.ts`, ...(peer.uses?.(settings) ?? [])],
    params: { model: model.name, base: model.baseFormat, peer: peer.name, files: filesOf(model), device: settings.device, compute: settings.compute },
    inputs: { ...checkpointInputs(fetched), ...Object.fromEntries(Object.entries(peer.programs).map(([name, path]): [string, InputRef] => [`program.${name}`, file(path)])) },
  };
  const does = (what: 'logits' | 'generate' | 'time'): boolean => peer.without?.includes(what) !== true;
  const artifactOf = (format: string | undefined): Cell | undefined => format === undefined || format === model.baseFormat ? undefined : quantized.get(format);
  const scored = !does('logits') ? [] : formats.flatMap((format) => [...tokens].map(([text, tokenized]) => {
    const ours = oursOf(own, peer, format);
    const artifact = artifactOf(ours);
    return cell(peerScoreStage, `${at}/${format}/${text}`, {
      params: { ...place.params, format, ours: ours ?? '', text, windows: sweep.windows, windowTokens: sweep.windowTokens },
      inputs: { ...place.inputs, tokens: output(tokenized), ...(artifact === undefined ? {} : { artifact: output(artifact, 'artifact') }) },
      uses: [...registerEntries(model, artifact === undefined ? [] : [format]), ...place.uses],
      ...place.on(format), batch: at, work: (sweep.windows * sweep.windowTokens * model.parametersEstimate) / 1e10,
    });
  }));
  const summarized = [...new Set(scored.map(({ params }) => String(params['format'])))].map((format) => cell(peerSummaryStage, `${at}/${format}`, {
    params: { model: model.name, base: model.baseFormat, peer: peer.name, format, ours: oursOf(own, peer, format) ?? '' },
    inputs: Object.fromEntries((['scores', 'own', 'about'] as const).map((name) => [name, gather(scored.filter(({ params }) => params['format'] === format).map((one) => output(one, name)))])),
    batch: model.name, work: 0.2,
  }));

  const pairs = ratioPairs(own, peer, formats);
  const ours = [...new Set(pairs.map(({ ours: format }) => format))];
  const { engines: _, ...timing } = sweep.speed;
  const [firstText] = tokens.values();
  const timed = !does('time') || firstText === undefined ? [] : [cell(peerSpeedStage, at, {
    // `engine`: whose rows they are.
    params: { ...place.params, ...timing, engine: peer.name, formats: [...formats], ours, oursOn: sweep.engine },
    inputs: {
      ...place.inputs, tokens: output(firstText),
      ...Object.fromEntries(ours.flatMap((format) => { const artifact = artifactOf(format); return artifact === undefined ? [] : [[`artifact.${format}`, output(artifact, 'artifact')]]; })),
    },
    uses: [...place.uses, ...registerEntries(model, ours), ...kernelFiles(sweep.engine)],
    ...place.on(), work: timing.blocks * timing.seconds * (formats.length + ours.length),
  })];
  const ratios = timed.map((from) => cell(peerRatiosStage, at, { params: { model: model.name, peer: peer.name, pairs: pairs as unknown as Json }, inputs: { [GATHERED]: gather([output(from)]) }, batch: model.name, work: 0.1 }));
  return { scored, timed, summarized, ratios, ...(does('generate') ? peerTextCells(own, peer, place, formats, sweep) : { written: [], summarizedTexts: [] }) };
}

/** Whose speeds stand beside each other: the same format, of a peer's own those that it names, and our reading of a published file. */
function ratioPairs(own: PeeredModel, peer: Peer, formats: readonly string[]): RatioPair[] {
  return formats.flatMap((format) => {
    const same = oursOf(own, peer, format);
    const beside = same !== undefined ? [same] : peer.formats.find(({ name }) => name === format)?.beside ?? [];
    return beside.filter((ours) => own.written.has(ours)).map((ours) => ({ format, ours }));
  });
}

/** Empty tables where there are no peers. */
export function peerTableCells(all: readonly PeerCells[]): { readonly cells: readonly Cell[]; readonly tables: ReadonlyMap<string, ReturnType<typeof output>> } {
  const from = {
    peers: all.flatMap(({ scored }) => scored.map((one) => output(one, 'about'))), peer_metrics: all.flatMap(({ summarized }) => summarized.map((one) => output(one, 'metrics'))),
    peer_sweep_metrics: all.flatMap(({ summarizedTexts }) => summarizedTexts.map((one) => output(one, 'metrics'))), peer_texts: all.flatMap(({ summarizedTexts }) => summarizedTexts.map((one) => output(one, 'texts'))),
    peer_ratios: all.flatMap(({ ratios }) => ratios.map((one) => output(one))),
  };
  const cells = Object.entries(from).map(([table, refs]) => cell(peerTablesStage, table, { params: { table }, inputs: { from: gather(refs) } }));
  return { cells, tables: new Map(cells.map((one) => [String(one.params['table']), output(one)])) };
}
