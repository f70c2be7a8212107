/**
 * What the codecs share: counting, refusing what is not finite, and taking parts out of an encoded tensor that may come
 * from a file somebody else wrote.
 */
import { countNotFinite } from '../finite.ts';
import type { EncodedTensor, Part, PlainTensor } from '../formats.ts';
import { NotFinite } from '../ops.ts';
import { partRoom } from './part-memory.ts';
import { weightEncoder, type StoredElements, type StoredType } from '../weight-encoder.ts';

/** Elements of a shape. */
export function elementsOf(shape: readonly number[]): number {
  let elements = 1;
  for (const size of shape) elements *= size;
  return elements;
}

/** The tensor's values as fp32 bits, after checking that their number fits the shape and that each is finite. */
export function checkedValues(tensor: PlainTensor): Float32Array {
  const { name, shape, values } = tensor;
  if (elementsOf(shape) !== values.length) throw new Error(`${name}: ${values.length} values do not fill the shape [${shape.join(', ')}]`);
  const count = countNotFinite(values, 'fp32');
  if (count > 0) throw new NotFinite(name, count);
  return values;
}

/** Bits of a 16-bit type, after refusing any that rounding took beyond the type's largest number. */
export function finiteBits<T extends Uint16Array>(name: string, type: 'fp16' | 'bf16', bits: T): T {
  const count = countNotFinite(bits, type);
  if (count > 0) throw new NotFinite(`${name} rounded to ${type}`, count);
  return bits;
}

/** The part of that name, held to its type and length; the error names tensor, part and what is allowed. */
export function partOf<T extends Part>(encoded: EncodedTensor, part: string, type: abstract new (...args: never[]) => T, length: number): T {
  const found = Object.hasOwn(encoded.parts, part) ? encoded.parts[part] : undefined;
  if (!(found instanceof type) || found.length !== length) {
    const is = found === undefined ? 'missing' : `${found.constructor.name} of ${found.length}`;
    throw new Error(`${encoded.name}: part ${part} is ${is}; ${encoded.format} of shape [${encoded.shape.join(', ')}] needs ${type.name} of ${length}`);
  }
  return found;
}

/** The numbers of a tensor in one of the types that checkpoints have; undefined for one in another format. */
export function storedElements(encoded: EncodedTensor): StoredElements | undefined {
  const length = elementsOf(encoded.shape);
  switch (encoded.format) {
    case 'fp32': return { stored: 'fp32', elements: partOf(encoded, 'values', Float32Array, length) };
    case 'fp16': case 'bf16': return { stored: encoded.format, elements: partOf(encoded, 'bits', Uint16Array, length) };
    default: return undefined;
  }
}

/** encodeStored() of the types that checkpoints have. One in that type already is shared. */
export function convertStored(tensor: EncodedTensor, type: StoredType): EncodedTensor | undefined {
  const [encoder, from] = [weightEncoder(), storedElements(tensor)];
  if (encoder === undefined || from === undefined) return undefined;
  const own = from.stored === type;
  const to = own ? from.elements : type === 'fp32' ? partRoom(Float32Array, from.elements.length) : partRoom(Uint16Array, from.elements.length);
  const finite = own ? encoder.allFinite(from) : encoder.convert(from, type, to);
  return finite ? { name: tensor.name, format: type, shape: tensor.shape, parts: { [type === 'fp32' ? 'values' : 'bits']: to } } : undefined;
}

/** Length of a part; 0 when there is none. */
export function partLength(encoded: EncodedTensor, part: string): number {
  return Object.hasOwn(encoded.parts, part) ? encoded.parts[part]!.length : 0;
}
