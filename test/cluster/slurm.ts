/** A real Slurm of four nodes on this host, for tests (slurm-up.sh), and what may happen to it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = (name: string): string => fileURLToPath(new URL(`./${name}.sh`, import.meta.url));

/** Why there can be none here; undefined: there can. */
export function whyNoSlurm(): string | undefined {
  if (process.getuid?.() !== 0) return 'a Slurm for tests is started by root';
  const missing = ['slurmctld', 'slurmd', 'sbatch', 'munged'].filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  return missing.length === 0 ? undefined : `there is no ${missing.join(', ')} here (Debian: apt-get install slurmctld slurmd slurm-client munge)`;
}

/** Why no job can be held to its memory here; undefined: it can. Slurm asks the kernel for that, in the older form of its control groups. */
export function whyNoMemoryLimit(): string | undefined {
  try {
    accessSync('/sys/fs/cgroup/memory/memory.limit_in_bytes', constants.W_OK);
    return undefined;
  } catch {
    return 'memory cannot be limited by control groups (version 1) on this machine';
  }
}

export class Slurm {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-slurm-')));
  readonly env: NodeJS.ProcessEnv;

  /** `settings`: variables of slurm-up.sh. */
  constructor(settings: { readonly [name: string]: string } = {}) {
    // Several suites may run at once on a machine.
    const port = 20_000 + (process.pid * 16) % 20_000;
    execFileSync(script('slurm-up'), [this.folder], { env: { ...process.env, PORT: String(port), ...settings }, stdio: ['ignore', 'ignore', 'inherit'] });
    this.env = { ...process.env, SLURM_CONF: `${this.folder}/slurm.conf` };
  }

  ask(program: string, ...args: string[]): string {
    return execFileSync(program, args, { env: this.env, encoding: 'utf8' });
  }

  /** Lines of `squeue`, of jobs in whatever state. */
  queue(format = '%i %T %j'): readonly string[] {
    return this.ask('squeue', '--noheader', '--array', '--states=all', `--format=${format}`).split('\n').filter((line) => line !== '');
  }

  /** Nodes with why they are out of service, and the queue: for the words of a test that fails. */
  state(): string {
    return [this.ask('sinfo', '-N', '-o', '%N %T %E'), this.ask('squeue', '--states=all', '--sort=-i', '--format=%i %T %r %N %j').split('\n').slice(0, 20).join('\n')].join('\n');
  }

  /** As a power cut would: no word to anybody. */
  killController(): void {
    process.kill(this.#pid('slurmctld'), 'SIGKILL');
  }

  startController(): void {
    this.ask('slurmctld', '-f', `${this.folder}/slurm.conf`);
  }

  /** The node's daemon and all that it runs. */
  killNode(node: string): void {
    process.kill(this.#pid(`slurmd-${node}`), 'SIGKILL');
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const env = readOr(`/proc/${pid}/environ`);
      if (env.includes(`SLURM_CONF=${this.folder}/slurm.conf\0`) && env.includes(`SLURMD_NODENAME=${node}\0`)) kill(Number(pid));
      else if (readOr(`/proc/${pid}/cmdline`).startsWith('slurmstepd:') && this.#isStepOf(pid, node)) kill(Number(pid));
    }
  }

  startNode(node: string): void {
    this.ask('slurmd', '-N', node, '-f', `${this.folder}/slurm.conf`);
  }

  /** Asks for the nodes that are out of service; answers whether all are idle. The controller may have taken one back by itself, and says then that it cannot. */
  resume(): boolean {
    const busy = (): readonly string[] => this.ask('sinfo', '-h', '-N', '-p', 'main', '-o', '%N %T').split('\n').filter((line) => line !== '' && !line.endsWith(' idle'));
    for (const line of busy()) spawnSync('scontrol', ['update', `nodename=${line.split(' ')[0]!}`, 'state=resume'], { env: this.env, stdio: 'ignore' });
    return busy().length === 0;
  }

  /** Ends whatever is in the queue. */
  endJobs(): void {
    const unfinished = (): readonly string[] => this.queue('%i %T').filter((line) => /RUNNING|PENDING|COMPLETING|CONFIGURING|SUSPENDED/.test(line)).map((line) => line.split(' ')[0]!);
    const found = unfinished();
    if (found.length > 0) this.ask('scancel', '--full', ...found);
    for (let i = 0; i < 100 && unfinished().length > 0; i++) spawnSync('sleep', ['0.1']);
  }

  remove(): void {
    execFileSync(script('slurm-down'), [this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The daemon of a step names its job; which node that is on, the queue knew. Here: by the folder that it has open. */
  #isStepOf(pid: string, node: string): boolean {
    return readOr(`/proc/${pid}/environ`).includes(`SLURM_CONF=${this.folder}/slurm.conf`) && existsSync(`${this.folder}/spool/${node}`)
      && readdirSync(`${this.folder}/spool/${node}`).some((name) => name.startsWith(`${node}_${/\[(\d+)/.exec(readOr(`/proc/${pid}/cmdline`))?.[1] ?? 'none'}.`));
  }

  #pid(name: string): number {
    return Number(readFileSync(`${this.folder}/run/${name}.pid`, 'utf8'));
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
