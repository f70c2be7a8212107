/** Which layers see a window of the text and which all of it, as config.json says it. */
import type { Settings } from './config.ts';

/** transformers' defaults for Qwen. */
const QWEN_WINDOW = 4096;
const QWEN_WHOLE_LAYERS = 28;

/** Largest window. */
const MOST = 1 << 24;

/** By layer: how many positions a row sees; 0: all. `whole`: whether a layer sees all where layer_types does not say it. */
export function readWindows(settings: Settings, layers: number, window: number, whole: (layer: number) => boolean): number[] {
  const types = settings.layerTypes(layers, ['full_attention', 'sliding_attention']);
  return Array.from({ length: layers }, (_, layer) => ((types === undefined ? whole(layer) : types[layer] === 'full_attention') ? 0 : window));
}

/** Qwen's: with use_sliding_window, the layers from max_window_layers on. */
export function readQwenWindows(settings: Settings, layers: number): number[] {
  const used = settings.flag('use_sliding_window', false) && !settings.isNull('sliding_window');
  const window = used ? settings.count('sliding_window', MOST, QWEN_WINDOW) : 0;
  const first = settings.wholeNumber('max_window_layers', QWEN_WHOLE_LAYERS);
  return readWindows(settings, layers, window, (layer) => layer < first);
}

/** Gemma's: all but each n-th layer. */
export function readAlternatingWindows(settings: Settings, layers: number, defaultWindow: number, defaultEvery: number): number[] {
  const every = settings.count('sliding_window_pattern', MOST, defaultEvery);
  return readWindows(settings, layers, settings.count('sliding_window', MOST, defaultWindow), (layer) => (layer + 1) % every === 0);
}
