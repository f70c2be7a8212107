/** The study's public face: read it, and compose its cells. */
export { citedAuthors } from './authors.ts';
export { nativeOn, studyCluster } from './cluster.ts';
export { ENGINE_VARIABLE, studyEnvironment } from './environment.ts';
export { machineGpus, refuseWrongGpu } from './gpus.ts';
export { cellsInPage, programFiles, STUDY_PROGRAM } from './in-page-cells.ts';
export { hubLeave } from './hub/command.ts';
export { SECRET_VARIABLES } from './hub/settings.ts';
export { nativeCell } from './native.ts';
export { nativeCheckCell } from './native-check.ts';
export { readStudy } from './config.ts';
export { studyPeers, timedGpus } from './study-peers.ts';
export { readErrata } from './errata.ts';
export { readRevoked } from './revoked.ts';
export type { StudyConfig } from './config.ts';
export { study } from './study.ts';
export type { Study } from './study.ts';
