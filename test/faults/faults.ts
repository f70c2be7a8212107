/** Register of the faults, in the order of the table. */
import { kills } from './kill.ts';
import type { Fault } from './fault.ts';

export const faults: readonly Fault[] = [...kills];
