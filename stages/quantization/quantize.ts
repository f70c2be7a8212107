/**
 * Quantizes a model: every linear layer but the output head, in one format; embeddings and norms stay in the checkpoint's
 * type (docs/formats.md). What it costs in bytes and in error, tensor by tensor, is the report.
 */
import { quantizeTo } from '../../kernels/artifact.ts';
import { formatNamed } from '../../kernels/formats.ts';
import { architectureNamed, tensorsOf } from '../../kernels/models.ts';
import type { ArtifactSink, ModelShape, QuantizationReport } from '../../kernels/index.ts';
import { cell, stage } from '../dag/index.ts';
import type { Cell, Run } from '../dag/index.ts';
import { nowhere, writeArtifactFile } from './artifact-file.ts';
import type { StudyModel } from './config.ts';
import { taskCheckpointInOrder } from './loaded-model.ts';
import { studyEncoder } from './engine.ts';
import { aliasOf, checkpointInputs, registerEntries } from './model-cells.ts';
import { otherTensors } from './other-tensors.ts';
import { quantizedTypes } from './source-types.ts';
import type { SourceType } from './source-types.ts';
import { BadInput, guarded, textParam } from './task-values.ts';

export const quantizeStage = stage({
  name: 'quantize',
  title: 'Quantize the models',
  determinism: 'exact',
  module: 'stages/quantization/quantize.ts',
  outputs: ['artifact', 'report'],
});

/** Output `report`. */
export interface QuantizeReport {
  readonly format: string;
  /** The format whose decoded weights these are, bit for bit; null when they are its own. */
  readonly aliasOf: string | null;
  readonly architecture: string;
  readonly shape: ModelShape;
  readonly linearWeights: number;
  readonly linearBytes: number;
  readonly otherWeights: number;
  readonly otherBytes: number;
  /** Of a model whose file has linear layers quantized: what they are there. */
  readonly source?: readonly SourceType[];
  /** Every decoded linear weight is the checkpoint's, bit for bit: what an alias of the base claims. */
  readonly lossless: boolean;
  readonly tensors: readonly {
    readonly tensor: string;
    /** -1 where the tensor belongs to no layer. */
    readonly layer: number;
    /** 'q_proj', 'down_proj', ... */
    readonly kind: string;
    readonly weights: number; readonly bytes: number; readonly relativeRmsError: number; readonly maxAbsError: number;
  }[];
}

/** quantize:<model>/<format> */
export function quantizeCell(model: StudyModel, format: string, fetched: Cell): Cell {
  return cell(quantizeStage, `${model.name}/${format}`, {
    params: { format, base: model.baseFormat, aliasOf: aliasOf(model, format) ?? null },
    inputs: checkpointInputs(fetched),
    uses: registerEntries(model, [format]),
    work: model.parametersEstimate / 1e6,
  });
}

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    await guarded(io, task, async () => {
      const [name, base, alias] = [textParam(task, 'format'), textParam(task, 'base'), task.params['aliasOf']];
      const [checkpoint, encoder] = await taskCheckpointInOrder(io, task, () => studyEncoder(io, task));
      if (checkpoint.baseFormat !== base) {
        throw new BadInput(`config.json says that the weights are ${base}, but they are ${checkpoint.baseFormat}`, 'Correct torch_dtype in config.json.');
      }
      const architecture = architectureNamed(checkpoint.architecture);
      const used = tensorsOf(architecture, checkpoint);
      const linearNames = architecture.linearNames(checkpoint.config);
      const source = quantizedTypes(checkpoint, linearNames);
      const quantize = (sink: ArtifactSink): QuantizationReport => quantizeTo(sink, checkpoint, linearNames, formatNamed(name));
      // The base and its aliases are computed from the checkpoint itself; an artifact of theirs would never be read.
      const own = name !== base && alias === null;
      const file = `${io.scratch}/artifact-${name}`;
      const quantized = own ? writeArtifactFile(file, quantize) : quantize(nowhere);
      const report: QuantizeReport = {
        format: name,
        aliasOf: typeof alias === 'string' ? alias : null,
        architecture: checkpoint.architecture,
        shape: { ...architecture.shape(checkpoint.config), tiedEmbeddings: used.tiedEmbeddings },
        linearWeights: quantized.linearWeights, linearBytes: quantized.linearBytes,
        ...otherTensors(checkpoint, used.names, new Set(linearNames)),
        ...(source === undefined ? {} : { source }),
        lossless: quantized.lossless,
        tensors: quantized.errors.map(({ tensor, weights, bytes, relativeRmsError, maxAbsError }) => ({ tensor, ...placeOf(tensor), weights, bytes, relativeRmsError, maxAbsError })),
      };
      await io.commit(task.id, { artifact: own ? { file } : new Uint8Array(0), report: JSON.stringify(report) }, encoder);
    });
  }
};

/** 'model.layers.3.mlp.up_proj.weight' -> layer 3, kind 'up_proj'. */
function placeOf(tensor: string): { layer: number; kind: string } {
  const layer = /(?:^|\.)(?:layers|h|blocks)\.([0-9]+)\./.exec(tensor)?.[1];
  const parts = tensor.replace(/\.weight$/, '').split('.');
  return { layer: layer === undefined ? -1 : Number(layer), kind: parts.at(-1) ?? tensor };
}
