/**
 * Threefry-2x32 with 20 rounds: a counter-based generator of add, rotate and xor only, so equal everywhere and independent of
 * order. Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011); held to the known
 * answers of its authors' Random123.
 */
const PARITY = 0x1bd11bda;

function rotl(x: number, n: number): number {
  return (x << n) | (x >>> (32 - n));
}

/** The second word of the last call. */
let second = 0;

/** Two random 32-bit words (as signed integers) of the key and the counter. */
export function threefry2x32(key0: number, key1: number, counter0: number, counter1: number): [number, number] {
  const first = threefryWord(key0, key1, counter0, counter1);
  return [first, second];
}

/** The first of them: where there are many, it counts that no pair is made. */
export function threefryWord(key0: number, key1: number, counter0: number, counter1: number): number {
  const key2 = PARITY ^ key0 ^ key1;
  let a = (counter0 + key0) | 0;
  let b = (counter1 + key1) | 0;
  a = (a + b) | 0; b = rotl(b, 13) ^ a;
  a = (a + b) | 0; b = rotl(b, 15) ^ a;
  a = (a + b) | 0; b = rotl(b, 26) ^ a;
  a = (a + b) | 0; b = rotl(b, 6) ^ a;
  a = (a + key1) | 0; b = (b + key2 + 1) | 0;
  a = (a + b) | 0; b = rotl(b, 17) ^ a;
  a = (a + b) | 0; b = rotl(b, 29) ^ a;
  a = (a + b) | 0; b = rotl(b, 16) ^ a;
  a = (a + b) | 0; b = rotl(b, 24) ^ a;
  a = (a + key2) | 0; b = (b + key0 + 2) | 0;
  a = (a + b) | 0; b = rotl(b, 13) ^ a;
  a = (a + b) | 0; b = rotl(b, 15) ^ a;
  a = (a + b) | 0; b = rotl(b, 26) ^ a;
  a = (a + b) | 0; b = rotl(b, 6) ^ a;
  a = (a + key0) | 0; b = (b + key1 + 3) | 0;
  a = (a + b) | 0; b = rotl(b, 17) ^ a;
  a = (a + b) | 0; b = rotl(b, 29) ^ a;
  a = (a + b) | 0; b = rotl(b, 16) ^ a;
  a = (a + b) | 0; b = rotl(b, 24) ^ a;
  a = (a + key1) | 0; b = (b + key2 + 4) | 0;
  a = (a + b) | 0; b = rotl(b, 13) ^ a;
  a = (a + b) | 0; b = rotl(b, 15) ^ a;
  a = (a + b) | 0; b = rotl(b, 26) ^ a;
  a = (a + b) | 0; b = rotl(b, 6) ^ a;
  a = (a + key2) | 0; b = (b + key0 + 5) | 0;
  second = b;
  return a;
}
