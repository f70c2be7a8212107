/**
 * `local:<folder>`, or `local:<file>.gguf`: a folder or file of the project (from its root), or of this machine (from / or ~). Of one elsewhere its place stands in study.yaml and nowhere
 * else: what is recorded is the model's name and its files' names and hashes.
 */
import { basename, isAbsolute, join, relative } from 'node:path';
import { ggufFacts, isGgufPath } from '../config-gguf.ts';
import { configText, factsOf, folderFiles } from '../config-model.ts';
import type { SourceKind } from '../model-sources.ts';

export const local: SourceKind = {
  prefix: 'local:',
  form: 'local:<folder or .gguf file>',
  nameOf: (rest) => basename(rest.replace(/\/+$/, ''), '.gguf'),
  read(rest, name, { root, home }) {
    const place = placeOf(rest, root, home);
    if (place === undefined) return `local: ${JSON.stringify(rest.slice(0, 120))} must be a path inside the project, from its root and without "..", or one of this machine, from / or ~/`;
    const { folder, inside } = place;
    if (isGgufPath(folder)) return ggufModel(name, root, folder, inside);
    const files = folderFiles(folder, inside ?? `local:${name}`, inside === undefined);
    if (typeof files === 'string') return `the model folder ${JSON.stringify(rest.slice(0, 120))} ${files}`;
    const text = configText(root, files.config);
    const facts = 'problem' in text ? text.problem : factsOf(text.text, files.config.path);
    if (typeof facts === 'string') return `the model ${name} cannot be used: ${facts}`;
    return {
      source: inside === undefined ? 'local:' : `local:${inside}`, title: name,
      origin: inside === undefined ? 'a folder outside the project' : 'a folder of this project', licence: 'not stated', files, ...facts,
    };
  },
};

function ggufModel(name: string, root: string, path: string, inside: string | undefined): ReturnType<SourceKind['read']> {
  const file = inside === undefined ? { path: `local:${name}/${basename(path)}`, at: path } : { path: inside };
  const facts = ggufFacts(root, file);
  if (typeof facts === 'string') return `the model ${name} cannot be used: ${facts}`;
  return {
    source: inside === undefined ? 'local:' : `local:${inside}`, title: name,
    origin: inside === undefined ? 'a file outside the project' : 'a file of this project', licence: 'not stated', files: { weights: [file] }, ...facts,
  };
}

/** `inside`: the path from the project's root, of a folder in it. */
function placeOf(rest: string, root: string, home: string): { readonly folder: string; readonly inside?: string } | undefined {
  const path = rest.replace(/\/+$/, '');
  const full = path === '~' ? home : path.startsWith('~/') ? join(home, path.slice(2)) : path;
  const segments = full.replace(/^\//, '').split('/');
  if (path.includes('\\') || segments.some((segment) => segment === '' || segment === '.' || segment === '..' || segment.startsWith('~'))) return undefined;
  if (!isAbsolute(full)) return { folder: join(root, full), inside: full };
  const inside = relative(root, full);
  return inside === '' || inside.startsWith('..') || isAbsolute(inside) ? { folder: full } : { folder: full, inside };
}
