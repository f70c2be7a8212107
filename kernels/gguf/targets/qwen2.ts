/** Qwen 2 and 2.5 without windows that show. */
import { readGated } from '../../models/gated-decoder.ts';
import { readQwenWindows } from '../../models/windows.ts';
import type { GgufTarget } from '../targets.ts';
import { refuseWindows } from './windows.ts';

export const qwen2: GgufTarget = {
  modelType: 'qwen2', architecture: 'qwen2', pairs: false,
  read(settings) {
    const model = readGated(settings);
    refuseWindows(settings, readQwenWindows(settings, model.layers), model.contextTokens);
    return model;
  },
};
