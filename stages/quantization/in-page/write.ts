/** Writes one text under several formats side by side, token by token, as the stage `generate` writes its texts: the same generate(), seeded with common noise. */
import { openArtifact } from '../../../kernels/artifact.ts';
import { openCheckpoint } from '../../../kernels/checkpoint.ts';
import { generate } from '../../../kernels/generate.ts';
import { wasm } from '../../../kernels/in-page.ts';
import { architectureNamed } from '../../../kernels/models.ts';
import { promptKeyOf } from '../../../kernels/sampler.ts';
import { openSession } from '../../../kernels/session.ts';
import { openTokenizer } from '../../../kernels/tokenizer.ts';
import type { EngineInstance, Sampling, Session } from '../../../kernels/index.ts';
import { count } from '../../dag/index.ts';
import { breathing } from './engine.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** The files of a model. */
export interface WrittenModel { readonly config: Bytes; readonly weights: Bytes; readonly tokenizer: Bytes; readonly tokenizerConfig: Bytes }

/** A format, and its artifact where it is not the model's own type. */
export interface WrittenFormat { readonly format: string; readonly artifact?: Bytes }

export interface WriteSettings extends Sampling { readonly prompt: string; readonly newTokens: number }

export interface WriteWatched {
  readonly signal: AbortSignal;
  /** After each token: which format, and its text so far, token by token. */
  wrote(place: number, ids: readonly number[], pieces: readonly string[]): void;
}

/** How many new tokens there was room for, at most as many as were asked for; and how many tokens the model reads in all. */
export interface Room { readonly newTokens: number; readonly contextTokens: number }

/** Of a longer prompt the tokens are not counted: a page that counts for long is not heard. */
const MOST_CHARACTERS = 100_000;

/** Resolves when all are at their end. Throws Error, a sentence, for a prompt that cannot be continued; AbortError where it was asked to stop. */
export async function write(model: WrittenModel, formats: readonly WrittenFormat[], { prompt, newTokens, ...sampling }: WriteSettings, { signal, wrote }: WriteWatched): Promise<Room> {
  const missing = await wasm.unavailable();
  if (missing !== undefined) throw new Error(missing);
  const checkpoint = openCheckpoint(model);
  const { contextTokens } = architectureNamed(checkpoint.architecture).shape(checkpoint.config);
  const tooLong = (has: string, most: string): Error => new Error(`The prompt has ${has}, and may have at most ${most}: the model reads ${count(contextTokens, 'token')} in all, what it writes included. Shorten the prompt.`);
  if (prompt.length > MOST_CHARACTERS) throw tooLong(count(prompt.length, 'character'), `${count(MOST_CHARACTERS, 'character')} for its tokens to be counted`);
  const tokenizer = await openTokenizer(model.tokenizer, model.tokenizerConfig);
  const ids = Int32Array.from([...tokenizer.start, ...tokenizer.encode(prompt)]);
  if (ids.length === 0) throw new Error('The prompt is empty: write the beginning of a text.');
  if (ids.length >= contextTokens) throw tooLong(count(ids.length, 'token'), String(contextTokens - 1));
  const room = Math.min(newTokens, contextTokens - ids.length);
  const sessions: Session[] = [];
  try {
    await Promise.all(formats.map(async ({ format, artifact }, place) => {
      const own: number[] = [];
      const engine = telling(breathing(await wasm.open(), signal), (token) => {
        own.push(token);
        wrote(place, own, tokenizer.pieces(own));
      });
      const session = openSession({ checkpoint, format, engine, ...(artifact === undefined ? {} : { artifact: openArtifact(artifact) }) });
      sessions.push(session);
      const { eos_token_id: end } = checkpoint.config;
      await generate(session, { prompts: [{ ids, key: promptKeyOf(ids) }], maxNewTokens: room, ...sampling, ...(typeof end === 'number' ? { endTokens: [end] } : {}) });
    }));
  } finally {
    for (const session of sessions) session.dispose();
  }
  return { newTokens: room, contextTokens };
}

/** An engine that tells of each token that it draws, of the one sequence that it has. */
function telling(engine: EngineInstance, tell: (token: number) => void): EngineInstance {
  const sample = engine.ops.sample;
  engine.ops.sample = async (...of) => {
    const tokens = await sample(...of);
    tell(tokens[0]!);
    return tokens;
  };
  return engine;
}
