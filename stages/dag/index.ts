/**
 * The machinery's whole public face.
 *
 *   const double = stage({ name: 'double', title: 'Double the numbers', determinism: 'exact', module: 'double.ts', outputs: ['numbers'] });
 *   const cells = [cell(double, 'primes', { params: { factor: 2 }, inputs: { numbers: file('primes.json') } })];
 *   export default (argv: string[]) => commandLine(pipeline({ name: 'example', root, cells }), argv);
 */
export { cell, ConfigurationError, file, gather, isConfigurationError, output, records, stage } from './declare.ts';
export type { CellDeclaration } from './declare.ts';
export { pipeline } from './pipeline.ts';
export type { PipelineDeclaration } from './pipeline.ts';
export type { Cluster, JobNeeds } from './cluster.ts';
export { optionFault as clusterOptionFault } from './slurm/sbatch.ts';
export { canonicalJson } from './canonical.ts';
export { EXIT } from './command.ts';
export type { Command, CommandContext, CommandOption } from './command.ts';
export { DamagedObject, StageFailure } from './errors.ts';
export { closureText, keyText, missingText, partsText } from './key.ts';
export { openLive } from './live.ts';
export type { Live, LiveCell, LiveState, LiveTask } from './live.ts';
export { onSignals } from './signals.ts';
export { isPublicKeyText } from './cache/trusted.ts';
export { S3_SECRET_VARIABLES } from './cache/s3-secrets.ts';
export { keyId, openSigner } from './signing-key.ts';
export type { Signer } from './signing-key.ts';
export { Lanes } from './lanes.ts';
export { located } from './located.ts';
export { IN_PAGE_MODULES } from './in-page.ts';
export { describeMachine } from './machine.ts';
export { inOwnProcess } from './own-process.ts';
export type { OwnProcessCall, OwnProcessEnd } from './own-process.ts';
export { ownProcessId, processState } from './process-id.ts';
export { withheld, withhold } from './withheld.ts';
export { timeSpan, wholeNumber } from './number-options.ts';
export type { AuditFinding, AuditNote, CellAudit } from './audit.ts';
export { openResults } from './results.ts';
export type { ResultCell, Results } from './results.ts';
export type { MachineDescription, RunSummary } from './store.ts';
export { reasonsFor, reasonText } from './reasons.ts';
export { byteSize, closest, count, duration, grouped, plainText, timeText } from './words.ts';
export { commandLine, machineryCommand } from './commands.ts';
export type { Asked, CommandEntry, CommandExtension, CommandLineOptions } from './commands.ts';
export type * from './task-types.ts';
export type * from './types.ts';
