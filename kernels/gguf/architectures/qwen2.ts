/** qwen2: Qwen 2 and 2.5, with biases on q, k and v. */
import { qwen } from './qwen.ts';

export const qwen2 = qwen('qwen2');
