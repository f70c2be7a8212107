/** Numbers by a seed: for orders and samples that can be had again. */

/** Tommy Ettinger's mulberry32: good enough to shuffle, small enough to read. Numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The items in an order of which each is as likely as any other. */
export function shuffled<T>(items: readonly T[], seed: number): readonly T[] {
  const random = mulberry32(seed);
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** `n` of the items (all, if there are no more), each set of n as likely as any other; in their own order. */
export function sampleOf<T>(items: readonly T[], n: number, seed: number): readonly T[] {
  const random = mulberry32(seed);
  const places = items.map((_, i) => i);
  const size = Math.min(n, items.length);
  for (let i = 0; i < size; i++) {
    const j = i + Math.floor(random() * (places.length - i));
    [places[i], places[j]] = [places[j]!, places[i]!];
  }
  return places.slice(0, size).sort((a, b) => a - b).map((place) => items[place]!);
}
