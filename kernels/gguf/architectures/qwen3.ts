/** qwen3: norms on q and k. */
import { qwen } from './qwen.ts';

export const qwen3 = qwen('qwen3');
