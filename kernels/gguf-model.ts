/** A GGUF file as the files of a Hugging Face model: what its metadata says of the network and of the tokenizer. */
import { sourceOf, type ByteSource } from './byte-source.ts';
import { ggufArchitectureOf } from './gguf/architectures.ts';
import { ggufTokenizerFiles, type TokenizerFiles } from './gguf/tokenizer.ts';
import { readGguf } from './gguf.ts';
import type { ModelConfig } from './models.ts';
import { gguf } from './weight-files/gguf.ts';

export interface GgufModel {
  /** general.architecture: the name of a file in gguf/architectures/. */
  readonly architecture: string;
  /** What config.json would say. */
  readonly config: ModelConfig;
  /** tokenizer.json and tokenizer_config.json. Throws what the file lacks, or has that cannot be read. */
  tokenizerFiles(): TokenizerFiles;
}

/** Reads the header. Throws what is wrong with it, or cannot be computed. */
export function openGgufModel(content: Uint8Array | ByteSource): GgufModel {
  const source = sourceOf(content);
  const config = gguf.config!([source]);
  return {
    architecture: ggufArchitectureOf(readGguf(source, 'model.gguf')).name,
    config,
    tokenizerFiles() {
      try {
        return ggufTokenizerFiles(readGguf(source, 'model.gguf'));
      } catch (error) {
        throw new Error(`model.gguf: ${(error as Error).message.replace(/^model\.gguf: /, '')}`);
      }
    },
  };
}
