/** Whether two scorings of the same cell by a peer agree: other processors and other numbers of threads add in another order. */
import type { Agreed, Agreement } from '../dag/index.ts';
import { readFidelity } from './score-output.ts';

/** What -log p of a token may differ by, on average over a text: two right engines in fp32 do by some 1e-6, 16-bit types by a thousand times as much. */
const TOLERATED_NATS = 1e-3;

export const scoresAgreement: Agreement = ({ scores: then }, { scores: now }) => agreementOf(readFidelity(then!).nll, readFidelity(now!).nll);

export function agreementOf(then: Float64Array, now: Float64Array): Agreed {
  if (then.length !== now.length) return { within: false, what: `${then.length} tokens then, ${now.length} now` };
  const apart = then.reduce((sum, nll, i) => sum + Math.abs(nll - now[i]!), 0) / Math.max(1, then.length);
  return { within: apart <= TOLERATED_NATS, what: `-log p of a token is ${apart.toExponential(1)} nats apart on average; ${TOLERATED_NATS} are tolerated` };
}
