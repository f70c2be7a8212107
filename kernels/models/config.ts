/** Reading settings of a config.json: bounded, typed, and refused with what is allowed. */
import type { ModelConfig } from '../models.ts';

/** A config.json that cannot be computed as it asks. Lists every problem. */
export class ModelConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`config.json: ${problems.join('; ')}`);
    this.name = 'ModelConfigError';
    this.problems = problems;
  }
}

/** Collects problems while settings are read, so that all are told at once: call done() before the values are used. */
export class Settings {
  readonly #config: ModelConfig;
  readonly #problems: string[] = [];

  constructor(config: ModelConfig) {
    this.#config = config;
  }

  /** A whole number 1 .. largest. `fallback` for an absent or null setting; none: it is required. */
  count(name: string, largest: number, fallback?: number): number {
    const value = this.#config[name] ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= largest) return value;
    this.problem(`${name} is ${shown(value)}; it must be a whole number from 1 to ${largest}`);
    return 1;
  }

  /** Whether the setting is null, which for some is another thing than absent. */
  isNull(name: string): boolean {
    return this.#config[name] === null;
  }

  /** A whole number from 0. */
  wholeNumber(name: string, fallback: number): number {
    const value = this.#config[name] ?? fallback;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    this.problem(`${name} is ${shown(value)}; it must be a whole number from 0`);
    return 0;
  }

  /** The setting layer_types, one of `allowed` for each layer; undefined when absent. */
  layerTypes(layers: number, allowed: readonly string[]): readonly string[] | undefined {
    const value = this.#config['layer_types'] ?? undefined;
    if (value === undefined) return undefined;
    const types: readonly unknown[] = Array.isArray(value) ? value : [];
    if (types.length === layers && types.every((type) => allowed.includes(type as string))) return types as readonly string[];
    this.problem(`layer_types is ${shown(value)}; it must be a list of ${layers}, one for each layer: ${allowed.join(' or ')}`);
    return undefined;
  }

  /** A finite number above 0. */
  positive(name: string, value: unknown): number {
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    this.problem(`${name} is ${shown(value)}; it must be a number above 0`);
    return 1;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#config[name] ?? fallback;
    if (typeof value === 'boolean') return value;
    this.problem(`${name} is ${shown(value)}; it must be true or false`);
    return fallback;
  }

  /** An object, or undefined when the setting is absent or null. */
  object(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.#config[name] ?? undefined;
    if (value === undefined || (typeof value === 'object' && !Array.isArray(value))) return value as Readonly<Record<string, unknown>> | undefined;
    this.problem(`${name} is ${shown(value)}; it must be an object`);
    return undefined;
  }

  /** The setting as it stands; undefined when absent or null. */
  raw(name: string): unknown {
    return this.#config[name] ?? undefined;
  }

  /** One of the values that are computed. */
  oneOf(name: string, value: unknown, allowed: readonly string[]): void {
    if (typeof value !== 'string' || !allowed.includes(value)) this.problem(`${name} is ${shown(value)}; supported: ${allowed.join(', ')}`);
  }

  problem(text: string): void {
    this.#problems.push(text);
  }

  /** A setting that changes what is computed in a way that this code does not: absent, null, or one of `harmless`. */
  unset(name: string, harmless: readonly unknown[] = []): void {
    const value = this.raw(name);
    if (value !== undefined && !harmless.includes(value)) this.problem(`${name} is ${shown(value)}; supported: ${[...harmless.map(shown), 'null'].join(', ')}`);
  }

  done(): void {
    if (this.#problems.length > 0) throw new ModelConfigError(this.#problems);
  }
}

/** Reads a config with `read`; throws ModelConfigError with all that it found wrong, and with what no architecture computes. */
export function readSettings<T>(config: ModelConfig, read: (settings: Settings) => T): T {
  const settings = new Settings(config);
  if (settings.raw('quantization_config') !== undefined) settings.problem('quantization_config says that the weights are quantized; supported: weights of F32, F16 or BF16');
  const model = read(settings);
  settings.done();
  return model;
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
