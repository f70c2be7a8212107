/**
 * The identity of the code that computes a cell: the import closure of its stage's module in normalised form (normalise.ts),
 * the locked versions of the packages that the closure imports, and the files that it declares as assets. It is found by
 * reading sources, never by running them, and remembered per file content, so that deciding "nothing changed" parses nothing.
 */
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { loadCache, saveCache } from './cache-file.ts';
import { fileSize } from './disk.ts';
import { CodeIdentityError } from './errors.ts';
import type { FileFacts } from './facts.ts';
import { closureHash } from './key.ts';
import { NORMALISER_VERSION, SourceFault, normaliseModule } from './normalise.ts';
import type { ModuleForm } from './normalise.ts';
import { locatedNow } from './located.ts';
import { exportsOf, lockedVersion } from './package-lock.ts';
import { sha256 } from './sha256.ts';
import type { CodeBoundary, Sha256 } from './types.ts';

export interface CodeIdentity {
  readonly hash: Sha256;
  /**
   * What the hash is made of, by name: a file from the project's root -> hash of its normalised code (of its bytes for an
   * asset; 'absent' for an asset that is not there); `package:<name>` -> version; a constant boundary -> its text.
   */
  readonly files: { readonly [name: string]: string };
}

export interface CodeIdentityOptions {
  /** Absolute path of the project. */
  readonly root: string;
  /** Absolute path of the package whose files stand in for those that the project does not have (Pipeline.base). */
  readonly base?: string;
  readonly boundaries: { readonly [path: string]: CodeBoundary };
  readonly facts: FileFacts;
  /** Folder for what is remembered across runs: the store's cache/. */
  readonly cacheFolder: string;
}

const TYPED = /\.m?ts$/;
const MODULE = /\.m?[jt]s$/;
const BUILTIN = new Set(builtinModules);
const MAX_REMEMBERED = 20_000;

type Files = ReadonlyMap<string, string>;

/** A file in the closure: what it adds to the identity by itself, and the files behind it. */
interface Node {
  readonly counts: readonly (readonly [name: string, hash: string])[];
  readonly next: readonly string[];
}

export class CodeIdentities {
  readonly #options: CodeIdentityOptions;
  readonly #cachePath: string;
  readonly #remembered: Map<string, string>;
  readonly #asked = new Map<string, string>();
  #changed = false;
  readonly #identities = new Map<string, Promise<CodeIdentity>>();
  readonly #closures = new Map<string, Promise<Files>>();
  readonly #nodes = new Map<string, Promise<Node>>();
  /** By which names the project's modules import the base's, and where these are: they count file by file, as the project's own do. */
  readonly #own: ReadonlyMap<string, string>;

  constructor(options: CodeIdentityOptions) {
    this.#options = options;
    this.#cachePath = `${options.cacheFolder}/code-${NORMALISER_VERSION}.ndjson`;
    this.#remembered = loadCache(this.#cachePath);
    this.#own = options.base === undefined ? new Map() : exportsOf(options.base);
  }

  /**
   * Identity of a module and the files that a cell `uses` (paths from the root). Asked once for each combination: later edits
   * are seen by the next run. Throws CodeIdentityError, naming the place, for a syntax error, an import that leads nowhere or
   * out of the project, or one that cannot be followed.
   */
  of(module: string, uses: readonly string[] = []): Promise<CodeIdentity> {
    const name = [module, ...uses].join('\n');
    let identity = this.#identities.get(name);
    if (identity === undefined) {
      identity = this.#identify(module, uses);
      this.#identities.set(name, identity);
    }
    return identity;
  }

  /** Keeps what was learned; silent when the folder cannot be written. */
  save(): void {
    if (!this.#changed) return;
    const all = this.#remembered.size <= MAX_REMEMBERED ? new Map([...this.#remembered, ...this.#asked]) : this.#asked;
    if (saveCache(this.#cachePath, all)) this.#changed = false;
  }

  async #identify(module: string, uses: readonly string[]): Promise<CodeIdentity> {
    const all = new Map<string, string>();
    for (const entry of [module, ...uses]) {
      for (const [name, hash] of await this.#closureOf(entry)) all.set(name, hash);
    }
    const files = Object.fromEntries([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { hash: closureHash(module, files), files };
  }

  #closureOf(entry: string): Promise<Files> {
    let closure = this.#closures.get(entry);
    if (closure === undefined) {
      closure = this.#walk(entry);
      this.#closures.set(entry, closure);
    }
    return closure;
  }

  async #walk(entry: string): Promise<Files> {
    const files = new Map<string, string>();
    const seen = new Set<string>([entry]);
    for (const path of seen) {
      const { counts, next } = await this.#nodeOf(path);
      for (const [name, hash] of counts) files.set(name, hash);
      for (const target of next) seen.add(target); // a Set's iteration reaches what is added on the way
    }
    return files;
  }

  #nodeOf(path: string): Promise<Node> {
    let node = this.#nodes.get(path);
    if (node === undefined) {
      node = this.#readNode(path);
      this.#nodes.set(path, node);
    }
    return node;
  }

  async #readNode(path: string): Promise<Node> {
    const boundary = boundaryOf(this.#options.boundaries, path);
    if (boundary !== undefined) return { counts: boundary.kind === 'register' ? [] : [[boundary.path, boundary.kind.constant]], next: [] };
    if (!this.#isFile(path)) throw new CodeIdentityError(`${path} does not exist; it is named as a stage's module or in a cell's uses`);
    if (!MODULE.test(path)) return { counts: [[path, (await this.#options.facts.of(this.#absolute(path))).sha256]], next: [] };
    const form = await this.#readForm(path);
    if (form.opaqueImports.length > 0) {
      throw new CodeIdentityError(`${path}:${form.opaqueImports[0]} import() of something other than a string literal cannot be followed; write the path out, or put this module behind a register`);
    }
    const counts: (readonly [string, string])[] = [[path, form.hash]];
    const next: string[] = [];
    for (const specifier of form.imports) {
      const target = this.#resolve(specifier, path);
      if (target?.kind === 'package') counts.push([`package:${target.name}`, target.version]);
      else if (target !== undefined) next.push(target.path);
    }
    for (const specifier of form.assets) {
      const asset = this.#resolveAsset(specifier, path);
      if (asset === undefined) continue;
      if (this.#isFile(asset)) next.push(asset);
      else {
        this.#options.facts.note(this.#absolute(asset));
        counts.push([asset, 'absent']);
      }
    }
    return { counts, next };
  }

  async #readForm(path: string): Promise<ModuleForm> {
    const absolute = this.#absolute(path);
    const typed = TYPED.test(path);
    const name = (content: Sha256): string => `${typed ? 'typed' : 'plain'} ${content}`;
    const known = this.#lookUp(name((await this.#options.facts.of(absolute)).sha256));
    if (known !== undefined) return known;
    const source = await readFile(absolute);
    try {
      const form = await normaliseModule(source.toString('utf8'), typed);
      // Named by the bytes that were parsed, which may be newer than those that were hashed above.
      this.#asked.set(name(sha256(source)), JSON.stringify(form));
      this.#changed = true;
      return form;
    } catch (error) {
      if (error instanceof SourceFault) throw new CodeIdentityError(`${path}:${error.line}:${error.column} ${error.message}`);
      throw error;
    }
  }

  #lookUp(name: string): ModuleForm | undefined {
    const text = this.#asked.get(name) ?? this.#remembered.get(name);
    if (text === undefined) return undefined;
    this.#asked.set(name, text);
    return JSON.parse(text) as ModuleForm;
  }

  /** Undefined for what counts as Node itself: an exact result does not depend on Node's version. */
  #resolve(specifier: string, from: string): { readonly kind: 'file'; readonly path: string } | { readonly kind: 'package'; readonly name: string; readonly version: string } | undefined {
    if (specifier.startsWith('node:') || BUILTIN.has(specifier)) return undefined;
    if (specifier.startsWith('./') || specifier.startsWith('../')) {
      const path = this.#inside(specifier, from);
      // Compiled names of typed modules: './x.js' may mean x.ts.
      const found = [path, path.replace(/\.(m?)js$/, '.$1ts')].find(candidate => this.#isFile(candidate));
      if (found === undefined) throw new CodeIdentityError(`${from} imports ${JSON.stringify(specifier)}, which is no file; imports name a file with its extension`);
      return { kind: 'file', path: found };
    }
    const own = this.#own.get(specifier);
    if (own !== undefined) return { kind: 'file', path: own };
    const name = /^(@[^/]+\/[^/]+|[^@#/:.][^/:]*)(?:\/|$)/.exec(specifier)?.[1];
    if (name === undefined) throw new CodeIdentityError(`${from} imports ${JSON.stringify(specifier)}; allowed are relative files, packages and node: modules`);
    this.#options.facts.note(`${this.#options.root}/package-lock.json`);
    const version = lockedVersion(name, posix.dirname(this.#absolute(from)), this.#options.root);
    if (version === undefined) throw new CodeIdentityError(`${from} imports the package ${JSON.stringify(name)}, which is neither in package-lock.json nor installed; install it (npm install ${name})`);
    return { kind: 'package', name, version };
  }

  /** Undefined for a URL that is absolute by itself. */
  #resolveAsset(specifier: string, from: string): string | undefined {
    if (/^[a-z][a-z0-9+.-]*:/i.test(specifier)) return undefined;
    const path = this.#inside(specifier, from);
    if (specifier.endsWith('/') || statSync(this.#absolute(path), { throwIfNoEntry: false })?.isDirectory() === true) {
      throw new CodeIdentityError(`${from} declares the folder ${JSON.stringify(specifier)} with new URL(..., import.meta.url); declare single files, or make them inputs of the cell`);
    }
    return path;
  }

  #inside(specifier: string, from: string): string {
    const path = posix.join(posix.dirname(from), specifier);
    if (path.startsWith('../')) throw new CodeIdentityError(`${from} refers to ${JSON.stringify(specifier)}, which lies outside the project`);
    return path;
  }

  #absolute(path: string): string {
    return locatedNow(this.#options, path, this.#options.facts);
  }

  #isFile(path: string): boolean {
    return fileSize(this.#absolute(path)) >= 0;
  }
}

/** The boundary that a file lies behind: the file's own, else that of the innermost folder. */
function boundaryOf(boundaries: { readonly [path: string]: CodeBoundary }, path: string): { readonly path: string; readonly kind: CodeBoundary } | undefined {
  for (let prefix = path; prefix !== ''; prefix = prefix.slice(0, prefix.lastIndexOf('/', prefix.length - 2) + 1)) {
    const kind = Object.hasOwn(boundaries, prefix) ? boundaries[prefix] : undefined;
    if (kind !== undefined) return { path: prefix, kind };
  }
  return undefined;
}
