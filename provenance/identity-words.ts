/** Whose study this is, as far as the project tells: what a double-blind review must not read. Names, addresses and repositories, looked for in every byte. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gitLine } from './git.ts';
import type { Author } from './authors.ts';
import type { PrivateWord } from './private-words.ts';

/** Authors of so many last commits. */
const COMMITS = 500;
/** Shorter ones are in any text. */
const LEAST = 5;
/** Hosts, and names of nobody. */
const NOBODY = /^(?:github|gitlab|bitbucket|codeberg|origin|users?|bitwidth|anonymous|unknown|maintainers?)$/i;

/** From git (names, addresses, remotes), package.json, CITATION.cff and who the study says made it. */
export async function identityWords(root: string, authors: readonly Author[]): Promise<readonly PrivateWord[]> {
  const words: PrivateWord[] = [];
  const add = (kind: string, needle: string | undefined): void => {
    const text = needle?.trim() ?? '';
    if (text.length >= LEAST && !NOBODY.test(text) && !words.some((word) => word.needle === text)) words.push({ kind, needle: text, alone: true });
  };
  for (const key of ['user.name', 'user.email']) add("the name that git knows of you", await gitLine(root, ['config', '--get', key]));
  for (const line of (await gitLine(root, ['log', `--max-count=${COMMITS}`, '--format=%an%n%ae']))?.split('\n') ?? []) add('an author of the project', line);
  for (const line of (await gitLine(root, ['remote', '-v']))?.split('\n') ?? []) {
    const address = line.split(/\s+/)[1]?.replace(/\.git$/, '') ?? '';
    add('the address of the repository', address);
    // An owner and a name: 'org/project'.
    add('the address of the repository', /[:/]([\w.-]+\/[\w.-]+)$/.exec(address)?.[1]);
  }
  for (const { name, affiliation, orcid } of authors) for (const word of [...spellingsOf(name), affiliation, orcid]) add('an author of the study', word);
  for (const name of namesIn(join(root, 'package.json'))) add('an author of the package', name);
  if (existsSync(join(root, 'CITATION.cff'))) {
    const cff = readFileSync(join(root, 'CITATION.cff'), 'utf8');
    for (const [, value] of cff.matchAll(/^[\s-]*(?:family-names|name|alias|affiliation|email|orcid|repository(?:-code)?|url)\s*:\s*["']?([^"'\n]+)/gm)) add('CITATION.cff', value);
  }
  return words;
}

/** 'Doe, Jane' as people write it elsewhere. */
function spellingsOf(name: string): readonly string[] {
  const [family, given] = name.split(',').map((part) => part.trim());
  return given === undefined || given === '' ? [name] : [name, `${given} ${family}`, family!];
}

function namesIn(path: string): readonly string[] {
  try {
    const { author, contributors, repository, homepage } = JSON.parse(readFileSync(path, 'utf8')) as { readonly [key: string]: unknown };
    const people = [author, ...(Array.isArray(contributors) ? contributors : [])].flatMap((one) => typeof one === 'string' ? [/^[^<(]*/.exec(one)![0], /<([^>]*)>/.exec(one)?.[1] ?? ''] : Object.values((one ?? {}) as { [key: string]: unknown }));
    const places = [repository, homepage].map((one) => typeof one === 'string' ? one : (one as { url?: unknown } | undefined)?.url);
    return [...people, ...places].filter((one): one is string => typeof one === 'string');
  } catch {
    return [];
  }
}
