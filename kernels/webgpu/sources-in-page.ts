/** The kernels' texts in a page, whose program holds them: it stands in for sources.ts there. */
import type { KernelSources } from './pipelines.ts';
import arithmetic from './arithmetic.wgsl';
import attend from './attend.wgsl';
import elementwise from './elementwise.wgsl';
import embed from './embed.wgsl';
import functions from './functions.wgsl';
import gradual from './gradual.wgsl';
import guarded from './guarded.wgsl';
import halves from './halves.wgsl';
import int8 from './int8.wgsl';
import linear from './linear.wgsl';
import norm from './norm.wgsl';
import plain from './plain.wgsl';
import quantize from './quantize.wgsl';
import remember from './remember.wgsl';
import rotate from './rotate.wgsl';
import rows from './rows.wgsl';
import sample from './sample.wgsl';
import bf16 from './weights-bf16.wgsl';
import fp16 from './weights-fp16.wgsl';
import fp32 from './weights-fp32.wgsl';
import table4 from './weights-table4.wgsl';

/** As sources.ts has them. */
export async function kernelSources(): Promise<KernelSources> {
  return {
    arithmetic, guarded, gradual, plain, functions, halves, 'weights-fp32': fp32, 'weights-fp16': fp16, 'weights-bf16': bf16, 'weights-table4': table4,
    embed, linear, quantize, int8, norm, rotate, remember, attend, elementwise, rows, sample,
  };
}
