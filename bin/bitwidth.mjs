#!/usr/bin/env node
/**
 * The command: finds the project (the nearest folder upward that holds pipeline.ts and package.json) and runs its pipeline from a
 * bundle that is built once for each state of the sources, because compiling TypeScript at every start costs more than a run that
 * finds nothing to do.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) fail(`bitwidth needs Node 20 or newer; this is ${process.version}`);

process.stdout.on('error', (error) => {
  // `bitwidth ... | head` closes our output early: that is not an error.
  if (error.code === 'EPIPE') process.exit();
  // A closed terminal: the signal that comes with it ends the run in order.
  if (error.code !== 'EIO') throw error;
});

/** The package that this command is part of. */
const own = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

if (process.argv[2] === 'init') {
  const { init } = await import('./init.mjs');
  process.exit(await init(process.cwd(), own, process.argv.slice(3)));
}

const root = projectRoot(process.cwd());
if (root === undefined) fail('there is no pipeline.ts with a package.json beside it in this folder or in one above it; run bitwidth inside a project, or make one here: npx bitwidth init');

if (process.argv[2] === '--version') {
  process.stdout.write(`${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version ?? 'unknown'}\n`);
  process.exit();
}

const { currentBuild } = await import('./build.mjs');
try {
  // A project that is made with this package has of most modules none of its own.
  const folder = await currentBuild(root, realpathSync(root) === own ? undefined : own);
  const { default: main } = await import(pathToFileURL(join(folder, 'pipeline.js')).href);
  process.exitCode = await main(process.argv.slice(2));
  // What was written is waited for; what a stage in this process may still do after an interruption is not, nor that memory is put in order which ends anyway.
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => { stream.write('', resolve); });
  process.exit();
} catch (error) {
  // By name: the bundle holds its own copy of the class.
  if (error instanceof Error && error.name === 'ConfigurationError') fail(error.message);
  const missing = error?.code === 'ERR_MODULE_NOT_FOUND' ? /^Cannot find package '([^']+)'/.exec(error.message)?.[1] : undefined;
  if (missing !== undefined) fail(`the package ${missing} is not installed; run "npm ci" in the project`);
  throw error;
}

function projectRoot(from) {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'pipeline.ts')) && existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}
