/** Llama, with or without biases. */
import { readGated } from '../../models/gated-decoder.ts';
import type { GgufTarget } from '../targets.ts';

export const llama: GgufTarget = { modelType: 'llama', architecture: 'llama', pairs: true, read: (settings) => readGated(settings, { kvHeads: 'heads' }) };
