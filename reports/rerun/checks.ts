/**
 * The register of what the button does, and the contract of each entry. A check reads what the site publishes and says, finding by finding, whether it agrees
 * with what the site says of it. None knows of the page: bytes, programs and words for the reader go through its context.
 */
import { aggregatesCheck } from './aggregates.ts';
import { computeCheck } from './compute.ts';
import { filesCheck } from './files.ts';
import { gpuCheck } from './gpu.ts';
import type { Plan, PlannedFile } from './plan.ts';

/** Whose page the button stands on: a cell's id, or undefined for the whole report. */
export interface Place { readonly cell: string | undefined }

/**
 * equal    the same, bit for bit
 * within   not the same bits, and no farther apart than the tolerance, which `detail` names
 * differs
 * note     nothing was compared; it says why
 */
export type Verdict = 'equal' | 'within' | 'differs' | 'note';

export interface Finding {
  readonly verdict: Verdict;
  /** A sentence or clause: 'all 10 windows, and the whole output'. */
  readonly what: string;
  /** Numbers, hashes, a text: shown below it. */
  readonly detail?: string;
  /** A check that ended before its end: what it found until then is not all. */
  readonly unfinished?: true;
  /** Of a cell that was computed whole: what the record to download says of it. */
  readonly cell?: { readonly cell: string; readonly key: string; readonly result: 'equal' | 'differs' };
}

export interface CheckContext {
  readonly place: Place;
  readonly plan: Plan;
  /** Of the options that the check, or the one that it goes by, offers the one that was chosen. */
  readonly choice: string | undefined;
  readonly signal: AbortSignal;
  progress(done: number, total: number, unit: string): void;
  say(finding: Finding): void;
  /** A file of the site, path from its root: fetched from a server, or read from the folder that the reader chose. Throws MissingFile, or Error with a sentence. */
  file(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Whether a server unpacked this file, which was read, on its way: these are not its own bytes. */
  sentUnpacked(path: string): boolean;
  /** Whether files can be read as data: from file:// only those of a folder that the reader chose. */
  readonly reads: boolean;
  /** Every file of the folder that the reader chose; undefined where the site is read from a server, which lists none. */
  readonly chosen: readonly string[] | undefined;
  /** The bytes of a planned object, held to this sha256. Throws DifferentBytes where the site has others. */
  object(sha256: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Loads a program of the site once, and answers what it left under that name of the window. */
  program(path: string, name: string): Promise<unknown>;
}

export interface Offer {
  /** Beside its box: 'compute score:novel-1m/nf4/garden again'. */
  readonly title: string;
  /** What it will load that is not there yet. */
  downloads(choice: string | undefined): readonly PlannedFile[];
  /** It is nothing without files of the site as data: from file:// the reader must choose the site's folder. */
  readonly readsFiles: boolean;
  /** It is done only where the reader asks for it. */
  readonly onlyIfAsked?: boolean;
  /** What the reader may choose from; the first one is chosen. */
  readonly choices?: { readonly label: string; readonly values: readonly string[] };
  /** It goes by what is chosen for the check of this name, which stands before it. */
  readonly choiceOf?: string;
}

/** That a check which a reader would expect here cannot be done. */
export interface Refusal {
  /** In place of the offer, in sentences. */
  readonly note: string;
  /** A clause, for what all findings come to. */
  readonly because: string;
}

/** What is within reach while the reader chooses. */
export interface Reach {
  /** Whether the bytes of an object are there already. */
  has(sha256: string): boolean;
  /** As CheckContext.reads; it changes when a folder is chosen. */
  readonly reads: boolean;
}

export interface Check {
  readonly name: string;
  /** What it compares, in a reader's words: 'the files'. */
  readonly about: string;
  /** It vouches for itself: the rest is compared whole without it. */
  readonly aside?: true;
  /** Undefined where it has nothing to do on this page. */
  offer(place: Place, plan: Plan, reach: Reach): Offer | Refusal | undefined;
  /** Throws AbortError where it was asked to stop, else what it did not expect. */
  run(context: CheckContext): Promise<void>;
}

/** In the order in which they are done. */
export const checks: readonly Check[] = [filesCheck, aggregatesCheck, computeCheck, gpuCheck];
