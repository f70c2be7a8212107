/**
 * The cells of peers: other programs that compute the study's models their own way (peers.ts). None where the study names no peer. They are measured:
 * facts of a machine and of the versions in their `facts`; and optional: where a peer cannot run, that is told, and the study is none the worse.
 *
 *   peer-score:<model>/<peer>/<format>/<text>   token by token against our base, and against our own model in that format
 *   peer-speed:<model>/<peer>                   all formats in randomised blocks, as speed:<model>/auto
 *   peer-summary:<model>/<peer>/<format>        rows of table peer_metrics
 */
import { cell, file, gather, output, stage } from '../dag/index.ts';
import type { Cell, InputRef } from '../dag/index.ts';
import type { StudyModel } from './config.ts';
import { aliasOf, checkpointInputs, registerEntries } from './model-cells.ts';
import type { Peer, PeerIdentity, PeerSettings } from './peers.ts';
import { scoresAgreement } from './peer-agreement.ts';
import { speedAgreement } from './speed-agreement.ts';
import type { SpeedSettings } from './speed-settings.ts';

const measured = { determinism: 'measured', optional: true } as const;
export const peerScoreStage = stage({ name: 'peer-score', title: 'Score the texts on peers', module: 'stages/quantization/peer-score.ts', outputs: ['scores', 'own', 'about'], agreement: scoresAgreement, ...measured });
export const peerSpeedStage = stage({ name: 'peer-speed', title: 'Time the formats on peers', module: 'stages/quantization/peer-speed.ts', outputs: ['samples'], exclusive: true, agreement: speedAgreement, ...measured });
export const peerSummaryStage = stage({ name: 'peer-summary', title: 'Summarize what peers computed', determinism: 'exact', module: 'stages/quantization/peer-summary.ts', outputs: ['metrics', 'omitted'] });
export const peerTablesStage = stage({ name: 'peer-tables', title: 'Write the tables of peers', determinism: 'exact', module: 'stages/quantization/peer-tables.ts', outputs: ['rows'] });

/** A peer that the study names, and what of it is installed here. */
export interface StudyPeer {
  readonly peer: Peer;
  readonly settings: PeerSettings;
  readonly found: PeerIdentity | { readonly missing: string };
}

/** One model, by what peers are asked of it. */
export interface PeeredModel {
  readonly model: StudyModel;
  readonly fetched: Cell;
  /** By text. */
  readonly tokens: ReadonlyMap<string, Cell>;
  /** Quantize cells by format, aliases and the base among them. */
  readonly quantized: ReadonlyMap<string, Cell>;
}

export interface PeerCells { readonly scored: readonly Cell[]; readonly timed: readonly Cell[]; readonly summarized: readonly Cell[] }

export function peerCells(own: PeeredModel, peers: readonly StudyPeer[], formats: readonly string[], settings: { readonly windows: number; readonly windowTokens: number; readonly speed: SpeedSettings }): PeerCells {
  const each = peers.filter(({ peer }) => peer.files.includes(filesOf(own.model))).map((peer) => cellsOf(own, peer, peerFormats(peer.peer, own.model, formats), settings));
  return { scored: each.flatMap(({ scored }) => scored), timed: each.flatMap(({ timed }) => timed), summarized: each.flatMap(({ summarized }) => summarized) };
}

/** Of ours those that the study has, and fp32, which shows how far the programs agree; then the peer's own, and the file as it was published. */
function peerFormats({ formats, ownFormats, publishedFormat }: Peer, model: StudyModel, studied: readonly string[]): string[] {
  const wanted = new Set([model.baseFormat, 'fp32', ...studied, ...ownFormats, ...(filesOf(model) === 'gguf' ? [publishedFormat] : [])]);
  return formats.map(({ name }) => name).filter((name) => wanted.has(name));
}

function cellsOf(own: PeeredModel, { peer, settings: peerSettings, found }: StudyPeer, formats: readonly string[], settings: Parameters<typeof peerCells>[3]): PeerCells {
  const { model, fetched, tokens, quantized } = own;
  const at = `${model.name}/${peer.name}`;
  const files = filesOf(model);
  const shared = { model: model.name, base: model.baseFormat, peer: peer.name, files, device: peerSettings.device, compute: peerSettings.compute };
  const common = {
    facts: factsOf(found),
    batch: at,
    programs: Object.fromEntries(Object.entries(peer.programs).map(([name, path]): [string, InputRef] => [`program.${name}`, file(path)])),
    entry: `stages/quantization/peers/${peer.name}.ts`,
  };
  const parameters = model.parametersEstimate;
  const scored = peer.without?.includes('logits') === true ? [] : formats.flatMap((format) => [...tokens].map(([text, tokenized]) => {
    // What we have of that format: the base is the checkpoint, an alias is the base.
    const ours = format === model.baseFormat || aliasOf(model, format) !== undefined ? undefined : quantized.get(format);
    const oursIn = ours !== undefined ? format : format === model.baseFormat || aliasOf(model, format) !== undefined ? model.baseFormat : '';
    return cell(peerScoreStage, `${at}/${format}/${text}`, {
      params: { ...shared, format, ours: oursIn, text, windows: settings.windows, windowTokens: settings.windowTokens },
      inputs: { ...checkpointInputs(fetched), ...common.programs, tokens: output(tokenized), ...(ours === undefined ? {} : { artifact: output(ours, 'artifact') }) },
      uses: [...registerEntries(model, ours === undefined ? [] : [format]), common.entry],
      facts: common.facts, batch: common.batch, work: (settings.windows * settings.windowTokens * parameters) / 1e10,
    });
  }));
  const { engines: _, ...timing } = settings.speed;
  const [firstText] = tokens.values();
  const timed = peer.without?.includes('time') === true || firstText === undefined ? [] : [cell(peerSpeedStage, at, {
    // `engine`: whose rows they are.
    params: { ...shared, ...timing, engine: peer.name, formats: [...formats] },
    inputs: { ...checkpointInputs(fetched), ...common.programs, tokens: output(firstText) },
    uses: [common.entry, ...model.weightCode],
    facts: common.facts, work: timing.blocks * timing.seconds * formats.length,
  })];
  const summarized = [...new Set(scored.map(({ params }) => String(params['format'])))].map((format) => cell(peerSummaryStage, `${at}/${format}`, {
    params: { model: model.name, base: model.baseFormat, peer: peer.name, format, ours: scored.find(({ params }) => params['format'] === format)!.params['ours']! },
    inputs: Object.fromEntries((['scores', 'own', 'about'] as const).map((name) => [name, gather(scored.filter(({ params }) => params['format'] === format).map((one) => output(one, name)))])),
    batch: model.name, work: 0.2,
  }));
  return { scored, timed, summarized };
}

/** Empty tables where there are no peers. */
export function peerTableCells(all: readonly PeerCells[]): { readonly cells: readonly Cell[]; readonly tables: ReadonlyMap<string, ReturnType<typeof output>> } {
  const from = { peers: all.flatMap(({ scored }) => scored.map((one) => output(one, 'about'))), peer_metrics: all.flatMap(({ summarized }) => summarized.map((one) => output(one, 'metrics'))) };
  const cells = Object.entries(from).map(([table, refs]) => cell(peerTablesStage, table, { params: { table }, inputs: { from: gather(refs) } }));
  return { cells, tables: new Map(cells.map((one) => [String(one.params['table']), output(one)])) };
}

/** What a peer's results depend on besides its inputs: its versions, its device. A peer that is not there has none, so that one that was installed is run. */
function factsOf(found: StudyPeer['found']): { readonly [name: string]: string } {
  if ('missing' in found) return { installed: 'no' };
  return { ...Object.fromEntries(Object.entries(found.packages).map(([name, version]) => [`package ${name}`, version])), device: found.device };
}

const filesOf = ({ files }: StudyModel): 'safetensors' | 'gguf' => files.config === undefined ? 'gguf' : 'safetensors';
