/** What a claim is: a statement of the source as data, what it needs, and the rule that decides it, written before its result. */
import type { Evidence } from './evidence.ts';

export type Verdict = 'supported' | 'contradicted' | 'inconclusive' | 'by construction' | 'not testable here' | 'too noisy';

/** Kinds of evidence: fidelity and sampling scores, nulls of equal size, timings on the study's own engine and on others, sizes. */
export type Need = 'fidelity' | 'sampling' | 'nulls' | 'timings' | 'otherTimings' | 'sizes';

export interface Claim {
  readonly id: string;
  /** Short, for headings. */
  readonly title: string;
  /** Where it comes from, when not from SOURCE. */
  readonly source?: string;
  /** The source's claim in our words. */
  readonly statement: string;
  /** 'first version' or 'later version' of the abstract; of a claim of ours, what it is about. */
  readonly version: string;
  /** How it becomes something that can be decided, and by which test. */
  readonly operationalised: string;
  readonly test: string;
  readonly margin: string;
  readonly marginReason: string;
  /** Gives the point estimates of the effects from the tables of data/schema.sql. */
  readonly sql: string;
  readonly needs: readonly Need[];
  /** The quantized formats it looks at; all when absent. */
  readonly formats?: readonly string[];
  readonly decide: (evidence: Evidence) => Judgement;
}

/** An estimate that a verdict rests on: a row of claim_effects. */
export interface Effect {
  /** What is estimated, in words: 'ratio of mean KL, fp4 / nf4'. */
  readonly part: string;
  readonly model: string | null;
  readonly format: string | null;
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly level?: number | undefined;
  readonly marginLow?: number | undefined;
  readonly marginHigh?: number | undefined;
  readonly unit: string;
  readonly n: number;
  readonly clusters: number;
  /** Of this part alone; 'shown' where it is context and decides nothing. */
  readonly verdict: string;
  readonly neededClusters?: number | undefined;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** One or two plain sentences; numbers are in the effects. */
  readonly sentence: string;
  readonly wouldChange: string;
  /** What the verdict is about: models, texts, engine. */
  readonly scope: string;
  readonly effects: readonly Effect[];
}

export const SOURCE = 'arXiv 2309.05210 (S. Roy, 2023)';
