/**
 * The peers: other people's programs for the same work, installed only by those who want to compare (`package.json` of this folder).
 * Their install scripts download or compile; none is run, since the packages bring what a processor needs.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export const INSTALL = 'npm ci --ignore-scripts --prefix test/bench/peers';
const folder = new URL('./', import.meta.url);

export interface Installed { readonly name: string; readonly version: string }

const wanted = Object.keys((JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as { dependencies: object }).dependencies);

/** A peer's version; undefined when it is not installed. */
export function installed(name: string): Installed | undefined {
  const manifest = new URL(`node_modules/${name}/package.json`, folder);
  if (!existsSync(manifest)) return undefined;
  return { name, version: (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version };
}

/** What to say of those that are missing: one line, or nothing. */
export function missingPeers(): string | undefined {
  const missing = wanted.filter((name) => installed(name) === undefined);
  if (missing.length === 0) return undefined;
  return `Not installed, so not compared with: ${missing.join(', ')}. To compare: ${INSTALL}`;
}

/** Loads an installed CommonJS package from the peers' folder. */
export const requirePeer = (name: string): unknown => createRequire(new URL('package.json', folder))(name);

/** Where an installed package's file is, for import(). */
export const peerFile = (name: string, path: string): string => new URL(`node_modules/${name}/${path}`, folder).href;
