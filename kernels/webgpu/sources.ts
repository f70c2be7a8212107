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
  fast: new URL('./fast.wgsl', import.meta.url),
  'pool-subgroups': new URL('./pool-subgroups.wgsl', import.meta.url),
  'pool-threads': new URL('./pool-threads.wgsl', import.meta.url),
  'fast-row': new URL('./fast-row.wgsl', import.meta.url),
  'fast-tile': new URL('./fast-tile.wgsl', import.meta.url),
  'fast-attend': new URL('./fast-attend.wgsl', import.meta.url),
  'fast-rotate': new URL('./fast-rotate.wgsl', import.meta.url),
  'fast-norm': new URL('./fast-norm.wgsl', import.meta.url),
  'terms-f32': new URL('./terms-f32.wgsl', import.meta.url),
  'terms-f16': new URL('./terms-f16.wgsl', import.meta.url),
  'quads-table4-f16': new URL('./quads-table4-f16.wgsl', import.meta.url),
  'lookup-table': new URL('./lookup-table.wgsl', import.meta.url),
  'quads-fp32': new URL('./quads-fp32.wgsl', import.meta.url),
  'quads-fp16': new URL('./quads-fp16.wgsl', import.meta.url),
  'quads-bf16': new URL('./quads-bf16.wgsl', import.meta.url),
  'quads-table4': new URL('./quads-table4.wgsl', import.meta.url),
  'pairs-fp32': new URL('./pairs-fp32.wgsl', import.meta.url),
  'pairs-fp16': new URL('./pairs-fp16.wgsl', import.meta.url),
  'pairs-bf16': new URL('./pairs-bf16.wgsl', import.meta.url),
  'pairs-table4': new URL('./pairs-table4.wgsl', import.meta.url),
  'quads-embed': new URL('./quads-embed.wgsl', import.meta.url),
};

export async function kernelSources(): Promise<KernelSources> {
  const { readFile } = await import('node:fs/promises');
  return Object.fromEntries(await Promise.all(Object.entries(FILES).map(async ([name, url]) => [name, await readFile(url, 'utf8')] as const)));
}
