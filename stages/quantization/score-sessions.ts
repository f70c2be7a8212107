/** The sessions of a score task: unquantized models are opened once, whether they are scored, judge, or both. */
import { openSession } from '../../kernels/session.ts';
import type { Session } from '../../kernels/index.ts';
import type { TaskCell, TaskIo } from '../dag/index.ts';
import { studyEngine } from './engine.ts';
import { taskCheckpoint } from './loaded-model.ts';

export class Sessions {
  readonly #io: TaskIo;
  readonly #bases = new Map<string, Promise<Session>>();
  readonly #all: Session[] = [];

  constructor(io: TaskIo) {
    this.#io = io;
  }

  /** The model in these inputs of a cell, in its own type. Throws as taskCheckpoint() and openSession() do, each time. */
  base(cell: TaskCell, config: string, weights: string): Promise<Session> {
    const key = [config, weights].map((name) => { const input = cell.inputs[name]; return input?.kind === 'object' ? input.handle.sha256 : ''; }).join();
    let session = this.#bases.get(key);
    if (session === undefined) this.#bases.set(key, (session = this.#open(cell, config, weights)));
    return session;
  }

  /** Disposes of it with the others. */
  add(session: Session): Session {
    this.#all.push(session);
    return session;
  }

  dispose(): void {
    for (const session of this.#all) session.dispose();
  }

  async #open(cell: TaskCell, config: string, weights: string): Promise<Session> {
    const checkpoint = await taskCheckpoint(this.#io, cell, { config, weights });
    return this.add(openSession({ checkpoint, format: checkpoint.baseFormat, engine: await studyEngine(this.#io, cell, { exact: true }) }));
  }
}
