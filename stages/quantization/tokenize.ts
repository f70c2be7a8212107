/**
 * Cuts each text into a model's tokens. A stage of its own, so that what follows depends on the ids alone: models with the
 * same tokenizer, and a tokenizer library that changes without changing the ids, give the same bytes.
 */
import type { Tokenizer } from '../../kernels/index.ts';
import { cell, file, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell } from '../dag/index.ts';
import type { TextSource } from './config-sources.ts';
import type { StudyModel } from './config.ts';
import { encoded, taskTokenizer } from './task-tokenizer.ts';
import { BadInput, guarded, textParam } from './task-values.ts';
import type { TokenizedText } from './task-values.ts';

export const tokenizeStage = stage({
  name: 'tokenize',
  title: 'Cut the texts into tokens',
  determinism: 'exact',
  module: 'stages/quantization/tokenize.ts',
  outputs: ['tokens'],
});

/** tokenize:<model>/<text>, given the model's fetch cell. */
export function tokenizeCell(model: StudyModel, text: TextSource, fetched: Cell): Cell {
  return cell(tokenizeStage, `${model.name}/${text.name}`, {
    params: { sha256: text.file.sha256 },
    inputs: { text: file(text.file.path), tokenizer: output(fetched, 'tokenizer'), tokenizerConfig: output(fetched, 'tokenizerConfig') },
    // One task for all: equal tokenizers and texts are then cut once.
    batch: 'texts',
  });
}

export const run: Run = async (cells, io) => {
  const done = new Map<string, string>();
  for (const [index, task] of cells.entries()) {
    await guarded(io, task, async () => {
      const hashes = ['text', 'tokenizer', 'tokenizerConfig'].map((name) => handleOf(task, name).sha256);
      const wanted = textParam(task, 'sha256');
      if (wanted !== hashes[0]) {
        throw new BadInput(`the text has the sha256 ${hashes[0]}; data/sources.yaml says ${wanted}`, 'Restore the file, or change its entry in data/sources.yaml.');
      }
      const same = hashes.join(' ');
      let tokens = done.get(same);
      if (tokens === undefined) {
        const value = await cut(await taskTokenizer(io, task), decoded(await io.input(task, 'text')));
        tokens = JSON.stringify(value);
        done.set(same, tokens);
      }
      await io.commit(task.id, { tokens });
    });
    io.progress(index + 1, cells.length, 'texts');
  }
};

async function cut(tokenizer: Tokenizer, text: string): Promise<TokenizedText> {
  const [ids, start] = [await encoded(tokenizer, text, 'the text'), tokenizer.start];
  const bytes = tokenizer.byteLengths(ids);
  // The space that SentencePiece puts before a text is none of the text's bytes.
  if (bytes.length > 0 && tokenizer.decode(ids) === ` ${text}`) bytes[0]! -= 1;
  return { ids: [...ids], bytes: [...bytes], ...(start.length > 0 ? { start: [...start] } : {}) };
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new BadInput('the text is not valid UTF-8', 'Save it as UTF-8.');
  }
}

function handleOf(task: TaskCell, name: string): { readonly sha256: string } {
  const input = task.inputs[name];
  if (input?.kind !== 'object') throw new Error(`${task.id}: input ${name} is missing`);
  return input.handle;
}
