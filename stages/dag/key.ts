/** A cell's key: equal keys mean equal work. Each hash's text is here, too, for who hashes otherwise than Node does. */
import { canonicalJson } from './canonical.ts';
import { sha256, taggedText } from './sha256.ts';
import type { CellProvenance, Failure, KeyFields, Sha256 } from './types.ts';

/** The key of these fields. Throws TypeError where a parameter has no canonical form. */
export const keyOf = (fields: KeyFields): Sha256 => sha256(keyText(fields));

export function keyText(fields: KeyFields): string {
  return taggedText('key 1', canonicalJson({
    // Two stages may share a module and parameters (a fit and its check) and still be different work.
    stage: fields.stage,
    // What the study asks for: a temperature, a format's name.
    params: fields.params,
    // What the work reads, by content: an input that is made again with equal bytes changes nothing downstream.
    inputs: fields.inputs,
    // How the work is done: the closure of its module, its declared assets and the locked versions of its packages.
    code: fields.code,
    // What the result depends on and no file says: an adapter and its driver, an arithmetic version.
    facts: fields.facts,
    // Not here, on purpose: the cell's id (a renamed cell is the same work), its batch, the machine, the time, the Node version.
  }));
}

/**
 * Hash of an input that has parts (a gather: one part for each output). Order counts.
 * Each part names what it is, so that two cells swapping their outputs is a change.
 */
export const partsHash = (parts: Parts): Sha256 => sha256(partsText(parts));

export type Parts = readonly { readonly name: string; readonly content: string }[];
export const partsText = (parts: Parts): string => taggedText('parts 1', canonicalJson(parts.map(part => [part.name, part.content])));

/** What a part is that failed: all that a reader of the failure is shown, so that it is drawn again when it reads differently. */
export const missingText = ({ code, sentence, hint }: Failure): string => `missing:${code} ${sentence}${hint === undefined ? '' : ` (${hint})`}`;

/** The hash of a closure. The module is named: of two that import each other the closures are equal, the work is not. */
export const closureHash = (module: string, files: CellProvenance['code']): Sha256 => sha256(closureText(module, files));

export const closureText = (module: string, files: CellProvenance['code']): string => taggedText('code 1', canonicalJson({ module, files }));
