/**
 * What a pack is: a zip with everything of a study that cannot be made again from elsewhere, each file named with its hash.
 *
 *   pack.json        PackManifest: the first entry
 *   cells.ndjson     a line for each cell: what it is, and the record that stands for it (PackedCell)
 *   closures.json    code hash -> the files and packages behind it
 *   machines.json    machine's label -> its description
 *   project/...      the files that cells read, and the sources of the code that computed them, by their path in the project
 *   objects/<sha256> outputs that a run elsewhere does not give again (timings), and the tables with the claims and their numbers
 *   site/...         what was published
 */
import { createHash } from 'node:crypto';
import type { Determinism, Failure, Json, KeyFields, OutputRecord, Sha256 } from '../stages/dag/index.ts';

export const PACK_FORMAT = 1;

export type PackedRole = 'input' | 'code' | 'object' | 'site' | 'list';

export interface PackedFile { readonly path: string; readonly sha256: string; readonly bytes: number; readonly role: PackedRole }

export interface PackManifest {
  readonly format: number;
  readonly pipeline: string;
  /** The run that it is of; null: what counted when it was made. */
  readonly run: string | null;
  /** Flags of the project's own that it was made with: 'quick'. */
  readonly flags: readonly string[];
  readonly files: readonly PackedFile[];
  /** Table -> the object with its rows. */
  readonly tables: { readonly [table: string]: Sha256 };
  /** What is not in it, and why. */
  readonly left: readonly { readonly what: string; readonly why: string }[];
}

export interface PackedCell {
  readonly cell: string;
  readonly stage: string;
  readonly determinism: Determinism;
  readonly params: { readonly [name: string]: Json };
  readonly inputs: { readonly [name: string]: readonly { readonly cell?: string; readonly output?: string; readonly file?: string; readonly sha256?: string }[] };
  /** Outputs that must come out equal. */
  readonly compared: readonly string[];
  /** Absent where it has no result. */
  readonly record?: {
    readonly key: Sha256;
    readonly fields: KeyFields;
    readonly outputs: { readonly [name: string]: OutputRecord };
    readonly computedBy?: { readonly [name: string]: string };
    readonly durationMs: number;
    readonly finishedAt: string;
    readonly machine: string;
    readonly run: string;
  };
  readonly failure?: Failure;
  /** It stands although something changed: the waiver, in words. */
  readonly waiver?: string;
}

export const hashOf = (bytes: Uint8Array | string): Sha256 => createHash('sha256').update(bytes).digest('hex') as Sha256;
