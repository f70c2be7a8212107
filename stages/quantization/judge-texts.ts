/** The negative log-probability of written texts under the judge, each beginning that texts share computed once. */
import type { Session } from '../../kernels/index.ts';
import { commonLength } from './statistics/first-difference.ts';

/** Token ids of a prompt (at least one) and of what was written after it. */
export interface PromptedText { readonly promptIds: readonly number[]; readonly ids: readonly number[] }

/** Logits of one step stay below this, unless one text has more. */
const LOGITS_BYTES = 32 << 20;
/** So do the rows of one step, whatever they are fed for: they bound the engine's workspace. */
const ROWS = 8192;

/**
 * Per text, -log p of each new token given all before it, in nats. Formats, temperatures and seeds share long beginnings: each prompt has
 * a slot that its texts go through in the order of their tokens, and a text is fed only from where it leaves the one before it.
 * `rated` is called with the number of texts done so far.
 */
export async function judgeTexts<T extends PromptedText>(session: Session, texts: readonly T[], rated: (done: number) => void): Promise<Map<T, readonly number[]>> {
  const nll = new Map<T, readonly number[]>();
  const prompts = byPrompt(texts).map((own) => own.sort((a, b) => compareIds(a.ids, b.ids)));
  const longest = texts.reduce((most, { promptIds, ids }) => Math.max(most, promptIds.length + ids.length), 1);
  const mostRated = texts.reduce((most, { ids }) => Math.max(most, ids.length), 1);
  const atOnce = Math.max(1, Math.floor(Math.min(LOGITS_BYTES / (4 * session.shape.vocabulary * mostRated), ROWS / longest)));
  for (let from = 0; from < prompts.length; from += atOnce) {
    const slots = prompts.slice(from, from + atOnce);
    session.reset(slots.length, longest);
    for (let place = 0; slots.some((own) => place < own.length); place++) {
      await step(session, slots, place, nll);
      rated(nll.size);
    }
  }
  return nll;
}

/** One step: the text at `place` of every slot that has one. */
async function step<T extends PromptedText>(session: Session, slots: readonly (readonly T[])[], place: number, nll: Map<T, readonly number[]>): Promise<void> {
  const { vocabulary } = session.shape;
  const rows = slots.flatMap((own, slot) => own[place] === undefined ? [] : newRows(slot, own[place], own[place - 1]));
  const rating = rows.flatMap(({ next }, index) => next === undefined ? [] : [index]);
  const logits = rating.length === 0 ? new Float32Array(0) : await session.step({
    slot: Int32Array.from(rows, ({ slot }) => slot), position: Int32Array.from(rows, ({ position }) => position), token: Int32Array.from(rows, ({ token }) => token),
  }, Int32Array.from(rating));
  const lse = new Float64Array(rating.length);
  session.engine.statistics.logSumExp(vocabulary, logits, lse);
  const fresh = slots.map((): number[] => []);
  rating.forEach((index, row) => {
    const { slot, next } = rows[index]!;
    fresh[slot]!.push(lse[row]! - logits[vocabulary * row + next!]!);
  });
  slots.forEach((own, slot) => {
    const [text, before] = [own[place], own[place - 1]];
    if (text) nll.set(text, before === undefined ? fresh[slot]! : [...nll.get(before)!.slice(0, commonLength(before.ids, text.ids)), ...fresh[slot]!]);
  });
}

/** A token to feed; `next` is the new token that its logits rate. */
interface Row { readonly slot: number; readonly position: number; readonly token: number; readonly next: number | undefined }

/** What has to be fed for a text after `before`: from the token whose logits rate the first new token that differs. The last token rates none. */
function newRows(slot: number, { promptIds, ids }: PromptedText, before: PromptedText | undefined): Row[] {
  const all = [...promptIds, ...ids];
  const first = before === undefined ? 0 : promptIds.length + commonLength(before.ids, ids) - 1;
  const rows: Row[] = [];
  for (let position = first; position + 1 < all.length; position++) {
    rows.push({ slot, position, token: all[position]!, next: position + 1 < promptIds.length ? undefined : all[position + 1]! });
  }
  return rows;
}

function byPrompt<T extends PromptedText>(texts: readonly T[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const text of texts) {
    const key = text.promptIds.join(' ');
    const group = groups.get(key);
    if (group) group.push(text);
    else groups.set(key, [text]);
  }
  return [...groups.values()];
}

/** Token by token; a beginning goes before what it begins. So the one before has the longest beginning in common. */
function compareIds(a: readonly number[], b: readonly number[]): number {
  const common = commonLength(a, b);
  return common < a.length && common < b.length ? a[common]! - b[common]! : a.length - b.length;
}
