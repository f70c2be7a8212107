/**
 * The register of kinds of sources that a model in study.yaml may come from, and the contract that each one keeps. A source is written with the kind's
 * prefix: `hf:org/name@main`. Adding a kind is one file in model-sources/ and one line here.
 */
import { bundled } from './model-sources/bundled.ts';
import { hub } from './model-sources/hub.ts';
import { local } from './model-sources/local.ts';
import type { GgufFiles, ModelFacts, ModelFiles } from './config-model.ts';
import type { Sources } from './config-sources.ts';
import type { Pins } from './hub/pins.ts';

/** What a source may look at. */
export interface SourceContext {
  /** Absolute path of the project. */
  readonly root: string;
  readonly sources: Sources;
  /** What was looked up of hubs. */
  readonly pins: Pins;
  /** The user's home folder. */
  readonly home: string;
}

/** A model, as far as its source tells of it; study.yaml may say otherwise of title, origin, licence and redistribute. */
export interface SourcedModel extends ModelFacts {
  /** As it is recorded. */
  readonly source: string;
  readonly title: string;
  readonly origin: string;
  readonly licence: string;
  /** Whether its files may be passed on. Where its source does not say so, they may not, unless study.yaml does. */
  readonly redistribute?: boolean;
  readonly files: ModelFiles | GgufFiles;
  /** Where its files are downloaded: the repository and its commit. */
  readonly hub?: { readonly repository: string; readonly commit: string };
}

export interface SourceKind {
  /** With the colon: 'hf:'. */
  readonly prefix: string;
  /** How it is written, for messages. */
  readonly form: string;
  /** The name of a model that is given by its source alone. */
  nameOf(rest: string): string;
  /** Reads what stands behind the prefix. A sentence when it cannot be used; undefined when that was reported before. */
  read(rest: string, name: string, context: SourceContext): SourcedModel | string | undefined;
}

export const sourceKinds: readonly SourceKind[] = [bundled, local, hub];

/** The kind of a source; undefined for one that has no known prefix. */
export function sourceKindOf(source: string): SourceKind | undefined {
  return sourceKinds.find(({ prefix }) => source.startsWith(prefix));
}
