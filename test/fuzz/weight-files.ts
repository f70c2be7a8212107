/**
 * What must hold of every file that is opened as weights, whatever is in it: it is refused with an error that says where and what, or all that is
 * read of it lies inside the file. Never another error, never more memory than the file is worth, never a wait.
 */
import { readFileSync } from 'node:fs';
import { openCheckpoint } from '../../kernels/checkpoint.ts';
import { openGgufModel } from '../../kernels/gguf-model.ts';
import { readGguf } from '../../kernels/gguf.ts';
import { readSafetensors, writeSafetensors } from '../../kernels/safetensors.ts';
import { ggufOf } from '../kernels/write-gguf.ts';
import { drawsOf, mutated } from './mutations.ts';

/** No case is larger than some hundred kilobytes: whatever takes longer than this hangs on something. */
const MOST_MS = 2000;

const matrix = (name: string, axes: readonly number[]) => ({ name, axes, type: 8, bytes: new Uint8Array(axes[0]! / 32 * 34 * (axes[1] ?? 1)).fill(3) });
const llama = ggufOf({
  metadata: [
    ['general.architecture', 'llama'], ['llama.context_length', 32], ['llama.embedding_length', 32], ['llama.block_count', 1], ['llama.feed_forward_length', 32], ['llama.attention.head_count', 2],
    ['llama.attention.layer_norm_rms_epsilon', 0.5], ['general.alignment', 32], ['tokenizer.ggml.model', 'llama'], ['tokenizer.ggml.tokens', ['<unk>', '<s>', '▁', 'a', 'b', 'ab', '▁ab']],
    ['tokenizer.ggml.scores', [0.5, 0, -1, -2, -3, -1, -0.5]], ['tokenizer.ggml.token_type', [2, 3, 1, 1, 1, 1, 1]], ['tokenizer.ggml.bos_token_id', 1], ['tokenizer.ggml.add_bos_token', true],
  ],
  tensors: [matrix('token_embd.weight', [32, 7]), matrix('blk.0.attn_q.weight', [32, 32]), matrix('blk.0.attn_k.weight', [32, 32]), { name: 'output_norm.weight', axes: [32], type: 0, bytes: new Uint8Array(128) }],
});
const plain = writeSafetensors([
  { name: 'a', dtype: 'F32', shape: [2, 3], bytes: new Uint8Array(24) }, { name: 'b.weight', dtype: 'BF16', shape: [5], bytes: new Uint8Array(10) }, { name: '__proto__', dtype: 'F16', shape: [1, 2], bytes: new Uint8Array(4) },
], new Map([['format', 'pt']]));
const fixture = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../fixtures/${path}`, import.meta.url)));

const CONFIG = new TextEncoder().encode('{"model_type":"llama"}');

/** Sound files, and what is done with each: everything that a study does before it computes. */
const TARGETS: readonly { readonly name: string; readonly file: Uint8Array; readonly open: (bytes: Uint8Array) => void }[] = [
  { name: 'safetensors', file: plain, open: openSafetensors },
  { name: 'safetensors of a model', file: fixture('bitsandbytes/linear4.safetensors'), open: openSafetensors },
  { name: 'GGUF', file: llama, open: openLlama },
  { name: 'GGUF of every type', file: fixture('gguf/types.gguf'), open: openTypes },
];

function openSafetensors(bytes: Uint8Array): void {
  const total = [...readSafetensors(bytes, 'x').tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
  if (total > bytes.length) throw new TypeError(`${total} bytes were read of a file of ${bytes.length}`);
  readAll(openCheckpoint({ config: CONFIG, weights: bytes }), bytes.length);
}

function openTypes(bytes: Uint8Array): void {
  for (const { type, bytes: stored } of readGguf(bytes, 'x').tensors.values()) type.decode(stored);
}

function openLlama(bytes: Uint8Array): void {
  readAll(openCheckpoint({ weights: bytes }), bytes.length);
  openGgufModel(bytes).tokenizerFiles();
}

function readAll(checkpoint: ReturnType<typeof openCheckpoint>, fileBytes: number): void {
  let stored = 0;
  for (const name of checkpoint.names) {
    stored += checkpoint.inFile(name).bytes;
    try {
      checkpoint.stored(name);
    } catch (error) {
      if (!(error instanceof Error) || !['NotFinite', 'Error'].includes(error.name)) throw error;
    }
  }
  if (stored > fileBytes) throw new TypeError(`tensors of ${stored} bytes in a file of ${fileBytes}`);
}

export interface Tally { cases: number; refused: number; accepted: number }

/** A case that does what none may; undefined for one that is well. */
export function tryCase(seed: number, tally: Tally): string | undefined {
  const draw = drawsOf(seed);
  const target = TARGETS[draw(TARGETS.length)]!;
  const { bytes, how } = mutated(target.file, draw);
  const startedMs = performance.now();
  tally.cases++;
  let wrong: string | undefined;
  try {
    target.open(bytes);
    tally.accepted++;
  } catch (error) {
    tally.refused++;
    // An error of ours is a plain one with a sentence; what the language throws is nobody's answer to a file.
    if (!(error instanceof Error) || error.name !== 'Error' || !/\w+ \w+/.test(error.message)) wrong = error instanceof Error ? error.stack ?? error.message : String(error);
  }
  const took = performance.now() - startedMs;
  if (wrong === undefined && took > MOST_MS) wrong = `took ${Math.round(took)} ms`;
  return wrong === undefined ? undefined : `seed ${seed} (${target.name}: ${how}): ${wrong}`;
}
