/** Lets what waits in a page (drawing, a click) go first, every now and then: a page that is not heard for longer than this seems to hang. */
const LONGEST_MS = 30;

export function breathing(signal: AbortSignal): () => Promise<void> {
  let last = performance.now();
  /** Throws AbortError where it was asked to stop. */
  return async () => {
    signal.throwIfAborted();
    if (performance.now() - last < LONGEST_MS) return;
    // A message to oneself: unlike a timer it is not held back in a page that nobody looks at.
    await new Promise<void>((resolve) => {
      const { port1, port2 } = new MessageChannel();
      (port1 as unknown as { onmessage: () => void }).onmessage = () => { port1.close(); resolve(); };
      port2.postMessage(undefined);
    });
    last = performance.now();
    signal.throwIfAborted();
  };
}
