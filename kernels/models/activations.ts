/** Names of activation functions in configs. */
import type { Settings } from './config.ts';

/** Of transformers' names, those of GELU in its two forms; how the tanh form is put into steps makes no difference beyond rounding. */
const GELU: { readonly [name: string]: 'erf' | 'tanh' } = {
  gelu: 'erf', gelu_python: 'erf', gelu_new: 'tanh', gelu_fast: 'tanh', gelu_pytorch_tanh: 'tanh', gelu_python_tanh: 'tanh', gelu_accurate: 'tanh',
};

export function readGelu(settings: Settings, name: string, fallback: string): 'erf' | 'tanh' {
  const value = settings.raw(name) ?? fallback;
  settings.oneOf(name, value, Object.keys(GELU));
  return GELU[value as string] ?? 'erf';
}
