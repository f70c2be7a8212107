/** The native library's encoder of 4-bit blocks, after it has shown in this process that it gives the bits of the TypeScript one. */
import { useBlockEncoder, type BlockEncoder } from './block-encoder.ts';
import { nativeLibrary } from './engines/native-library.ts';
import { formatNamed, type Part } from './formats.ts';
import { toBf16, toFp16 } from './half.ts';
import { EngineUnfit } from './selftest.ts';

const STORED = { fp32: 0, fp16: 1, bf16: 2 } as const;

let tested = false;

/**
 * Encodes with the loaded native library from here on, on so many threads. Answers what identifies it, undefined where no library is
 * loaded. Throws EngineUnfit when its bits are not those of the TypeScript encoder.
 */
export function useNativeEncoder(threads: number): string | undefined {
  const library = nativeLibrary();
  if (typeof library === 'string') return undefined;
  const { encode4, compare4 } = library.functions;
  const encoder: BlockEncoder = {
    encode: ({ elements, stored, blockSize, bounds, order, codes, absmax }) => encode4(elements, STORED[stored], blockSize, bounds, order, codes, absmax, threads) === 1,
    compare: ({ elements, stored, codes, scales, table, blockSize, decoded, sums }) => compare4(elements, STORED[stored], codes, scales, table, blockSize, decoded, sums),
  };
  if (!tested) selfTest(encoder);
  tested = true;
  useBlockEncoder(encoder);
  return `native-${library.sha256}`;
}

/** Every type, both tables, whole and ragged blocks, zeros, denormals, ties and the largest numbers. */
function selfTest(encoder: BlockEncoder): void {
  const values = Float32Array.from({ length: 64 * 40 + 37 }, (_, i) => {
    const bell = ((i * 7919) % 4001 - 2000) / 2000;
    return i < 64 ? 0 : i < 128 ? (i - 96) / 0x100_0000 : i < 192 ? (i % 2 === 0 ? 60000 : -1) * bell : bell * bell * bell / (1 << 8 - i % 9);
  });
  for (const name of ['nf4', 'fp4']) {
    const format = formatNamed(name);
    for (const [stored, part, elements] of [['fp32', 'values', values], ['fp16', 'bits', toFp16(values)], ['bf16', 'bits', toBf16(values)]] as const) {
      const tensor = { name: 'self-test', format: stored, shape: [values.length], parts: { [part]: elements } };
      const plain = formatNamed(stored).decode(tensor);
      const expected = format.encode({ ...tensor, values: plain });
      useBlockEncoder(encoder);
      const found = format.encodeStored!(tensor);
      useBlockEncoder(undefined);
      for (const what of Object.keys(expected.parts)) demand(sameBytes(expected.parts[what]!, found?.parts[what]), `encoding ${name} from ${stored} gives other ${what}`);

      const [decoded, sums] = [new Float32Array(values.length), new Float64Array(3)];
      encoder.compare({ elements, stored, ...format.tableCodes!(expected), decoded, sums });
      const wanted = format.decode(expected);
      demand(sameBytes(wanted, decoded), `decoding ${name} gives other values`);
      demand(sameBytes(errorSums(plain, wanted), sums), `the errors of ${name} from ${stored} are others`);
    }
  }
}

function demand(right: boolean, otherwise: string): void {
  if (!right) throw new EngineUnfit('native', otherwise);
}

function errorSums(values: Float32Array, decoded: Float32Array): Float64Array {
  const sums = new Float64Array(3);
  values.forEach((value, i) => {
    const error = Math.abs(decoded[i]! - value);
    sums[0]! += value * value;
    sums[1]! += error * error;
    sums[2] = Math.max(sums[2]!, error);
  });
  return sums;
}

type Elements = Part | Float64Array;

function sameBytes(one: Elements, other: Elements | undefined): boolean {
  const bytes = (of: Elements): Buffer => Buffer.from(of.buffer, of.byteOffset, of.byteLength);
  return other !== undefined && bytes(one).equals(bytes(other));
}
