/** The native library's encoder of 4-bit blocks, after it has shown in this process that it gives the bits of the TypeScript one. */
import { useBlockEncoder, type BlockEncoder } from './block-encoder.ts';
import { nativeLibrary } from './engines/native-library.ts';
import { formatNamed } from './formats.ts';
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
  const { encode4 } = library.functions;
  const encoder: BlockEncoder = ({ elements, stored, blockSize, bounds, order, codes, absmax }) =>
    encode4(elements, STORED[stored], blockSize, bounds, order, codes, absmax, threads) === 1;
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
    for (const [stored, part, elements] of [['fp32', 'values', values], ['fp16', 'bits', toFp16(values)], ['bf16', 'bits', toBf16(values)]] as const) {
      const tensor = { name: 'self-test', format: stored, shape: [values.length], parts: { [part]: elements } };
      useBlockEncoder(undefined);
      const expected = formatNamed(name).encode({ ...tensor, values: formatNamed(stored).decode(tensor) }).parts;
      useBlockEncoder(encoder);
      const found = formatNamed(name).encodeStored!(tensor)?.parts;
      useBlockEncoder(undefined);
      for (const [what, bytes] of Object.entries(expected)) {
        if (found === undefined || !Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).equals(Buffer.from(found[what]!.buffer, found[what]!.byteOffset, found[what]!.byteLength))) {
          throw new EngineUnfit('native', `encoding ${name} from ${stored} gives other ${what}`);
        }
      }
    }
  }
}
