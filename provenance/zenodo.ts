/** What Zenodo asks of a deposit, as a file beside its content. Source: developers.zenodo.org, "Deposit metadata"; the licence by its SPDX name in lower case. */
import type { Author } from './authors.ts';

export interface Deposit {
  readonly title: string;
  readonly description: string;
  /** SPDX: 'Apache-2.0'. */
  readonly licence: string;
  readonly creators: readonly Author[];
  /** YYYY-MM-DD. */
  readonly published: string;
  readonly version: string;
  /** The paper that the study begins with: 'arXiv 2309.05210'. */
  readonly basedOn: string | undefined;
}

export const ZENODO_FILE = '.zenodo.json';

/** The text of .zenodo.json. */
export function zenodoText({ title, description, licence, creators, published, version, basedOn }: Deposit): string {
  const arxiv = /\b(\d{4}\.\d{4,5})\b/.exec(basedOn ?? '')?.[1];
  return `${JSON.stringify({
    title, upload_type: 'dataset', publication_date: published, version,
    // Zenodo reads it as HTML.
    description: `<p>${description.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</p>`,
    creators: creators.map(({ name, affiliation, orcid }) => ({ name, ...(affiliation === undefined ? {} : { affiliation }), ...(orcid === undefined ? {} : { orcid }) })),
    access_right: 'open', license: licence.toLowerCase(), keywords: ['quantization', 'language models', 'reproducibility'],
    ...(arxiv === undefined ? {} : { related_identifiers: ['cites', 'isDerivedFrom'].map((relation) => ({ identifier: `arXiv:${arxiv}`, relation, resource_type: 'publication-preprint', scheme: 'arxiv' })) }),
  }, null, 1)}\n`;
}
