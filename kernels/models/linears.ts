/** The linear layers of an architecture, named once: what is quantized, and what is loaded. */
import type { Vector, Weight } from '../ops.ts';
import type { TensorSource } from '../models.ts';

/** One: tensor name without '.weight', [outFeatures, inFeatures]. */
export type Linear = readonly [name: string, outFeatures: number, inFeatures: number];

/** Names of their weights, layer after layer. */
export function weightNames(layers: number, linearsOf: (layer: number) => Readonly<Record<string, Linear>>): string[] {
  return Array.from({ length: layers }, (_, layer) => Object.values(linearsOf(layer)).map(([name]) => `${name}.weight`)).flat();
}

/** The weight, and the bias where there is one. */
export function takeLinear(source: TensorSource, [name, outFeatures, inFeatures]: Linear, hasBias: boolean): { readonly weight: Weight; readonly bias: Vector | undefined } {
  return {
    weight: source.weight(`${name}.weight`, outFeatures, inFeatures),
    bias: hasBias ? source.vector(`${name}.bias`, outFeatures) : undefined,
  };
}
