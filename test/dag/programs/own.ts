/** What test/dag/own-process.test.ts has done in a process of its own. */
import { writeFileSync } from 'node:fs';

export const run = async (a: number, b: { readonly c: number }): Promise<{ readonly sum: number; readonly variable: string | undefined; readonly pid: number }> => {
  console.log('a line');
  console.error('another');
  return { sum: a + b.c, variable: process.env['OWN_PROCESS'], pid: process.pid };
};
export const throwing = (): never => { throw new Error('the disk is full'); };
export const dying = (signal: NodeJS.Signals): Promise<never> => { process.kill(process.pid, signal); return new Promise(() => {}); };
export const leaving = (code: number): never => process.exit(code);
/** Writes who it is, and hangs. */
export const busy = (file: string): never => {
  writeFileSync(file, String(process.pid));
  for (;;);
};
