/** Windows: llama.cpp's code of these architectures has none, so a text must end before one would show. */
import type { Settings } from '../../models/config.ts';

export function refuseWindows(settings: Settings, windows: readonly number[], contextTokens: number): void {
  const narrow = windows.find((window) => window !== 0 && window < contextTokens);
  if (narrow !== undefined) settings.problem(`sliding_window is ${narrow}, and llama.cpp computes none for this architecture; supported: none, or one of at least max_position_embeddings (${contextTokens})`);
}
