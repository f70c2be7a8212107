/** Files that were sound, with something done to them. Deterministic by seed, so that a finding can be made again. */

/** Numbers from 0 up to, not including, `limit`. */
export type Draw = (limit: number) => number;

export function drawsOf(seed: number): Draw {
  let state = (seed * 2654435761) >>> 0 || 1;
  return (limit) => {
    state ^= state << 13; state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5; state >>>= 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
}

/** Numbers at which readers go wrong, as the bits of 64. */
const TELLING = [0n, 1n, 7n, 31n, 32n, 33n, 255n, 65535n, 65536n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 32n, 2n ** 64n - 1n];

/** Where damage is likeliest to be read: mostly the header. */
const place = (bytes: Uint8Array, draw: Draw): number => draw(Math.max(1, draw(4) === 0 ? bytes.length : Math.min(bytes.length, 1 << (4 + draw(10)))));

const MUTATIONS: readonly ((bytes: Uint8Array, draw: Draw) => Uint8Array)[] = [
  function flip(bytes, draw) { bytes[place(bytes, draw)]! ^= 1 << draw(8); return bytes; },
  function set(bytes, draw) { bytes[place(bytes, draw)] = draw(256); return bytes; },
  function number64(bytes, draw) {
    const at = place(bytes, draw);
    if (at + 8 <= bytes.length) new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(at, TELLING[draw(TELLING.length)]!, true);
    return bytes;
  },
  function number32(bytes, draw) {
    const at = place(bytes, draw);
    if (at + 4 <= bytes.length) new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, Number(TELLING[draw(TELLING.length)]! & 0xffff_ffffn), true);
    return bytes;
  },
  function cut(bytes, draw) { return bytes.slice(0, draw(bytes.length + 1)); },
  function grow(bytes, draw) { const grown = new Uint8Array(bytes.length + 1 + draw(200)); grown.set(bytes); return grown; },
  function remove(bytes, draw) {
    const at = place(bytes, draw);
    const gone = 1 + draw(40);
    return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + gone)]);
  },
  function repeat(bytes, draw) {
    const at = place(bytes, draw);
    const length = 1 + draw(200);
    return Uint8Array.from([...bytes.subarray(0, at + length), ...bytes.subarray(at, at + length), ...bytes.subarray(at + length)]);
  },
  function swap(bytes, draw) {
    const [from, to, length] = [place(bytes, draw), place(bytes, draw), 1 + draw(64)];
    bytes.set(bytes.slice(from, from + Math.min(length, bytes.length - Math.max(from, to))), to);
    return bytes;
  },
  function digit(bytes, draw) {
    // Numbers of a JSON header.
    const digits = bytes.subarray(0, 4096).reduce<number[]>((found, byte, at) => (byte >= 0x30 && byte <= 0x39 ? [...found, at] : found), []);
    if (digits.length > 0) bytes[digits[draw(digits.length)]!] = 0x30 + draw(10);
    return bytes;
  },
];

/** One to four things done to a copy of the file. */
export function mutated(file: Uint8Array, draw: Draw): { readonly bytes: Uint8Array; readonly how: string } {
  let bytes: Uint8Array = file.slice();
  const how: string[] = [];
  for (let i = 1 + draw(4); i > 0 && bytes.length > 0; i--) {
    const mutation = MUTATIONS[draw(MUTATIONS.length)]!;
    bytes = mutation(bytes, draw);
    how.push(mutation.name);
  }
  return { bytes, how: how.join(', ') };
}
