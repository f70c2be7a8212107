/** Who made the study: `authors:` of data/study.yaml, else CITATION.cff. Read where it is published; no result and no page depends on it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError } from '../dag/index.ts';
import { Reader } from './config-fields.ts';
import { Problems, readYaml } from './config-yaml.ts';
import type { Located, LocatedMap } from './config-yaml.ts';

export interface Author {
  /** 'Family, Given', or an organisation's. */
  readonly name: string;
  readonly affiliation?: string;
  /** '0000-0002-1825-0097'. */
  readonly orcid?: string;
}

export const CITATION_FILE = 'CITATION.cff';
const MOST_AUTHORS = 1000;
const ORCID = /^(?:https?:\/\/orcid\.org\/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])$/;

/** `authors:` of the study: names, or mappings with name, affiliation and orcid. */
export function readAuthors(reader: Reader, value: Located | undefined): readonly Author[] {
  if (value === undefined) return [];
  return reader.list(value, 'authors', MOST_AUTHORS, (item) => {
    if (item.kind === 'scalar') {
      const name = reader.text(item, 'an author');
      return name === undefined ? undefined : { name };
    }
    const map = reader.map(item, 'an author', ['name', 'affiliation', 'orcid']);
    const name = reader.text(reader.required(map, 'name', 'an author'), 'name');
    return name === undefined ? undefined : { name, ...beside(reader, map) };
  }, ({ name }) => name) ?? [];
}

/** The authors of CITATION.cff (cff 1.2.0); none where there is no such file. Throws ConfigurationError with every mistake as file:line:column. */
export async function citedAuthors(root: string): Promise<readonly Author[]> {
  if (!existsSync(join(root, CITATION_FILE))) return [];
  const problems = new Problems();
  const reader = new Reader(CITATION_FILE, problems);
  const top = reader.openMap(await readYaml(root, CITATION_FILE, problems), 'the citation');
  const authors = reader.list(reader.required(top, 'authors', 'the citation'), 'authors', MOST_AUTHORS, (item) => {
    const map = reader.openMap(item, 'an author');
    const word = (key: string): string | undefined => reader.text(map?.entries.get(key)?.value, key);
    const [organisation, family, given] = [word('name'), [word('name-particle'), word('family-names'), word('name-suffix')].filter((part) => part !== undefined).join(' '), word('given-names')];
    const name = organisation ?? [family, given].filter((part) => part !== undefined && part !== '').join(', ');
    if (name === '') return reader.wrong(item.at, 'an author has neither name nor family-names; add one');
    return { name, ...beside(reader, map) };
  }, ({ name }) => name);
  if (problems.found.length > 0) throw new ConfigurationError(problems.lines().join('\n'));
  return authors ?? [];
}

function beside(reader: Reader, map: LocatedMap | undefined): Omit<Author, 'name'> {
  const affiliation = reader.text(map?.entries.get('affiliation')?.value, 'affiliation');
  const at = map?.entries.get('orcid')?.value;
  const text = reader.text(at, 'orcid');
  const orcid = text === undefined ? undefined : ORCID.exec(text)?.[1];
  if (text !== undefined && orcid === undefined && at !== undefined) reader.wrong(at.at, `orcid "${text}" is none; write 0000-0002-1825-0097, or its address at orcid.org`);
  return { ...(affiliation === undefined ? {} : { affiliation }), ...(orcid === undefined ? {} : { orcid }) };
}
