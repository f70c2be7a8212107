/**
 * Memory of encoded parts that is used again: of a model the same few sizes are asked for hundreds of times, and to have the system clear new pages
 * takes longer than to encode into them. Only who knows that nobody looks at a part any more gives it back.
 */
import type { EncodedTensor, Part } from '../formats.ts';

/** The parts of one tensor. */
const MOST = 4;

const own = new WeakSet<ArrayBufferLike>();
let spare: ArrayBuffer[] = [];

/** An array of so many elements, of which each must be written: what is in it is anything. */
export function partRoom<T extends Part>(type: { new (memory: ArrayBuffer, offset: number, length: number): T; readonly BYTES_PER_ELEMENT: number }, length: number): T {
  const bytes = length * type.BYTES_PER_ELEMENT;
  // Not one that is far larger: it would be missed.
  const index = spare.findIndex(({ byteLength }) => byteLength >= bytes && byteLength <= 4 * bytes);
  const memory = index < 0 ? new ArrayBuffer(bytes) : spare.splice(index, 1)[0]!;
  own.add(memory);
  return new type(memory, 0, length);
}

/** Nobody looks at this tensor any more. */
export function giveBackParts({ parts }: EncodedTensor): void {
  for (const { buffer } of Object.values(parts)) if (own.has(buffer) && !spare.includes(buffer as ArrayBuffer)) spare.push(buffer as ArrayBuffer);
  spare = spare.sort((a, b) => a.byteLength - b.byteLength).slice(-MOST);
}

/** Leaves what was given back to the garbage collector. */
export function dropPartMemory(): void {
  spare = [];
}
