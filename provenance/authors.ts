/** Who made a study, as the project tells what publishes it. */
export interface Author {
  /** 'Family, Given', or an organisation's. */
  readonly name: string;
  readonly affiliation?: string;
  readonly orcid?: string;
}

/** `flags`: those of the project that were given. */
export type LoadAuthors = (flags: { readonly [flag: string]: unknown }) => Promise<readonly Author[]>;

export const nobody: LoadAuthors = async () => [];
