/**
 * The rotary embedding that a config.json asks for: its base and how its frequencies are scaled to texts longer than those of the training,
 * in transformers' fp32 steps (modeling_rope_utils.py). Scalings that depend on the length of the text (dynamic, longrope) or scale attention
 * as well (yarn) are not computed.
 */
import { inverseFrequencies, rotaryTablesOf, type RotaryTables } from '../rotary.ts';
import type { Settings } from './config.ts';

const { fround } = Math;

export interface Rope {
  readonly theta: number;
  readonly scaling:
    | { readonly type: 'default' }
    | { readonly type: 'linear'; readonly factor: number }
    | { readonly type: 'llama3'; readonly factor: number; readonly lowFactor: number; readonly highFactor: number; readonly trainedTokens: number };
}

/** Parameters of a rotary embedding as they stand in a config. */
export type RopeParameters = Readonly<Record<string, unknown>>;

/** transformers 5 writes rope_parameters; earlier versions rope_scaling, with the base elsewhere. */
export function ropeParameters(settings: Settings): RopeParameters {
  return settings.object('rope_scaling') ?? settings.object('rope_parameters') ?? {};
}

/** What one embedding for all layers is, whose every element turns. `rope_theta` stands in the parameters or beside them. */
export function readRope(settings: Settings): Rope {
  const parameters = ropeParameters(settings);
  for (const layers of ['full_attention', 'sliding_attention']) {
    if (parameters[layers] !== undefined) settings.problem(`rope_parameters has ${layers}; supported: one rotary embedding for all layers`);
  }
  const partial = parameters['partial_rotary_factor'] ?? settings.raw('partial_rotary_factor') ?? 1;
  if (partial !== 1) settings.problem(`partial_rotary_factor is ${JSON.stringify(partial)}; supported: 1`);
  return ropeOf(settings, parameters, parameters['rope_theta'] ?? settings.raw('rope_theta') ?? 10000);
}

/** The embedding that these parameters describe, with a base of `theta`. */
export function ropeOf(settings: Settings, parameters: RopeParameters, theta: unknown): Rope {
  const type = parameters['rope_type'] ?? parameters['type'] ?? 'default';
  settings.oneOf('rope_type', type, ['default', 'linear', 'llama3']);
  const number = (name: string): number => settings.positive(name, parameters[name]);
  const base = settings.positive('rope_theta', theta);
  if (type === 'linear') return { theta: base, scaling: { type, factor: number('factor') } };
  if (type !== 'llama3') return { theta: base, scaling: { type: 'default' } };
  const trained = settings.raw('original_max_position_embeddings') ?? parameters['original_max_position_embeddings'] ?? settings.raw('max_position_embeddings');
  const [lowFactor, highFactor] = [number('low_freq_factor'), number('high_freq_factor')];
  if (lowFactor >= highFactor) settings.problem(`high_freq_factor is ${highFactor}; it must be larger than low_freq_factor, ${lowFactor}`);
  return { theta: base, scaling: { type, factor: number('factor'), lowFactor, highFactor, trainedTokens: settings.positive('original_max_position_embeddings', trained) } };
}

/** inv_freq of the first `dim` elements of a head, an even number. */
export function ropeFrequencies({ theta, scaling }: Rope, dim: number): Float32Array {
  const frequencies = inverseFrequencies(theta, dim);
  if (scaling.type === 'linear') return frequencies.map((frequency) => frequency / fround(scaling.factor));
  if (scaling.type !== 'llama3') return frequencies;
  const { lowFactor, highFactor, trainedTokens } = scaling;
  const factor = fround(scaling.factor);
  return frequencies.map((frequency) => {
    // torch divides a number by a tensor as the tensor's reciprocal times the number.
    const wavelength = fround(fround(1 / frequency) * fround(2 * Math.PI));
    if (wavelength < fround(trainedTokens / highFactor)) return frequency;
    if (wavelength > fround(trainedTokens / lowFactor)) return frequency / factor;
    const turns = fround(fround(1 / wavelength) * fround(trainedTokens));
    const smooth = fround(fround(turns - fround(lowFactor)) / fround(highFactor - lowFactor));
    return fround(fround(fround(1 - smooth) * frequency) / factor) + fround(smooth * frequency);
  });
}

export function ropeTables(rope: Rope, dim: number, positions: number): RotaryTables {
  return rotaryTablesOf(ropeFrequencies(rope, dim), positions);
}
