/** Longer than that, a person wants to know what is waited for. */
const TOLD_AFTER_MS = 2_000;

/** Says what is waited for, where it takes long. */
export async function toldIfSlow<T>(work: Promise<T>, say: ((sentence: string) => void) | undefined, sentence: string): Promise<T> {
  const timer = setTimeout(() => say?.(sentence), TOLD_AFTER_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
