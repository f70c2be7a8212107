/** What reaches the stages' processes beside their tasks, because it is no part of an exact cell's key: pipelines set it, and workers and jobs inherit it. */
import type { Revocation } from '../dag/index.ts';

/** 'auto' or an engine's name: which one computes what is exact. */
export const ENGINE_VARIABLE = 'BITWIDTH_ENGINE';

/** Builds of engines by which nothing is computed any more, with the reason: JSON. */
const REVOKED_VARIABLE = 'BITWIDTH_REVOKED_BUILDS';

/** The variables of a study. */
export function studyEnvironment(engine: string, revoked: readonly Revocation[]): { readonly [variable: string]: string } {
  const builds = revoked.flatMap(({ computedBy: { build }, reason }) => (build === undefined ? [] : [[build, reason] as const]));
  return { [ENGINE_VARIABLE]: engine, [REVOKED_VARIABLE]: JSON.stringify(Object.fromEntries(builds)) };
}

/** The engine of this process's study. */
export const engineHere = (): string => process.env[ENGINE_VARIABLE] ?? 'auto';

/** Builds that compute nothing any more, with the reason. */
export const revokedBuilds = (): { readonly [build: string]: string } => JSON.parse(process.env[REVOKED_VARIABLE] ?? '{}') as { readonly [build: string]: string };

/** Why a build computes nothing any more; undefined if it may. */
export function revokedHere(build: string): string | undefined {
  const builds = revokedBuilds();
  return Object.hasOwn(builds, build) ? builds[build] : undefined;
}
