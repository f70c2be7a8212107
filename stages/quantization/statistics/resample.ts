/**
 * Resamples of clusters for the bootstrap: how often each cluster is drawn. The same for the same number of clusters, so that
 * every quantity of a study, and both sides of a difference, see the same resamples.
 */
import { threefry2x32 } from '../../../kernels/threefry.ts';

export const RESAMPLES = 1999;
const SEED = 0x62697473;

const memo = new Map<string, readonly Uint16Array[]>();

/**
 * `count` resamples: for each, how often each of the clusters was drawn (sum = clusters). Draw i of a resample is
 * floor(u * clusters), u = bits / 2^32 of Threefry under key (seed, clusters) and counter (resample, i / 2); its bias is
 * below clusters / 2^32.
 */
export function resamples(clusters: number, count = RESAMPLES): readonly Uint16Array[] {
  const key = `${clusters}/${count}`;
  const known = memo.get(key);
  if (known) return known;
  const made = Array.from({ length: count }, (_, resample) => {
    const times = new Uint16Array(clusters);
    const draw = (bits: number): void => {
      const cluster = Math.floor(((bits >>> 0) / 4294967296) * clusters);
      times[cluster] = times[cluster]! + 1;
    };
    for (let i = 0; i < clusters; i += 2) {
      const [a, b] = threefry2x32(SEED, clusters, resample, i >>> 1);
      draw(a);
      if (i + 1 < clusters) draw(b);
    }
    return times;
  });
  memo.set(key, made);
  return made;
}
