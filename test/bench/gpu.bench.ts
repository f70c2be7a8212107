/**
 * `npm run bench -- gpu`: the engines webgpu-fast and webgpu-fast-f16 against what the card can do. Reading alone by a kernel that does nothing else; single products and steps of a decoder by the
 * GPU's own clock and by the host's. Prints only: a CPU that plays a GPU has no rates worth keeping, and it is left out unless BITWIDTH_BENCH_SOFTWARE_GPU is set, which makes
 * everything small.
 */
import { encodedBytes, formatNamed } from '../../kernels/index.ts';
import { webgpuFast, openWebGpuFast } from '../../kernels/engines/webgpu-fast.ts';
import { webgpuFastF16 } from '../../kernels/engines/webgpu-fast-f16.ts';
import { gpuAdapters } from '../../kernels/engines.ts';
import { RecordedOps } from '../../kernels/engines/recorded-ops.ts';
import { WebGpuDevice } from '../../kernels/webgpu/device.ts';
import type { GpuContext } from '../../kernels/webgpu/context.ts';
import type { Activation, Weight } from '../../kernels/index.ts';
import type { Bench } from './contest.ts';
import { BenchDecoder, patterned, SEVEN_B, SEVENTY_B } from './gpu-decoder.ts';
import type { DecoderShape } from './gpu-decoder.ts';
import { printTable, short } from './measure.ts';
import { readRate } from './gpu-read.ts';
import { randomValues } from './random-model.ts';

const SMALL: DecoderShape = { name: 'a small decoder', layers: 2, hidden: 128, inner: 320, heads: 2, kvHeads: 1, vocabulary: 256 };
/** A card that idles takes so long to come to speed. */
const WARM_MS = 300;

export async function bench({ quick }: Bench): Promise<void> {
  const missing = await webgpuFast.unavailable();
  if (missing !== undefined) return console.log(`The engine webgpu-fast is left out: ${missing}`);
  const found = await gpuAdapters();
  const software = !('sentence' in found) && found.adapters.every(({ fallback, words }) => fallback || /swiftshader|llvmpipe/i.test(words));
  const forced = Boolean(process.env['BITWIDTH_BENCH_SOFTWARE_GPU']);
  if (software && !forced) return console.log('The engine webgpu-fast is left out: this computer\'s processor plays a GPU');
  await benchOf('webgpu-fast', software, quick);
  const lacks = await webgpuFastF16.unavailable();
  if (lacks === undefined) await benchOf('webgpu-fast-f16', software, quick);
  else console.log(`\nThe engine webgpu-fast-f16 is left out: ${lacks}`);
}

async function benchOf(name: 'webgpu-fast' | 'webgpu-fast-f16', software: boolean, quick: boolean): Promise<void> {
  const { context, build, ops } = await openWebGpuFast(undefined, name);
  ops.dispose();
  const bytesPerMs = await readRate(context.device, software ? 1 << 20 : 1 << 30);
  console.log(`\n${build}: reads ${short(bytesPerMs / 1e6)} GB/s`);
  const pairs = software ? [[128, 256]] : quick ? [[4096, 14336]] : [[4096, 4096], [4096, 14336], [8192, 28672]];
  for (const [small, large] of pairs) await products(context, small!, large!, bytesPerMs, software);
  const shapes = software ? [SMALL] : quick ? [SEVEN_B] : [SEVEN_B, SEVENTY_B];
  for (const shape of shapes) await decoders(context, shape, bytesPerMs, software);
}

const FORMATS = ['fp16', 'int8', 'nf4'];

/** A chain of products up and down, of more bytes than the card caches. */
async function products(context: GpuContext, small: number, large: number, bytesPerMs: number, software: boolean): Promise<void> {
  const rows: string[][] = [];
  for (const format of FORMATS) {
    const device = new WebGpuDevice(context);
    const ops = new RecordedOps(device);
    const up = patterned(format, large, small);
    const down = patterned(format, small, large);
    const chain = software ? 2 : 2 * Math.max(1, Math.ceil(2e8 / encodedBytes(up)));
    const weights: Weight[] = Array.from({ length: chain }, (_, i) => ops.weight(i % 2 === 0 ? up : down, formatNamed(format)));
    for (const count of software ? [1, 20] : [1, 4, 16, 512]) {
      const fp32 = formatNamed('fp32');
      const table = ops.weight(fp32.encode({ name: 'input', shape: [count, small], values: randomValues(3, count * small, 1) }), fp32);
      const each = Int32Array.from({ length: count }, (_, row) => row);
      const used = count > 16 ? weights.slice(0, 2) : weights;
      const run = (): Promise<unknown> => {
        ops.begin({ slot: new Int32Array(count), position: each, token: each });
        let x: Activation = ops.embed(table);
        for (const weight of used) x = ops.linear(x, weight);
        return ops.read(ops.take(x, Int32Array.of(0)), 'product');
      };
      const { gpuMs, hostMs } = await timed(device, run, software);
      const bytes = used.length * encodedBytes(up);
      const multiplied = used.length * count * small * large;
      rows.push([
        `${format}, ${count} ${count === 1 ? 'row' : 'rows'}`, short((gpuMs / used.length) * 1e3), short((hostMs / used.length) * 1e3), short(multiplied / gpuMs / 1e9), count > 16 ? '' : `${Math.round((100 * bytes) / gpuMs / bytesPerMs)} %`,
      ]);
    }
    ops.dispose();
  }
  printTable(`[${large}, ${small}] and back, a chain`, ['weights', 'us by the GPU', 'us by the host', 'T multiply-adds/s', 'of reading alone'], rows);
}

async function decoders(context: GpuContext, shape: DecoderShape, bytesPerMs: number, software: boolean): Promise<void> {
  const rows: string[][] = [];
  for (const format of FORMATS) {
    const device = new WebGpuDevice(context);
    const ops = new RecordedOps(device);
    const decoder = new BenchDecoder(ops, shape, format);
    const prompt = software ? 20 : 512;
    for (const [what, position, count] of [['one token after 16', 16, 1], [`one token after ${prompt}`, prompt, 1], [`a prompt of ${prompt}`, 0, prompt]] as const) {
      const { gpuMs, hostMs } = await timed(device, () => decoder.step(position, count), software);
      const share = (ms: number): string => count === 1 ? `${Math.round((100 * decoder.weightBytes) / ms / bytesPerMs)} %` : '';
      rows.push([`${format}, ${what}`, short(gpuMs), short(hostMs), short((1e3 * count) / hostMs), share(gpuMs), share(hostMs)]);
    }
    ops.dispose();
  }
  printTable(shape.name, ['step', 'ms by the GPU', 'ms by the host', 'tokens/s', 'of reading alone, GPU', 'host'], rows);
}

/** Medians of some runs, after the card has come to speed. */
async function timed(device: WebGpuDevice, run: () => Promise<unknown>, software: boolean): Promise<{ readonly gpuMs: number; readonly hostMs: number }> {
  const until = performance.now() + (software ? 0 : WARM_MS);
  do await run(); while (performance.now() < until);
  const gpu: number[] = [];
  const host: number[] = [];
  device.workedMs();
  for (let i = 0; i < (software ? 1 : 15); i++) {
    const from = performance.now();
    await run();
    host.push(performance.now() - from);
    gpu.push(device.workedMs() ?? Number.NaN);
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
  return { gpuMs: median(gpu), hostMs: median(host) };
}
