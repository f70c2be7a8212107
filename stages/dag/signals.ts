/** The signals that ask a run to end. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `handler` at each; answers what takes it away again. */
export function onSignals(handler: () => void): () => void {
  for (const signal of SIGNALS) process.on(signal, handler);
  return () => { for (const signal of SIGNALS) process.off(signal, handler); };
}
