/** Register of the faults, in the order of the table. */
import { clocks } from './clock.ts';
import { cutFiles } from './cut.ts';
import { damages } from './damage.ts';
import { declarations } from './declared.ts';
import { disks } from './disk.ts';
import { kills } from './kill.ts';
import { orders } from './order.ts';
import { stageFaults } from './stages.ts';
import { together } from './together.ts';
import type { Fault } from './fault.ts';

export const faults: readonly Fault[] = [...kills, ...together, ...orders, ...disks, ...cutFiles, ...damages, ...clocks, ...stageFaults, ...declarations];
