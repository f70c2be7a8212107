/**
 * Which files a model has and what its config.json says, read when the study is read: a few facts must be known before
 * anything runs, because the cells depend on them (the base format, the architecture's file, the bounds of windows).
 * The stages hold the checkpoint itself to these facts.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { architectureNamed } from '../../kernels/models.ts';
import type { ModelConfig, ModelShape } from '../../kernels/index.ts';
import type { SourceFile } from './config-sources.ts';

export interface ModelFiles {
  readonly config: SourceFile;
  readonly weights: SourceFile;
  readonly tokenizer: SourceFile;
  readonly tokenizerConfig?: SourceFile;
}

export interface ModelFacts {
  /** config.json's model_type: 'llama'. */
  readonly architecture: string;
  /** The checkpoint's own type, as a format: what `base` means for this model. */
  readonly baseFormat: BaseFormat;
  readonly shape: ModelShape;
  /** For estimates of time, and to say roughly how large a model is before it is opened. */
  readonly parametersEstimate: number;
}

export type BaseFormat = 'fp32' | 'fp16' | 'bf16';

const TYPES: { readonly [name: string]: BaseFormat } = { float32: 'fp32', float16: 'fp16', bfloat16: 'bf16' };
const MAX_CONFIG_BYTES = 1_000_000;

/** The four files of a model, from a table by their usual names. A sentence when one is missing. */
export function modelFiles(files: ReadonlyMap<string, SourceFile>): ModelFiles | string {
  const config = files.get('config.json');
  const weights = files.get('model.safetensors');
  const tokenizer = files.get('tokenizer.json');
  if (config === undefined || weights === undefined || tokenizer === undefined) {
    const missing = ['config.json', 'model.safetensors', 'tokenizer.json'].filter((name) => !files.has(name));
    return `lacks ${missing.join(' and ')}; a model is config.json, model.safetensors, tokenizer.json and, where it has one, tokenizer_config.json`;
  }
  const tokenizerConfig = files.get('tokenizer_config.json');
  return { config, weights, tokenizer, ...(tokenizerConfig === undefined ? {} : { tokenizerConfig }) };
}

/** The files of a folder of the project (path from its root). A sentence when it holds no model that can be read. */
export function localModelFiles(root: string, folder: string): ModelFiles | string {
  const isFile = (name: string): boolean => statSync(join(root, folder, name), { throwIfNoEntry: false })?.isFile() ?? false;
  if (statSync(join(root, folder), { throwIfNoEntry: false })?.isDirectory() !== true) return 'is not a folder of the project; give the path from its root of a folder with config.json, model.safetensors and tokenizer.json';
  if (!isFile('model.safetensors') && isFile('model.safetensors.index.json')) {
    return 'holds a checkpoint in several files, which cannot be read yet; merge it into one model.safetensors';
  }
  const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
  return modelFiles(new Map(names.filter(isFile).map((name) => [name, { path: `${folder}/${name}` }])));
}

/** What a file's bytes are: as pinned, else as they are now; undefined when it cannot be read (the stage that needs it says so). */
export function fileSha256(root: string, { path, sha256 }: SourceFile): string | undefined {
  try {
    return sha256 ?? createHash('sha256').update(readFileSync(join(root, path))).digest('hex');
  } catch {
    return undefined;
  }
}

/** Reads the facts from config.json. A sentence when it cannot be used. */
export function modelFacts(root: string, file: SourceFile): ModelFacts | string {
  let text: string;
  try {
    const path = join(root, file.path);
    const { size } = statSync(path);
    if (size > MAX_CONFIG_BYTES) return `${file.path} has ${size} bytes; at most ${MAX_CONFIG_BYTES} are read`;
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return `${file.path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`;
  }
  let config: ModelConfig;
  try {
    config = JSON.parse(text) as ModelConfig;
  } catch {
    return `${file.path} is not valid JSON`;
  }
  if (config === null || typeof config !== 'object' || Array.isArray(config)) return `${file.path} must hold a JSON object`;
  const architecture = config['model_type'];
  if (typeof architecture !== 'string') return `${file.path} names no model_type`;
  const type = config['torch_dtype'] ?? config['dtype'];
  const baseFormat = typeof type === 'string' && Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  if (baseFormat === undefined) return `${file.path} must name the checkpoint's type in torch_dtype; types are ${Object.keys(TYPES).join(', ')}`;
  let shape: ModelShape;
  try {
    shape = architectureNamed(architecture).shape(config);
  } catch (error) {
    return `${file.path}: ${(error instanceof Error ? error.message : String(error)).replace(/^config\.json: /, '')}`;
  }
  return { architecture, baseFormat, shape, parametersEstimate: parametersEstimate(shape) };
}

/** Exact for a gated feed-forward network without biases, near enough for all others. */
function parametersEstimate({ layers, hiddenSize, heads, kvHeads, headDim, feedForwardSize, vocabulary, tiedEmbeddings }: ModelShape): number {
  const attention = 2 * hiddenSize * headDim * (heads + kvHeads);
  const feedForward = 3 * hiddenSize * feedForwardSize;
  return layers * (attention + feedForward + 2 * hiddenSize) + hiddenSize + vocabulary * hiddenSize * (tiedEmbeddings ? 1 : 2);
}
