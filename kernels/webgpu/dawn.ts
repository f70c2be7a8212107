/**
 * The package `webgpu` (Dawn), which the user installs (it has 130 MB, so the project does not bring it): found and loaded, which asks no driver for anything. One that is there and
 * damaged is another matter than none.
 */

/** Not spelled out where it is loaded: it may be absent, and what is not there cannot count into the identity of code. Its version is part of the engine's build. */
const PACKAGE = 'webgpu';

/** The version that is tested: the file that is loaded lies within the package, and another version may have it elsewhere. */
const TRIED = '0.6.2';
export const INSTALL_DAWN = `npm install --no-save --ignore-scripts ${PACKAGE}@${TRIED}`;

export interface Dawn {
  readonly version: string;
  /** What is tried, where that is another version. */
  readonly untried?: string;
  create(options: readonly string[]): Gpu;
}

/** Why nothing gives adapters here. */
export interface NoGpuSource {
  readonly sentence: string;
  /** Where it is not that something is missing: the variable BITWIDTH_GPU names none that can be taken, or the package is there and cannot be used. */
  readonly wrong?: 'variable' | 'package';
}

/** In Node. `from`: URL of a file, beside or above which packages lie. */
export async function loadDawn(from: string = import.meta.url): Promise<Dawn | NoGpuSource> {
  const { createRequire } = await import('node:module');
  const require = createRequire(from);
  const damaged = (what: string): NoGpuSource => ({ sentence: `the package ${PACKAGE} ${what}`, wrong: 'package' });
  let version: unknown;
  try {
    ({ version } = require(`${PACKAGE}/package.json`) as { readonly version?: unknown });
  } catch (error) {
    if (codeOf(error) === 'MODULE_NOT_FOUND') return { sentence: `the package ${PACKAGE} is not installed; ${INSTALL_DAWN} installs it (130 MB)` };
    return damaged(`is damaged: its package.json cannot be read (${firstLine(error)})`);
  }
  if (typeof version !== 'string' || !/^\d/.test(version)) return damaged('is damaged: its package.json names no version');
  const platform = `${process.platform}-${process.platform === 'darwin' ? 'universal' : process.arch}`;
  const path = `dist/${platform}/dawn.node`;
  try {
    const { create } = require(`${PACKAGE}/${path}`) as Pick<Dawn, 'create'>;
    if (typeof create !== 'function') return damaged(`${version} has another ${path} than ${TRIED}, the version that is tried: it creates nothing`);
    return { version, ...(version === TRIED ? {} : { untried: TRIED }), create };
  } catch (error) {
    if (['MODULE_NOT_FOUND', 'ERR_PACKAGE_PATH_NOT_EXPORTED'].includes(codeOf(error))) return { sentence: `the package ${PACKAGE} ${version} has no ${path}${version === TRIED ? '' : `, where ${TRIED} has it, the version that is tried`}` };
    return damaged(`${version} cannot be loaded on ${platform}: ${firstLine(error)}`);
  }
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0]!;
const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code);
