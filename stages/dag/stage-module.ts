/** What the module of a stage may need of the machinery besides types: the package's entry 'bitwidth/stage'. 'bitwidth' itself is for pipelines: whatever it loads would count as such a module's code. */
export { StageFailure } from './errors.ts';
export type * from './task-types.ts';
export type * from './types.ts';
