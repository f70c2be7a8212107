/** The study on a cluster: what its jobs are given besides what data/study.yaml says of them. */
import { instructionSetNames } from '../../kernels/native-build.ts';
import type { Cell, Cluster, Pipeline, Revocation } from '../dag/index.ts';
import type { StudyConfig } from './config.ts';
import { studyEnvironment } from './environment.ts';

/**
 * How the compiler was called that built the library on the login node: "command\nversion". A coordinator that is itself a job may be where there is
 * no compiler, and must still ask for the library that is there.
 */
export const COMPILER_VARIABLE = 'BITWIDTH_COMPILER';

/** Of a pipeline. The engine, and which builds are revoked, reach jobs through their environment, as they reach workers. */
export function studyCluster({ cluster, engine }: StudyConfig, native: Cell, revoked: readonly Revocation[]): Pick<Pipeline, 'cluster' | 'store'> {
  const { store, ...settings } = cluster;
  const own: Cluster = { ...settings, environment: studyEnvironment(engine, revoked), coordinator: { [COMPILER_VARIABLE]: compilerOf(native) } };
  return { cluster: own, ...(store === undefined ? {} : { store }) };
}

/**
 * The library for every processor of this family, where a study says that it runs on a cluster: its nodes differ, and the library chooses among its
 * instruction sets when it is loaded. Which there are is no part of any result.
 */
export function nativeOn({ cluster }: StudyConfig, native: Cell, env: NodeJS.ProcessEnv = process.env): Cell {
  if (!cluster.written) return native;
  const { exact, fast } = instructionSetNames();
  const [command, version] = env[COMPILER_VARIABLE]?.split('\n') ?? [];
  const known = command === undefined || command === '' || version === undefined ? {} : { compiler: command, version };
  return { ...native, params: { ...native.params, instructionSets: [...exact, ...fast], ...known } };
}

const compilerOf = ({ params: { compiler, version } }: Cell): string => typeof compiler === 'string' && typeof version === 'string' ? `${compiler}\n${version}` : '';
