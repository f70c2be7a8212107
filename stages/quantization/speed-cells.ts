/**
 * The cells that time: one for each model and engine. All formats of a model share one cell, because a block holds them all; engines do not,
 * because each has a process of its own.
 *
 *   speed:<model>/auto               the study's own engine: the run fails with it
 *   speed-other:<model>/<engine>     one that only helps to compare: where it cannot run, that is told, and the run is none the worse
 */
import { NATIVE_SOURCES } from '../../kernels/native-build.ts';
import { engines } from '../../kernels/engines.ts';
import { computesOnGpu } from '../../kernels/gpu-engines.ts';
import { cell, output, stage } from '../dag/index.ts';
import type { Cell } from '../dag/index.ts';
import type { StudyModel } from './config.ts';
import { checkpointInputs, registerEntries } from './model-cells.ts';
import { placeOf } from './peer-place.ts';
import type { StudyPeer } from './peered-model.ts';
import { speedAgreement } from './speed-agreement.ts';
import { OWN_ENGINE } from './speed-settings.ts';
import type { SpeedSettings } from './speed-settings.ts';

const timing = { determinism: 'measured', module: 'stages/quantization/speed.ts', outputs: ['samples'], exclusive: true, agreement: speedAgreement } as const;

export const speedStage = stage({ name: 'speed', title: 'Time the formats', ...timing });
export const otherSpeedStage = stage({ name: 'speed-other', title: 'Time the formats on other engines', ...timing, optional: true });

/** What is timed: `artifacts` are quantize cells by format, in the order of the study, the base as undefined; no aliases. */
export interface Timed {
  readonly model: StudyModel;
  readonly fetched: Cell;
  /** A tokenize cell. */
  readonly tokens: Cell;
  readonly artifacts: ReadonlyMap<string, Cell | undefined>;
}

/** In the order of settings.engines. `engine`: the study's, which is what 'auto' stands for there; `gpus`: where engines that compute on a GPU find one. */
export function speedCells({ model, fetched, tokens, artifacts }: Timed, { engines: names, ...settings }: SpeedSettings, engine: string, gpus: ReadonlyMap<string, StudyPeer> = new Map()): { readonly own: Cell; readonly others: readonly Cell[] } {
  const formats = [...artifacts.keys()];
  const quantized = [...artifacts].flatMap(([format, from]) => from === undefined ? [] : [[`artifact.${format}`, output(from, 'artifact')] as const]);
  const timed = (name: string): Cell => {
    const computing = name === OWN_ENGINE ? engine : name;
    const onGpu = gpus.get(computing);
    return cell(name === OWN_ENGINE ? speedStage : otherSpeedStage, `${model.name}/${name}`, {
      params: { ...settings, engine: computing, base: model.baseFormat, formats },
      inputs: { ...checkpointInputs(fetched), tokens: output(tokens), ...Object.fromEntries(quantized) },
      uses: [...registerEntries(model, formats), ...kernelFiles(computing)],
      // A timing is a fact of the adapter and its driver; of several GPUs all are taken on the first.
      ...(onGpu !== undefined ? placeOf(onGpu) : computesOnGpu(computing) ? { gpus: 1 } : {}),
      // The models of an engine in one process, one after the other: it is started and tested once.
      batch: name,
      work: settings.blocks * settings.seconds * formats.length,
    });
  };
  return { own: timed(OWN_ENGINE), others: names.filter((name) => name !== OWN_ENGINE).map(timed) };
}

/**
 * The code that a timing depends on and no exact result does: kernels that were edited are timed again. Of 'auto' all that it may take.
 * The native library's sources count for every engine: which of them it is built of is not told apart.
 */
export function kernelFiles(engine: string): string[] {
  const may = engine === 'auto' ? engines.filter(({ canonical }) => canonical).map(({ name }) => name) : [engine];
  return [...may.map((name) => `kernels/engines/${name}.ts`), 'kernels/native-build.ts', ...NATIVE_SOURCES.map((name) => `kernels/c/${name}`)];
}
