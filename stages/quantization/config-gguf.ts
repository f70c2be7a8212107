/**
 * A model in one GGUF file, as the study is read: what its header says of the network (what config.json says of others), and which
 * tokenizer it carries.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileSource } from '../../kernels/byte-source.ts';
import { openGgufModel } from '../../kernels/gguf-model.ts';
import type { GgufModel } from '../../kernels/gguf-model.ts';
import type { ModelConfig } from '../../kernels/index.ts';
import { configFacts, fileSha256 } from './config-model.ts';
import type { GgufFiles, ModelFacts, ModelFiles } from './config-model.ts';
import type { SourceFile } from './config-sources.ts';

/** Whether a path is that of a GGUF file rather than of a folder. */
export function isGgufPath(path: string): boolean {
  return path.endsWith('.gguf');
}

/** Reads the facts from a file's header. A sentence when it cannot be used. */
export function ggufFacts(root: string, file: SourceFile): ModelFacts | string {
  if (statSync(placeOf(root, file), { throwIfNoEntry: false })?.isFile() !== true) return `${file.path} is no file`;
  const found = withModel(root, file, ({ architecture, config }) => headerFacts(config, architecture, file.path));
  return found instanceof Error ? `${file.path}: ${found.message.replace(/^model\.gguf: /, '')}` : found;
}

/** The facts of a header that says this. */
export function headerFacts(config: ModelConfig, architecture: string, what: string): ModelFacts | string {
  return configFacts(config, what, ['kernels/weight-files/gguf.ts', `kernels/gguf/architectures/${architecture}.ts`]);
}

/** Equal for models of one tokenizer; undefined when it cannot be read (the stage that needs it says so). */
export function tokenizerIdentity(root: string, { tokenizer, weights: [file] }: ModelFiles | GgufFiles): string | undefined {
  if (tokenizer !== undefined || file === undefined) return tokenizer && fileSha256(root, tokenizer);
  if (file.tokenizerSha256 !== undefined) return file.tokenizerSha256;
  const found = withModel(root, file, (model) => createHash('sha256').update(model.tokenizerFiles().tokenizer).digest('hex'));
  return found instanceof Error ? undefined : found;
}

const placeOf = (root: string, { path, at }: SourceFile): string => at ?? join(root, path);

function withModel<T>(root: string, file: SourceFile, use: (model: GgufModel) => T): T | Error {
  let source: ReturnType<typeof fileSource> | undefined;
  try {
    source = fileSource(placeOf(root, file));
    return use(openGgufModel(source));
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    source?.close();
  }
}
