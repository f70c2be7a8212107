/**
 * Whether an output head that config.json ties to the embeddings is them. transformers 5 goes by the checkpoint where it has both: with other
 * values the head is one of its own, whatever the config says (Falcon's configs leave it to a default).
 */
import type { Checkpoint } from './checkpoint.ts';

export function isTied(checkpoint: Pick<Checkpoint, 'has' | 'stored'>, head: string, embeddings: string): boolean {
  if (!checkpoint.has(head)) return true;
  const [own, shared] = [checkpoint.stored(head), checkpoint.stored(embeddings)];
  if (own.format !== shared.format || own.shape.length !== shared.shape.length || own.shape.some((size, axis) => size !== shared.shape[axis])) return false;
  return Object.entries(own.parts).every(([name, part]) => equal(part, shared.parts[name]!));
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
