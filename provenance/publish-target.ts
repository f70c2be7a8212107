/** Where `publish` is asked to publish to, by its options. */
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { ConfigurationError } from '../stages/dag/index.ts';
import type { CommandContext } from '../stages/dag/index.ts';
import type { Author } from './authors.ts';

export type Target =
  | { readonly kind: 'folder' | 'single-file'; readonly path: string; readonly shown: string }
  | { readonly kind: 'zenodo'; readonly path: string; readonly shown: string; readonly creators: readonly Author[] }
  | { readonly kind: 'branch'; readonly branch: string; readonly remote: string | undefined; readonly push: boolean; readonly asUser: boolean; readonly shown: string };

/** What is served from when nothing else is said. */
const USUAL_REMOTE = 'origin';
const NEEDS = [['push', 'branch'], ['remote', 'branch'], ['as-me', 'branch'], ['creators', 'zenodo']] as const;

/** undefined where none is named. `authors`: those of the project. Throws ConfigurationError. */
export function targetOf(values: CommandContext['values'], { anonymous, authors }: { readonly anonymous: boolean; readonly authors: readonly Author[] }): Target | undefined {
  const text = (name: string): string | undefined => {
    const value = values[name];
    if (value === '') throw new ConfigurationError(`publish: --${name} is empty`);
    return typeof value === 'string' ? value : undefined;
  };
  const given = ['to', 'branch', 'single-file', 'zenodo'].filter((name) => text(name) !== undefined);
  if (given.length > 1) throw new ConfigurationError(`publish: --${given.join(' and --')} at once; choose one, and run it again for the other`);
  for (const [name, needs] of NEEDS) if (values[name] !== undefined && text(needs) === undefined) throw new ConfigurationError(`publish: --${name} goes with --${needs}`);
  if (anonymous && values['as-me'] === true) throw new ConfigurationError('publish: --as-me names you, --anonymous must not; leave one of them out');
  const [kind] = given;
  if (kind === undefined) return undefined;
  const shown = text(kind)!;
  if (kind === 'branch') {
    const push = values['push'] === true;
    return { kind, branch: shown, remote: text('remote') ?? (push ? USUAL_REMOTE : undefined), push, asUser: values['as-me'] === true, shown };
  }
  if (kind !== 'zenodo') return { kind: kind === 'to' ? 'folder' : 'single-file', path: resolve(shown), shown };
  return { kind, path: resolve(shown), shown, creators: creatorsOf(text('creators'), anonymous, authors) };
}

function creatorsOf(text: string | undefined, anonymous: boolean, authors: readonly Author[]): readonly Author[] {
  if (anonymous) {
    if (text !== undefined) throw new ConfigurationError('publish: --creators names people, --anonymous must not; leave one of them out');
    return [{ name: 'Anonymous' }];
  }
  const creators = (text ?? '').split(';').map((name) => name.trim().replace(/\s+/g, ' ')).filter((name) => name !== '').map((name) => ({ name }));
  if (creators.length === 0 && authors.length === 0) {
    throw new ConfigurationError('publish: Zenodo asks who made it; say so under "authors:" in data/study.yaml, in a CITATION.cff, or with --creators "Family, Given; Family, Given"');
  }
  return creators.length > 0 ? creators : authors;
}

/** Throws ConfigurationError where nothing may be written there. */
export function refusePlace({ kind, path, shown }: Extract<Target, { readonly path: string }>, site: string): void {
  const inside = relative(site, path);
  if (inside === '' || !inside.startsWith('..')) throw new ConfigurationError(`publish: ${shown} lies in the report itself; choose a place outside it`);
  if (kind !== 'folder' && existsSync(path)) throw new ConfigurationError(`publish: ${shown} exists; nothing is written over it`);
}
