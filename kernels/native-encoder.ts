/** The native library's encoder of weights, after it has shown in this process that it gives the bits of the TypeScript one. */
import type { Revoked } from './engines.ts';
import { nativeLibrary } from './engines/native-library.ts';
import { formatNamed, formats, type Part } from './formats.ts';
import { toBf16, toFp16 } from './half.ts';
import { EngineUnfit } from './selftest.ts';
import { useWeightEncoder, type WeightEncoder } from './weight-encoder.ts';
import { addErrors, codesOf, newSums } from './weight-errors.ts';

const STORED = { fp32: 0, fp16: 1, bf16: 2 } as const;
const NONE = new Float32Array(0);

let tested = false;

/**
 * Encodes with the loaded native library from here on, on so many threads. Answers what identifies it, undefined where no library is
 * loaded, or one whose encoder was revoked. Throws EngineUnfit when its bits are not those of the TypeScript encoder.
 */
export function useNativeEncoder(threads: number, revoked: Revoked = () => undefined): string | undefined {
  const library = nativeLibrary();
  if (typeof library === 'string') return undefined;
  const build = `native-${library.sha256}`;
  if (revoked(build) !== undefined) return undefined;
  const { encode4, encode8, convert, compare } = library.functions;
  const encoder: WeightEncoder = {
    encode: ({ elements, stored, blockSize, bounds, order, codes, absmax }) => encode4(elements, STORED[stored], blockSize, bounds, order, codes, absmax, threads) === 1,
    encodeRows: ({ elements, stored, columns, codes, scales }) => encode8(elements, STORED[stored], columns, codes, scales, threads) === 1,
    convert: ({ elements, stored }, type, to) => convert(elements, STORED[stored], STORED[type], to, threads) === 1,
    allFinite: ({ elements, stored }) => convert(elements, STORED[stored], STORED[stored], null, threads) === 1,
    compare({ elements, stored }, encoded, sums) {
      switch (encoded.kind) {
        case 'table4': return compare(elements, STORED[stored], 0, encoded.codes, encoded.scales, encoded.blockSize, encoded.table, 0, sums, threads);
        case 'rows8': return compare(elements, STORED[stored], 1, encoded.codes, encoded.scales, Math.max(1, encoded.columns), NONE, 0, sums, threads);
        case 'plain': return compare(elements, STORED[stored], 2, encoded.elements, NONE, 1, NONE, STORED[encoded.stored], sums, threads);
      }
    },
  };
  if (!tested) selfTest(encoder);
  tested = true;
  useWeightEncoder(encoder);
  return build;
}

/** Every format and type, rows, whole and ragged blocks, zeros, denormals, ties and the largest numbers. */
function selfTest(encoder: WeightEncoder): void {
  const columns = 71;
  const values = Float32Array.from({ length: columns * 37 }, (_, i) => {
    const bell = ((i * 7919) % 4001 - 2000) / 2000;
    return i < 64 ? 0 : i < 128 ? (i - 96) / 0x100_0000 : i < 192 ? (i % 2 === 0 ? 60000 : -1) * bell : bell * bell * bell / (1 << 8 - i % 9);
  });
  for (const [stored, part, elements] of [['fp32', 'values', values], ['fp16', 'bits', toFp16(values)], ['bf16', 'bits', toBf16(values)]] as const) {
    const tensor = { name: 'self-test', format: stored, shape: [37, columns], parts: { [part]: elements } };
    const plain = formatNamed(stored).decode(tensor);
    for (const format of formats) {
      const expected = format.encode({ ...tensor, values: plain });
      // A format of somebody's own need have neither.
      if (format.encodeStored !== undefined) {
        useWeightEncoder(encoder);
        const found = format.encodeStored(tensor);
        useWeightEncoder(undefined);
        for (const what of Object.keys(expected.parts)) demand(sameBytes(expected.parts[what]!, found?.parts[what]), `encoding ${format.name} from ${stored} gives other ${what}`);
      }
      const codes = codesOf(expected, format);
      if (codes === undefined) continue;
      const [sums, wanted] = [newSums(), newSums()];
      encoder.compare({ elements, stored }, codes, sums);
      addErrors(plain, format.decode(expected), wanted);
      demand(sameBytes(wanted, sums), `the errors of ${format.name} from ${stored} are others`);
    }
  }
}

function demand(right: boolean, otherwise: string): void {
  if (!right) throw new EngineUnfit('native', otherwise);
}

type Elements = Part | Float64Array;

function sameBytes(one: Elements, other: Elements | undefined): boolean {
  const bytes = (of: Elements): Buffer => Buffer.from(of.buffer, of.byteOffset, of.byteLength);
  return other !== undefined && bytes(one).equals(bytes(other));
}
