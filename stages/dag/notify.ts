/**
 * Tells a program of the user's how a run ended. It is started as it is named, without a shell, with one sentence as its argument
 * (so `notify-send` will do) and the whole of it as JSON on standard input.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { ConfigurationError } from './declare.ts';
import { count, duration } from './words.ts';
import type { RunEnd } from './progress.ts';

/** A program that takes longer is ended: nobody should wait for a run that is over. */
const LIMIT_MS = 10_000;
/** Of the failures so many are told. */
const MAX_FAILURES = 20;

/** The program's path. Throws ConfigurationError when there is none: better before a run of days than after it. */
export function notifier(command: string): string {
  const inPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => isAbsolute(folder)).map((folder) => join(folder, command));
  const candidates = command === '' ? [] : command.includes('/') ? [resolve(command)] : inPath;
  const found = candidates.find(isProgram);
  if (found === undefined) {
    throw new ConfigurationError(`--notify "${command}" is no program that can be started; give the path of one, or a name that is in PATH, without arguments (it gets a sentence as its argument and JSON on standard input)`);
  }
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** 'bitwidth: 12 cells computed, 1 failed, in 3.2 s'. */
export function sentenceOf(pipeline: string, { counts, durationMs, interrupted, notStored }: RunEnd): string {
  const { ran, failed, skipped } = counts;
  const parts = [`${count(ran, 'cell')} computed${notStored === undefined || ran === 0 ? '' : ' and not stored'}`, ...(failed > 0 ? [`${failed} failed`] : []), ...(skipped > 0 ? [`${skipped} ${interrupted ? 'left' : 'skipped'}`] : [])];
  return `${pipeline}: ${interrupted ? 'interrupted, ' : ''}${parts.join(', ')}, in ${duration(durationMs)}`;
}

/** Starts the program and waits for it; answers in words what went wrong. */
export function notify(program: string, pipeline: string, end: RunEnd): Promise<string | undefined> {
  const { counts, durationMs, interrupted, failures, notStored } = end;
  const told = {
    pipeline, status: interrupted ? 'interrupted' : end.failed ? 'failed' : 'done', ...counts, durationMs: Math.round(durationMs), ...(notStored === undefined ? {} : { notStored }),
    failures: failures.slice(0, MAX_FAILURES).map(({ cell, outcome: { failure } }) => ({ cell, ...failure })),
  };
  return new Promise((resolve) => {
    const child = spawn(program, [sentenceOf(pipeline, end)], { stdio: ['pipe', 'ignore', 'ignore'], timeout: LIMIT_MS, killSignal: 'SIGKILL' });
    const wrong = (what: string): void => resolve(`--notify: ${program} ${what}`);
    child.on('error', (error: NodeJS.ErrnoException) => wrong(`could not be started (${error.code ?? error.message})`));
    child.on('exit', (code, signal) => {
      if (code === 0) resolve(undefined);
      else wrong(signal === null ? `ended with exit code ${code}` : child.killed ? `took longer than ${LIMIT_MS / 1000} s and was ended` : `was ended by ${signal}`);
    });
    // A program that does not read its input is none the worse for it.
    child.stdin.on('error', () => undefined).end(`${JSON.stringify(told)}\n`);
  });
}
