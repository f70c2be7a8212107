/** A really computed and rendered site of the study, signed: one model, two formats, enough windows for intervals. Made once a process. Test use only. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Project } from '../e2e/project.ts';

export interface SmallStudy { readonly folder: string }

let made: Promise<SmallStudy> | undefined;

/** The site's folder; it is removed when the process ends. */
export function smallStudy(): Promise<SmallStudy> {
  return made ??= make();
}

async function make(): Promise<SmallStudy> {
  const project = new Project();
  const settings = mkdtempSync(join(tmpdir(), 'bitwidth-settings-'));
  process.once('exit', () => { project.remove(); rmSync(settings, { recursive: true, force: true }); });
  project.env = { XDG_CONFIG_HOME: settings };
  // Intervals over windows need eight of them.
  project.edit('data/study.yaml', /(quick:[\s\S]*?)formats: \[fp16, int8, nf4, fp4\]\n  windows_per_text: 2/, '$1formats: [fp16, int8, nf4]\n  choices: [cloze]\n  windows_per_text: 3');
  for (const args of [['run', '--quick'], ['attest', '--quick']]) {
    const { code, stdout, stderr } = await project.run(...args);
    if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`);
  }
  return { folder: join(project.root, 'reports/site') };
}
