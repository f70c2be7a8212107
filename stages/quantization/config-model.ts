/**
 * Which files a model has and what its config.json says, read when the study is read: a few facts must be known before
 * anything runs, because the cells depend on them (the base format, the architecture's file, the bounds of windows).
 * The stages hold the checkpoint itself to these facts.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { architectureNamed } from '../../kernels/models.ts';
import type { ModelConfig, ModelShape } from '../../kernels/index.ts';
import type { SourceFile } from './config-sources.ts';
import { INDEX_FILE, shardsOf } from './hub/files.ts';

export interface ModelFiles {
  readonly config: SourceFile;
  /** One file, or those of a checkpoint that is in several, by name. */
  readonly weights: readonly SourceFile[];
  readonly tokenizer: SourceFile;
  readonly tokenizerConfig?: SourceFile;
}

/** One GGUF file, which says all that a model's files do (config-gguf.ts). */
export interface GgufFiles {
  readonly weights: readonly [SourceFile];
  readonly config?: undefined;
  readonly tokenizer?: undefined;
  readonly tokenizerConfig?: undefined;
}

export interface ModelFacts {
  /** config.json's model_type: 'llama'. */
  readonly architecture: string;
  /** The checkpoint's own type, as a format: what `base` means for this model. */
  readonly baseFormat: BaseFormat;
  readonly shape: ModelShape;
  /** The files of the kernels that read its weights: of each register of such, the entry that is used. */
  readonly weightCode: readonly string[];
  /** For estimates of time, and to say roughly how large a model is before it is opened. */
  readonly parametersEstimate: number;
}

export type BaseFormat = 'fp32' | 'fp16' | 'bf16';

const TYPES: { readonly [name: string]: BaseFormat } = { float32: 'fp32', float16: 'fp16', bfloat16: 'bf16' };
const MAX_CONFIG_BYTES = 1_000_000;
const MAX_INDEX_BYTES = 64_000_000;

/** The files of a model, from a table by their usual names. A clause when one is missing, or the index of several is wrong (`readIndex`). */
export function modelFiles(files: ReadonlyMap<string, SourceFile>, readIndex?: () => readonly string[] | string): ModelFiles | string {
  const config = files.get('config.json');
  const single = files.get('model.safetensors');
  const tokenizer = files.get('tokenizer.json') ?? files.get('tokenizer.model');
  const several = single === undefined && files.has(INDEX_FILE) && readIndex !== undefined;
  if (config === undefined || (single === undefined && !several) || tokenizer === undefined) {
    const has = { 'config.json': config !== undefined, 'model.safetensors': several || single !== undefined, 'tokenizer.json': tokenizer !== undefined };
    const missing = Object.entries(has).filter(([, there]) => !there).map(([name]) => name);
    return `lacks ${missing.join(' and ')}; a model is config.json, model.safetensors (or ${INDEX_FILE} and the files that it names), tokenizer.json and, where it has one, tokenizer_config.json`;
  }
  const names = single === undefined ? readIndex!() : ['model.safetensors'];
  if (typeof names === 'string') return `has a ${INDEX_FILE} that ${names}`;
  const weights: SourceFile[] = [];
  for (const name of names) {
    const file = files.get(name);
    if (file === undefined) return `lacks ${name}, which its ${INDEX_FILE} names`;
    weights.push(file);
  }
  const tokenizerConfig = files.get('tokenizer_config.json');
  return { config, weights, tokenizer, ...(tokenizerConfig === undefined ? {} : { tokenizerConfig }) };
}

/** The files of a folder, recorded under `name`; `elsewhere`: it is none of the project's. A clause when it holds no model that can be read. */
export function folderFiles(folder: string, name: string, elsewhere: boolean): ModelFiles | string {
  const isFile = (file: string): boolean => statSync(join(folder, file), { throwIfNoEntry: false })?.isFile() ?? false;
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return `is not a folder${elsewhere ? '' : ' of the project'}; give the path of one with config.json, model.safetensors and tokenizer.json`;
  const files = new Map<string, SourceFile>();
  for (const file of readdirSync(folder)) if (/^[A-Za-z0-9._-]{1,200}$/.test(file) && isFile(file)) files.set(file, { path: `${name}/${file}`, ...(elsewhere ? { at: join(folder, file) } : {}) });
  return modelFiles(files, () => {
    const path = join(folder, INDEX_FILE);
    return statSync(path).size > MAX_INDEX_BYTES ? `has more than ${MAX_INDEX_BYTES} bytes` : shardsOf(readFileSync(path));
  });
}

/** What a file's bytes are: as pinned, else as they are now; undefined when it cannot be read (the stage that needs it says so). */
export function fileSha256(root: string, { path, sha256, at }: SourceFile): string | undefined {
  try {
    return sha256 ?? createHash('sha256').update(readFileSync(at ?? join(root, path))).digest('hex');
  } catch {
    return undefined;
  }
}

/** The text of a config.json, or what is wrong with it. */
export function configText(root: string, { path, at }: SourceFile): { readonly text: string } | { readonly problem: string } {
  try {
    const full = at ?? join(root, path);
    const { size } = statSync(full);
    return size > MAX_CONFIG_BYTES ? { problem: `${path} has ${size} bytes; at most ${MAX_CONFIG_BYTES} are read` } : { text: readFileSync(full, 'utf8') };
  } catch (error) {
    return { problem: `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})` };
  }
}

/** Reads the facts from the text of a config.json, which messages call `what`. A sentence when it cannot be used. */
export function factsOf(text: string, what: string): ModelFacts | string {
  let config: ModelConfig;
  try {
    config = JSON.parse(text) as ModelConfig;
  } catch {
    return `${what} is not valid JSON`;
  }
  if (config === null || typeof config !== 'object' || Array.isArray(config)) return `${what} must hold a JSON object`;
  return configFacts(config, what, ['kernels/weight-files/safetensors.ts']);
}

/** What a config says, which messages call `what`. A sentence when it cannot be used. */
export function configFacts(config: ModelConfig, what: string, weightCode: readonly string[]): ModelFacts | string {
  const architecture = config['model_type'];
  if (typeof architecture !== 'string') return `${what} names no model_type`;
  const type = config['torch_dtype'] ?? config['dtype'];
  const baseFormat = typeof type === 'string' && Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  if (baseFormat === undefined) return `${what} must name the checkpoint's type in torch_dtype; types are ${Object.keys(TYPES).join(', ')}`;
  let shape: ModelShape;
  let feedForwardMatrices: number;
  try {
    const named = architectureNamed(architecture);
    shape = named.shape(config);
    feedForwardMatrices = named.feedForwardMatrices;
  } catch (error) {
    return `${what}: ${(error instanceof Error ? error.message : String(error)).replace(/^config\.json: /, '')}`;
  }
  return { architecture, baseFormat, shape, weightCode, parametersEstimate: parametersEstimate(shape, feedForwardMatrices) };
}

/** Exact for two norms a layer and no biases, near enough for all others. */
function parametersEstimate({ layers, hiddenSize, heads, kvHeads, headDim, feedForwardSize, vocabulary, tiedEmbeddings }: ModelShape, feedForwardMatrices: number): number {
  const attention = 2 * hiddenSize * headDim * (heads + kvHeads);
  const feedForward = feedForwardMatrices * hiddenSize * feedForwardSize;
  return layers * (attention + feedForward + 2 * hiddenSize) + hiddenSize + vocabulary * hiddenSize * (tiedEmbeddings ? 1 : 2);
}
