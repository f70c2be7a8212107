/** Whether two results of the same cell by a peer agree: other processors and other numbers of threads add in another order. */
import type { Agreed, Agreement } from '../dag/index.ts';
import type { PeerWritten } from './peer-generate.ts';
import { readFidelity } from './score-output.ts';
import { commonLength } from './statistics/first-difference.ts';

/** What -log p of a token may differ by, on average over a text: two right engines in fp32 do by some 1e-6, 16-bit types by a thousand times as much. */
const TOLERATED_NATS = 1e-3;

export const scoresAgreement: Agreement = ({ scores: then }, { scores: now }) => agreementOf(readFidelity(then!).nll, readFidelity(now!).nll);

export function agreementOf(then: Float64Array, now: Float64Array): Agreed {
  if (then.length !== now.length) return { within: false, what: `${then.length} tokens then, ${now.length} now` };
  const apart = then.reduce((sum, nll, i) => sum + Math.abs(nll - now[i]!), 0) / Math.max(1, then.length);
  return { within: apart <= TOLERATED_NATS, what: `-log p of a token is ${apart.toExponential(1)} nats apart on average; ${TOLERATED_NATS} are tolerated` };
}

/** Share of the tokens that two writings must begin their texts with alike: sums in another order turn a choice between two tokens that are nearly equal, and all that follows it. */
const LEAST_ALIKE = 0.5;

export const textsAgreement: Agreement = ({ written: then }, { written: now }) => textsAgreementOf(idsOf(then!), idsOf(now!));

const idsOf = (written: Uint8Array): (readonly number[])[] => (JSON.parse(new TextDecoder().decode(written)) as PeerWritten).texts.map(({ ids }) => ids);

export function textsAgreementOf(then: readonly (readonly number[])[], now: readonly (readonly number[])[]): Agreed {
  const tokens = then.reduce((sum, ids) => sum + ids.length, 0);
  const alike = then.reduce((sum, ids, i) => sum + commonLength(ids, now[i] ?? []), 0);
  return { within: then.length === now.length && alike >= LEAST_ALIKE * tokens, what: `${alike} of ${tokens} tokens stand before the first that differs in its text; half of them are asked for` };
}
