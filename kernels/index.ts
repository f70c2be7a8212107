/**
 * The public face of the kernels: inference with quantized weights, usable from a plain script.
 *
 *   import { readFileSync } from 'node:fs';
 *   import { architectureOf, formatNamed, generate, openCheckpoint, openEngine, openSession, openTokenizer, promptKeyOf, quantizeModel, readArtifact } from './kernels/index.ts';
 *
 *   const file = (name: string) => readFileSync(`data/models/novel-1m/${name}`);
 *   const checkpoint = openCheckpoint({ config: file('config.json'), weights: file('model.safetensors') });
 *   const tokenizer = await openTokenizer(file('tokenizer.json'), file('tokenizer_config.json'));
 *   const { bytes } = quantizeModel(checkpoint, architectureOf(checkpoint).linearNames, formatNamed('nf4'));
 *   const { instance } = await openEngine('auto');
 *   const session = openSession({ checkpoint, format: 'nf4', artifact: readArtifact(bytes), engine: instance });
 *
 *   const ids = tokenizer.encode('It was a dark and');
 *   const prompts = [{ ids, key: promptKeyOf(ids) }];
 *   const [continuation] = await generate(session, { prompts, temperature: 0.7, topK: 40, maxNewTokens: 32, seed: 1 });
 *   console.log(tokenizer.decode(continuation!));
 *   session.dispose();
 */
export { ARITHMETIC_VERSION } from './arithmetic.ts';
export * from './artifact.ts';
export * from './checkpoint.ts';
export * from './engines.ts';
export { exp64, log64, pow64, sinCos64 } from './float64.ts';
export * from './formats.ts';
export * from './generate.ts';
export * from './half.ts';
export * from './models.ts';
export { buildNative, NativeBuildError } from './native-build.ts';
export type { Compiler, NativeBuild } from './native-build.ts';
export { ModelConfigError } from './models/config.ts';
export * from './ops.ts';
export * from './safetensors.ts';
export * from './sampler.ts';
export { openSession, scoreWindow } from './session.ts';
export type { Session, SessionOptions } from './session.ts';
export { threefry2x32 } from './threefry.ts';
export * from './tokenizer.ts';
