/**
 * ONNX Runtime's products on the processor (npm onnxruntime-node): MatMulBnb4 with bitsandbytes' nf4 and fp4 in blocks of 64, from
 * our encoder's own bytes; MatMulNBits with 4 and 8 bits in blocks of 64, whose activations stay fp32 or become int8
 * (accuracy_level 4); and fp32 MatMul. Each result is held to ours before anything is timed.
 *
 * A call is one run of a session with one product: its JavaScript costs some 30 us, which the products of one row here exceed tenfold.
 * A session of each number of threads; they spin for a while after a run, as they do by default.
 */
import { encodedBytes, formatNamed } from '../../../kernels/index.ts';
import type { Contender } from '../contest.ts';
import { THREADS } from '../engines.ts';
import { byTheClock } from '../measure.ts';
import { randomValues } from '../random-model.ts';
import { installed, requirePeer } from './installed.ts';
import { onnxChain } from './onnx-model.ts';
import type { OnnxProduct } from './onnx-model.ts';

const PACKAGE = 'onnxruntime-node';
const BLOCK = 64;

/** What we use of onnxruntime-common's types; the package is not there when types are checked. */
interface OrtTensor { readonly data: Float32Array }
interface OrtSession { run(feeds: { readonly x: OrtTensor }): Promise<{ readonly y: OrtTensor }>; release(): Promise<void> }
interface Ort {
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OrtSession> };
}

/** A weight as one of the ops takes it, and what it stands for. */
interface Variant {
  readonly format: string;
  readonly bytes: number;
  /** What the op multiplies with it, by its accuracy_level where it has one. */
  readonly activations: 'fp32' | 'int8';
  readonly product: OnnxProduct;
  readonly decoded: Float32Array;
  /** How far results may lie from ours, relative to their size: fp32 sums in another order, or activations rounded to 8 bits. */
  readonly tolerance: number;
}

export interface ProductPeers {
  contenders(batch: number): Contender[];
  close(): Promise<void>;
}

/** Sessions for every variant of a weight [side, side]; none when the package is not installed. Throws when a result is not ours. */
export async function openProducts(weight: Float32Array, side: number, quick: boolean): Promise<ProductPeers> {
  const peer = installed(PACKAGE);
  if (peer === undefined) return { contenders: () => [], close: async () => {} };
  const ort = requirePeer(PACKAGE) as Ort;
  const variants = quick ? [bnb4('nf4', weight, side), nBits(4, true, weight, side)]
    : [matMul(weight, side), bnb4('nf4', weight, side), bnb4('fp4', weight, side), nBits(4, false, weight, side), nBits(4, true, weight, side), nBits(8, true, weight, side)];
  const sessions: { readonly variant: Omit<Variant, 'product' | 'decoded'>; readonly threads: number; readonly session: OrtSession }[] = [];
  for (const { product, decoded, ...variant } of variants) {
    const model = onnxChain(side, [product]);
    for (const threads of THREADS) {
      const session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all', logSeverityLevel: 3 });
      await check(ort, session, { ...variant, product, decoded }, side, peer.version);
      sessions.push({ variant, threads, session });
    }
  }
  return {
    contenders: (batch) => {
      const x = new ort.Tensor('float32', randomValues(3, batch * side, 1), [batch, side]);
      return sessions.map(({ variant: { format, bytes, activations }, threads, session }) => ({ who: PACKAGE, version: peer.version, peer: true, format, bitsPerWeight: 8 * bytes / weight.length, activations, threads, bytes, ...byTheClock(() => session.run({ x })) }));
    },
    async close() { for (const { session } of sessions) await session.release(); },
  };
}

/** Holds some outputs of one row to sums over the decoded weights. */
async function check(ort: Ort, session: OrtSession, { format, decoded, tolerance }: Variant, side: number, version: string): Promise<void> {
  const x = randomValues(4, side, 1);
  const { y } = await session.run({ x: new ort.Tensor('float32', x, [1, side]) });
  for (let out = 0; out < side; out += side >> 4) {
    let sum = 0;
    let size = 0;
    for (let k = 0; k < side; k++) {
      const term = decoded[out * side + k]! * x[k]!;
      sum += term;
      size += term * term;
    }
    const difference = Math.abs(y.data[out]! - sum) / Math.sqrt(size);
    if (!(difference <= tolerance)) throw new Error(`${PACKAGE} ${version}, ${format}: output ${out} is ${y.data[out]}, ours ${sum}; it computes something else, and its speed would say nothing`);
  }
}

const FP32_SUM = 1e-4;
const INT8_ACTIVATIONS = 0.05;

/** Weights are [K, N] there. */
function matMul(weight: Float32Array, side: number): Variant {
  const turned = new Float32Array(weight.length);
  for (let row = 0; row < side; row++) for (let column = 0; column < side; column++) turned[column * side + row] = weight[row * side + column]!;
  return { format: 'MatMul fp32', activations: 'fp32', bytes: 4 * weight.length, decoded: weight, tolerance: FP32_SUM, product: { op: 'MatMul', domain: '', constants: [{ dims: [side, side], data: turned }], attributes: {} } };
}

function bnb4(name: 'nf4' | 'fp4', weight: Float32Array, side: number): Variant {
  const format = formatNamed(name);
  const encoded = format.encode({ name: 'weight', shape: [side, side], values: weight }, { blockSize: BLOCK });
  const codes = encoded.parts['codes'] as Uint8Array, absmax = encoded.parts['absmax'] as Float32Array;
  return {
    format: `MatMulBnb4 ${name}`, activations: 'fp32', bytes: encodedBytes(encoded), decoded: format.decode(encoded), tolerance: FP32_SUM,
    product: {
      op: 'MatMulBnb4', domain: 'com.microsoft', attributes: { K: side, N: side, block_size: BLOCK, quant_type: name === 'nf4' ? 1 : 0 },
      constants: [{ dims: [codes.length], data: codes }, { dims: [absmax.length], data: absmax }],
    },
  };
}

/** Symmetric: w = (code - half) * scale, scale = largest magnitude of a block / (half - 1); of two codes in a byte the first is the low half. */
function nBits(bits: 4 | 8, int8Activations: boolean, weight: Float32Array, side: number): Variant {
  const half = 2 ** (bits - 1);
  const blocks = weight.length / BLOCK;
  const scales = new Float32Array(blocks);
  const codes = new Uint8Array((weight.length * bits) / 8);
  const decoded = new Float32Array(weight.length);
  for (let block = 0; block < blocks; block++) {
    let largest = 0;
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) largest = Math.max(largest, Math.abs(weight[i]!));
    const scale = scales[block] = largest / (half - 1);
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
      const code = Math.round(weight[i]! / scale) + half;
      decoded[i] = (code - half) * scale;
      if (bits === 8) codes[i] = code;
      else codes[i >> 1]! |= code << (4 * (i & 1));
    }
  }
  const perRow = side / BLOCK;
  return {
    format: `MatMulNBits ${bits}-bit${int8Activations ? ', int8 activations' : ''}`, activations: int8Activations ? 'int8' : 'fp32', bytes: codes.length + scales.byteLength, decoded, tolerance: int8Activations ? INT8_ACTIVATIONS : FP32_SUM,
    product: {
      op: 'MatMulNBits', domain: 'com.microsoft', attributes: { K: side, N: side, bits, block_size: BLOCK, accuracy_level: int8Activations ? 4 : 1 },
      constants: [{ dims: [side, perRow, (BLOCK * bits) / 8], data: codes }, { dims: [side * perRow], data: scales }],
    },
  };
}
