/**
 * Waivers: a person judged a change harmless, and results from before it go on counting. A waiver names keys: for work of this key
 * counts the record of that one. The record itself keeps saying what it was computed by, and whoever shows the result shows the
 * waiver; a further change makes another key, which no waiver names.
 *
 * They lie in the store's log, beside the records that they speak of: without those a waiver means nothing, in a fresh clone all is
 * computed by the code as it is, and a copied store brings both. (A file of the project would ask everybody to commit keys that
 * only one store has records of.) What the readers of a report need is on its pages.
 */
import type { Sha256 } from './types.ts';

export interface Waiver {
  /** 8 hex digits. */
  readonly id: string;
  /** ISO 8601 with +00:00. */
  readonly at: string;
  /** Who accepted it: a name that was given, or the machine's label. */
  readonly by: string;
  /** Why it is harmless, in their words. */
  readonly because: string;
  /** What had changed: 'code kernels/formats/nf4.ts changed'. */
  readonly causes: readonly string[];
  /** Of so many cells some were computed again first, and came out equal. */
  readonly cells: number;
  readonly sampled: number;
}

/** A cell that a waiver covers: for `key` counts the record of `counts`. */
export interface WaivedKey { readonly cell: string; readonly key: Sha256; readonly counts: Sha256 }

/** A waiver that applies to a key, and the key whose record counts instead. */
export interface Waived { readonly waiver: Waiver; readonly counts: Sha256 }

/** What a line of the log holds: a part of a waiver's cells. */
export interface WaiverBody extends Waiver { readonly keys: readonly (readonly [cell: string, key: Sha256, counts: Sha256])[] }

export class WaiverIndex {
  readonly #byKey = new Map<Sha256, Waived[]>();
  readonly #waivers = new Map<string, Waiver>();
  readonly #withdrawn = new Set<string>();

  add({ keys, ...waiver }: WaiverBody): void {
    this.#waivers.set(waiver.id, waiver);
    for (const [, key, counts] of keys) {
      const list = this.#byKey.get(key);
      if (list === undefined) this.#byKey.set(key, [{ waiver, counts }]);
      else list.push({ waiver, counts });
    }
  }

  withdraw(id: string): void {
    this.#withdrawn.add(id);
  }

  /** The newest that was not withdrawn. */
  of(key: Sha256): Waived | undefined {
    const list = this.#byKey.get(key)?.filter(({ waiver }) => !this.#withdrawn.has(waiver.id));
    return list?.reduce((newest, one) => one.waiver.at > newest.waiver.at ? one : newest, list[0]!);
  }

  /** Those that were not withdrawn, oldest first. */
  all(): readonly Waiver[] {
    return [...this.#waivers.values()].filter(({ id }) => !this.#withdrawn.has(id)).sort((a, b) => a.at < b.at ? -1 : 1);
  }
}

export function isWaiverBody(value: unknown): value is WaiverBody {
  if (typeof value !== 'object' || value === null) return false;
  const { id, at, by, because, causes, cells, sampled, keys } = value as { readonly [name: string]: unknown };
  return [id, at, by, because].every((text) => typeof text === 'string') && isTexts(causes) && Number.isSafeInteger(cells) && Number.isSafeInteger(sampled)
    && Array.isArray(keys) && keys.every((one) => isTexts(one) && one.length === 3);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

/** 'accepted by Ada on 2026-03-04: only a message changed'. */
export function waiverText({ by, at, because }: Waiver): string {
  return `accepted by ${by} on ${at.slice(0, 10)}: ${because}`;
}

/** 'of 12 cells 3 were computed again first and came out equal'. */
export function sampleText({ cells, sampled }: Waiver): string {
  return sampled === cells ? (cells === 1 ? 'it was computed again first and came out equal' : `all ${cells} were computed again first and came out equal`)
    : `of ${cells} cells ${sampled} ${sampled === 1 ? 'was' : 'were'} computed again first and came out equal`;
}
