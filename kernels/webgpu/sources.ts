/** The kernels' texts in Node: files beside this one. Each is named in full, so that it counts into the identity of code that computes with them. */
import type { KernelSources } from './pipelines.ts';

const FILES = {
  arithmetic: new URL('./arithmetic.wgsl', import.meta.url),
  guarded: new URL('./guarded.wgsl', import.meta.url),
  gradual: new URL('./gradual.wgsl', import.meta.url),
  plain: new URL('./plain.wgsl', import.meta.url),
  functions: new URL('./functions.wgsl', import.meta.url),
  halves: new URL('./halves.wgsl', import.meta.url),
  'weights-fp32': new URL('./weights-fp32.wgsl', import.meta.url),
  'weights-fp16': new URL('./weights-fp16.wgsl', import.meta.url),
  'weights-bf16': new URL('./weights-bf16.wgsl', import.meta.url),
  'weights-table4': new URL('./weights-table4.wgsl', import.meta.url),
  embed: new URL('./embed.wgsl', import.meta.url),
  linear: new URL('./linear.wgsl', import.meta.url),
  quantize: new URL('./quantize.wgsl', import.meta.url),
  int8: new URL('./int8.wgsl', import.meta.url),
  norm: new URL('./norm.wgsl', import.meta.url),
  rotate: new URL('./rotate.wgsl', import.meta.url),
  remember: new URL('./remember.wgsl', import.meta.url),
  attend: new URL('./attend.wgsl', import.meta.url),
  elementwise: new URL('./elementwise.wgsl', import.meta.url),
  rows: new URL('./rows.wgsl', import.meta.url),
  sample: new URL('./sample.wgsl', import.meta.url),
};

export async function kernelSources(): Promise<KernelSources> {
  const { readFile } = await import('node:fs/promises');
  return Object.fromEntries(await Promise.all(Object.entries(FILES).map(async ([name, url]) => [name, await readFile(url, 'utf8')] as const)));
}
