/**
 * The stage `program`: the programs that pages load when a reader asks for something to be computed, each one classic script, because from file:// nothing
 * else can be loaded. They are made of the project's own modules, the same files that compute in Node: a cell names them in `uses`, so that a changed
 * module makes the program anew.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StageFailure } from '../stages/dag/index.ts';
import type { Json, Run } from '../stages/dag/index.ts';
import type { Plugin } from 'esbuild';

/** What one program is made of; all paths from the project's root. */
export interface ProgramParts {
  readonly entry: string;
  /** Modules in whose place another stands, which does in a page what they do in Node. */
  readonly instead: { readonly [module: string]: string };
  /** Packages that nothing in a page asks for. */
  readonly absent: readonly string[];
}

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const files = new Map<string, Uint8Array>();
    for (const [path, parts] of Object.entries(cell.params['programs'] as { readonly [path: string]: Json })) files.set(path, (await makeProgram(parts as unknown as ProgramParts)).script);
    await io.commit(cell.id, { scripts: { tree: files } });
  }
};

/** In the build of a project (bin/build.mjs) the folder above it is the project; the sources of the package that it is made with may lie elsewhere. */
const OWN_URL = (({ url }: ImportMeta) => url)(import.meta);
const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));
const BUILT = OWN_URL.indexOf('/.bitwidth/build/');
const ROOTS = [...new Set([BUILT < 0 ? PACKAGE : fileURLToPath(OWN_URL.slice(0, BUILT)), PACKAGE])];

export interface Program {
  readonly script: Uint8Array;
  /** The files of the project that went into it, paths from its root; packages are left out. */
  readonly modules: readonly string[];
}

/** Throws StageFailure, which names the place, where a module cannot be read or compiled. */
export async function makeProgram({ entry, instead, absent }: ProgramParts): Promise<Program> {
  const { build } = await import('esbuild');
  try {
    const { outputFiles, metafile } = await build({
      absWorkingDir: ROOTS[0]!, entryPoints: [located(entry)], write: false, bundle: true, format: 'iife', platform: 'browser', target: 'es2022', minify: true, charset: 'ascii', legalComments: 'none', logLevel: 'silent',
      metafile: true, loader: { '.wasm': 'binary', '.wgsl': 'text' },
      // Plot shifts lines by half a pixel on a screen of few pixels: drawn again, a figure is as it was drawn where there is no screen.
      define: { 'import.meta.url': '"about:blank"', 'window.devicePixelRatio': '2' }, plugins: [ownModules(instead), absentModules(absent)],
    });
    const modules = Object.keys(metafile.inputs).filter((path) => !path.includes(':')).map((path) => join(ROOTS[0]!, path)).filter(isOwn).map(pathFromRoot);
    return { script: outputFiles[0]!.contents, modules };
  } catch (error) {
    const { errors } = error as { readonly errors?: readonly { readonly text: string; readonly location: { readonly file: string; readonly line: number } | null }[] };
    if (errors === undefined || errors.length === 0) throw error;
    throw new StageFailure({ code: 'bad-input', sentence: errors.slice(0, 3).map(({ text, location }) => location === null ? text : `${location.file}:${location.line} ${text}`).join('; ') });
  }
}

/** The project's own file, or the package's where it has none. */
const located = (path: string): string => join(ROOTS.find((root) => existsSync(join(root, path))) ?? ROOTS[0]!, path);
const rootOf = (file: string): string => [...ROOTS].sort((a, b) => b.length - a.length).find((root) => file.startsWith(root + sep)) ?? ROOTS[0]!;
const pathFromRoot = (file: string): string => relative(rootOf(file), file).split(sep).join('/');

/** Whether a file is the project's or the package's own, and none of a package that they use. */
const isOwn = (file: string): boolean => !file.slice(rootOf(file).length).includes(`${sep}node_modules${sep}`);

function ownModules(instead: ProgramParts['instead']): Plugin {
  const at = (path: string): { readonly path: string } => ({ path: located(Object.hasOwn(instead, path) ? instead[path]! : path) });
  const faces = facesOf(ROOTS.at(-1)!);
  return {
    name: 'own-modules',
    setup(build) {
      build.onResolve({ filter: /^\./ }, ({ path, importer }) => isOwn(importer) ? at(pathFromRoot(join(dirname(importer), path))) : undefined);
      // A project that is made with the package imports its faces by name.
      build.onResolve({ filter: /^[^./]/ }, ({ path }) => faces.has(path) ? at(faces.get(path)!) : undefined);
    },
  };
}

/** By which names a package's modules are imported -> the files. */
function facesOf(root: string): ReadonlyMap<string, string> {
  const { name, exports = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly name: string; readonly exports?: { readonly [path: string]: string } };
  return new Map(Object.entries(exports).map(([path, file]) => [`${name}${path.slice(1)}`, file.slice(2)]));
}

/** Modules of Node, and packages, that are imported and not called in a page: a call says so. */
function absentModules(packages: readonly string[]): Plugin {
  return {
    name: 'absent-modules',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ path }) => path.startsWith('node:') || packages.includes(path) ? { path, namespace: 'absent' } : undefined);
      build.onLoad({ filter: /./, namespace: 'absent' }, ({ path }) => ({
        contents: `module.exports = new Proxy({}, { get: (_, name) => name === '__esModule' ? undefined : () => { throw new Error(${JSON.stringify(`a page has no ${path}`)}); } });`,
      }));
    },
  };
}
