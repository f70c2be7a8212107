/** Mistral without a window that shows: a Llama to llama.cpp. */
import { readGated } from '../../models/gated-decoder.ts';
import type { GgufTarget } from '../targets.ts';
import { refuseWindows } from './windows.ts';

/** transformers' window where the setting is absent; null is none. */
const DEFAULT_WINDOW = 4096;

export const mistral: GgufTarget = {
  modelType: 'mistral', architecture: 'llama', pairs: true,
  read(settings) {
    const model = readGated(settings);
    refuseWindows(settings, [settings.isNull('sliding_window') ? 0 : settings.count('sliding_window', 1 << 24, DEFAULT_WINDOW)], model.contextTokens);
    return model;
  },
};
