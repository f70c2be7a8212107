/** Small real projects for these tests: a temporary folder with modules from pipelines/, and the command line run on it. */
import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLine, pipeline } from '../../stages/dag/index.ts';
import type { Pipeline, PipelineDeclaration } from '../../stages/dag/index.ts';

export interface Event { readonly event: string; readonly [field: string]: unknown }

export interface Answer {
  readonly code: number;
  /** What was printed, and what was said about mistakes. */
  readonly lines: readonly string[];
  readonly complaints: readonly string[];
}

export interface RunAnswer extends Answer {
  readonly events: readonly Event[];
  /** Cells by what happened to them. */
  readonly ran: readonly string[];
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  /** The last event. */
  readonly done: Event;
}

export class Project {
  readonly root: string;
  readonly #declare: () => Omit<PipelineDeclaration, 'root'>;

  /** `fixture`: a folder of pipelines/. `declare` is asked before each command, so that a test can change what it declares. */
  constructor(fixture: string, declare: () => Omit<PipelineDeclaration, 'root'>) {
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-dag-')));
    this.#declare = declare;
    cpSync(fileURLToPath(new URL(`./pipelines/${fixture}`, import.meta.url)), this.root, { recursive: true });
  }

  pipeline(): Pipeline {
    return pipeline({ ...this.#declare(), root: this.root });
  }

  async command(...argv: string[]): Promise<Answer> {
    const lines: string[] = [];
    const complaints: string[] = [];
    const code = await commandLine(() => this.pipeline(), argv, {
      print: (line) => lines.push(...line.split('\n')), complain: (line) => complaints.push(line),
    });
    return { code, lines, complaints };
  }

  async run(...argv: string[]): Promise<RunAnswer> {
    const answer = await this.command('run', '--json', ...argv);
    const events = answer.lines.map((line) => JSON.parse(line) as Event);
    const named = (kind: string): string[] => events.filter(({ event }) => event === kind).map(({ cell }) => cell as string).sort();
    return { ...answer, events, ran: named('ran'), failed: named('failed'), skipped: named('skipped'), done: events.at(-1) ?? { event: 'none' } };
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  write(path: string, text: string): void {
    writeFileSync(this.path(path), text);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  has(path: string): boolean {
    return existsSync(this.path(path));
  }

  /** Ids of cells whose computation was begun, one for each time. */
  begun(): readonly string[] {
    return this.has('begun.log') ? this.read('begun.log').split('\n').filter((line) => line !== '') : [];
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
