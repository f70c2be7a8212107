/** Qwen 3 without windows that show, and without biases, which llama.cpp's code for it does not read. */
import { readGated } from '../../models/gated-decoder.ts';
import { readQwenWindows } from '../../models/windows.ts';
import type { GgufTarget } from '../targets.ts';
import { refuseWindows } from './windows.ts';

/** transformers' where the setting is absent. */
const DEFAULT_HEAD_DIM = 128;

export const qwen3: GgufTarget = {
  modelType: 'qwen3', architecture: 'qwen3', pairs: false,
  read(settings) {
    const model = readGated(settings, { headDim: DEFAULT_HEAD_DIM });
    settings.unset('attention_bias', [false]);
    refuseWindows(settings, readQwenWindows(settings, model.layers), model.contextTokens);
    return model;
  },
};
