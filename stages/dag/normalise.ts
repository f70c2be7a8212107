/**
 * The form of a module's source that code identity hashes: its syntax tree without types, comments, positions and quoting.
 * Two sources with one form do the same thing; a reformat, a comment or a change of types alone is no change. Tokens would not
 * do: a formatter adds semicolons, trailing commas and parentheses, and a line break after `return` is not a formatter's.
 */
import { sha256 } from './sha256.ts';
import type { Sha256 } from './types.ts';

/**
 * Counts into every code identity's cache. Raised when the form changes, which runs every cell again; so it should not.
 * An upgrade of the parser must not change the form: members that are absent, null, false or empty are left out of it, so
 * that a node's new optional member changes nothing where it is not used. test/dag/code-identity.test.ts pins a hash.
 */
export const NORMALISER_VERSION = 1;

/** What code identity needs of one module. Specifiers are literals, as written, each once, in order. */
export interface ModuleForm {
  readonly hash: Sha256;
  /** Of static imports and exports, and of `import('literal')`. */
  readonly imports: readonly string[];
  /** Of `new URL('literal', import.meta.url)`: files that the module declares as its own. */
  readonly assets: readonly string[];
  /** Places (`line:column`) of an import() whose specifier is no literal: nobody can follow those. */
  readonly opaqueImports: readonly string[];
}

/** A fault in a source, at a place in it. */
export class SourceFault extends Error {
  readonly line: number;
  readonly column: number;
  /** `line` and `column` count from 1. */
  constructor(message: string, line: number, column: number) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

/** The form of a module. `typed`: it is TypeScript. Throws SourceFault for a syntax error. */
export async function normaliseModule(source: string, typed: boolean): Promise<ModuleForm> {
  const { parse } = await import('acorn');
  const code = typed ? await stripTypes(source) : source;
  let tree: unknown;
  try {
    tree = parse(code, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true, locations: true });
  } catch (error) {
    const { message, loc } = error as { readonly message: string; readonly loc?: { readonly line: number; readonly column: number } };
    throw new SourceFault(message.replace(/ \(\d+:\d+\)$/, ''), loc?.line ?? 1, (loc?.column ?? 0) + 1);
  }
  const form = new FormWriter();
  const text = form.write(tree);
  return { hash: sha256(text), imports: [...form.imports], assets: [...form.assets], opaqueImports: form.opaqueImports };
}

async function stripTypes(source: string): Promise<string> {
  const { transformSync } = await import('@swc/wasm-typescript');
  try {
    // strip-only blanks types out, in place: what is left is where it was, and is what Node's own type stripping runs.
    return transformSync(source, { mode: 'strip-only', module: true }).code;
  } catch (error) {
    const { message, startLine, startColumn } = error as { readonly message: string; readonly startLine?: number; readonly startColumn?: number };
    throw new SourceFault(message, startLine ?? 1, (startColumn ?? 0) + 1);
  }
}

interface Node {
  readonly type: string;
  readonly loc: { readonly start: { readonly line: number; readonly column: number } };
  readonly [member: string]: unknown;
}

/** Where a node stands in the text; `raw` is how a literal is written, its value is what counts. */
const NOT_FORM = new Set(['type', 'start', 'end', 'loc', 'range', 'sourceFile', 'raw']);

class FormWriter {
  readonly imports = new Set<string>();
  readonly assets = new Set<string>();
  readonly opaqueImports: string[] = [];

  write(value: unknown): string {
    // A lone `;` between statements does nothing, and erasing a type may leave one behind.
    if (Array.isArray(value)) return `[${value.filter(item => item?.type !== 'EmptyStatement').map(item => this.write(item)).join(',')}]`;
    if (typeof value === 'object' && value !== null) return this.#writeNode(value as Node);
    // Numbers as JavaScript prints them: JSON has no 1e999.
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  }

  #writeNode(node: Node): string {
    this.#note(node);
    let text = `(${node.type ?? ''}`;
    for (const name of Object.keys(node).sort()) {
      const member = node[name];
      // A template's text has no type: its raw form is what a tag function sees.
      if (NOT_FORM.has(name) && node.type !== undefined) continue;
      // A regular expression and a bigint have no JSON value: their own members (regex, bigint) say what they are.
      if (name === 'value' && node.type === 'Literal' && (node['regex'] !== undefined || node['bigint'] !== undefined)) continue;
      // `[]` and `null` stay where they are said: `value` of a literal may be null, false, 0 or ''.
      if (name !== 'value' && (member === undefined || member === null || member === false || (Array.isArray(member) && member.length === 0))) continue;
      text += ` ${name}:${this.write(member)}`;
    }
    return `${text})`;
  }

  #note(node: Node): void {
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration': {
        const specifier = literal(node['source']);
        if (specifier !== undefined) this.imports.add(specifier);
        return;
      }
      case 'ImportExpression': {
        const specifier = literal(node['source']);
        if (specifier !== undefined) this.imports.add(specifier);
        else this.opaqueImports.push(`${node.loc.start.line}:${node.loc.start.column + 1}`);
        return;
      }
      case 'NewExpression': {
        const [target, base] = node['arguments'] as readonly Node[];
        const specifier = literal(target);
        if ((node['callee'] as Node)['name'] === 'URL' && specifier !== undefined && isImportMetaUrl(base)) this.assets.add(specifier);
      }
    }
  }
}

/** The text of a string literal, or of a template without holes. */
function literal(node: unknown): string | undefined {
  const { type, value, quasis } = (node ?? {}) as { readonly type?: string; readonly value?: unknown; readonly quasis?: readonly { readonly value: { readonly cooked?: string } }[] };
  if (type === 'Literal' && typeof value === 'string') return value;
  return type === 'TemplateLiteral' && quasis?.length === 1 ? quasis[0]?.value.cooked : undefined;
}

function isImportMetaUrl(node: Node | undefined): boolean {
  return node?.type === 'MemberExpression' && (node['object'] as Node).type === 'MetaProperty' && (node['property'] as Node)['name'] === 'url';
}
