/** How long a task may take, by the time in which the run went on: a limit of an hour is not over because a laptop slept for two. */

const SLICE_MS = 1000;

/** Calls `over` after `ms`; answers what takes the limit away. A slice during which the run stood still counts as two at most. */
export function timeLimit(ms: number, over: () => void): () => void {
  let leftMs = ms;
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const startedMs = performance.now();
    timer = setTimeout(() => {
      leftMs -= Math.min(performance.now() - startedMs, 2 * SLICE_MS);
      if (leftMs > 0) wait();
      else over();
    }, Math.min(leftMs, SLICE_MS));
  };
  wait();
  return () => clearTimeout(timer);
}
