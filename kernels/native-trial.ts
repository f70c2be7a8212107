/** Whether a built library can be loaded, seen in a process of its own: one that is damaged, or traps, ends the process that loads it. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { unfitLibrary } from './engines/native-library.ts';

/** Loads the library and opens a device of each of its instruction sets. Plain JavaScript: no compiler of TypeScript is asked for it. */
const PROGRAM = `
const library = { exports: {} };
process.dlopen(library, process.argv[1], require('node:os').constants.dlopen.RTLD_NOW);
const { open, close, instructionSets, fastInstructionSets } = library.exports;
for (const set of [...instructionSets(), ...fastInstructionSets()]) close(open(set, 2));
`;

/** It takes some hundredths of a second. */
const LIMIT_MS = 60_000;

/** Undefined when a process can load the library in `file`; else a sentence that says what happened to it. */
export async function libraryTrial(file: string): Promise<string | undefined> {
  const unfit = unfitLibrary(await readFile(file));
  if (unfit !== undefined) return `the native library cannot be loaded: ${unfit}`;
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', PROGRAM, file], { timeout: LIMIT_MS, env: { ...process.env, NODE_OPTIONS: '' } }, (error, _, stderr) => {
      if (error === null) return resolve(undefined);
      if (error.killed === true) return resolve(`a process that loads the native library did not end within ${LIMIT_MS / 1000} s`);
      if (typeof error.signal === 'string') return resolve(`a process that loads the native library is ended by ${error.signal}`);
      resolve(`the native library cannot be loaded: ${/^(?:\w*Error): (.*)$/m.exec(stderr)?.[1] ?? error.message.split('\n')[0]}`);
    });
  });
}
