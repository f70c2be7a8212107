/** `open`: shows another's pack. Writes its report, byte for byte, and executes nothing from it. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ConfigurationError, EXIT, byteSize, count } from '../../stages/dag/index.ts';
import { openPack } from '../pack-reader.ts';
import type { Command } from '../../stages/dag/index.ts';
import type { Pack } from '../pack-reader.ts';

const open: Command = {
  usage: 'bitwidth open <file.zip> [--to <folder>]',
  details: 'Holds every file of a pack to its hash, says what is in it, and writes its report to a folder. Nothing in it is executed.',
  options: { to: { type: 'string', value: 'folder', summary: 'Where the report goes: new, or empty (default: the zip\'s name without its ending)' } },
  positionals: { min: 1, max: 1 },
  async run({ values, positionals: [file], print }) {
    const to = typeof values['to'] === 'string' && values['to'] !== '' ? values['to'] : file!.replace(/\.zip$/i, '') + (/\.zip$/i.test(file!) ? '' : '.site');
    const folder = resolve(to);
    if (existsSync(folder) && readdirSync(folder).length > 0) throw new ConfigurationError(`open: ${to} is not empty; give a new or empty folder with --to`);
    const pack = await openPack(file!);
    try {
      for (const line of await summary(pack)) print(line);
      const site = pack.files.filter(({ role }) => role === 'site');
      if (site.length === 0) {
        print('It holds no report.');
        return EXIT.done;
      }
      // Whole or not at all: written beside it, and renamed.
      const unfinished = `${folder}.unfinished-${process.pid}`;
      try {
        for (const { path } of site) {
          const target = join(unfinished, path.slice('site/'.length));
          mkdirSync(dirname(target), { recursive: true });
          writeFileSync(target, await pack.read(path));
        }
        if (existsSync(folder)) rmdirSync(folder);
        renameSync(unfinished, folder);
      } finally {
        rmSync(unfinished, { recursive: true, force: true });
      }
      print(`The report: ${to}/index.html (${count(site.length, 'file')}, ${byteSize(site.reduce((sum, { bytes }) => sum + bytes, 0))}; each has its hash)`);
      return EXIT.done;
    } catch (error) {
      if (typeof (error as NodeJS.ErrnoException).syscall === 'string') throw new ConfigurationError(`open: ${to} cannot be written (${(error as NodeJS.ErrnoException).code})`);
      throw error;
    } finally {
      pack.close();
    }
  },
};
export default open;

async function summary({ manifest, cells, machines, files, rows }: Pack): Promise<readonly string[]> {
  const done = cells.filter(({ record }) => record !== undefined);
  const claims = await rows('claims') ?? [];
  return [
    `${manifest.pipeline}, ${manifest.run === null ? 'as it counted when it was packed' : `run ${manifest.run}`}: ${count(done.length, 'result')} of ${count(cells.length, 'cell')}, ${count(files.length, 'file')}, every one as it is listed.`,
    ...[...machines].map(([label, { cpu, cores, os, node }]) => `  computed on ${label}: ${cpu}, ${count(cores, 'core')}, ${os}, Node ${node}`),
    ...claims.map(({ title, verdict, scope }) => `  ${String(title)}: ${String(verdict)} (${String(scope)})`),
    ...manifest.left.slice(0, 5).map(({ what, why }) => `  not in it: ${what}: ${why}`),
    ...(manifest.left.length > 5 ? [`  and ${manifest.left.length - 5} more that its pack.json names`] : []),
  ].map(plain);
}

/** Another's text must not steer a terminal. */
const plain = (line: string): string => line.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '?');
