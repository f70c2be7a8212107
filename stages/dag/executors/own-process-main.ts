/** The program of a process for one function (own-process.ts): calls it, says what it answered, and is ended. */
import { Heartbeat } from '../heartbeat.ts';
import type { OwnProcessAnswer, OwnProcessTask } from '../own-process.ts';

// The event loop stands still during a long computation, so a thread of its own notices when the parent is gone.
new Heartbeat('process.kill(process.pid, "SIGKILL");');

process.on('message', ({ url, name, args }: OwnProcessTask) => {
  void (async () => {
    const { [name]: act } = await import(url) as { readonly [name: string]: (...args: readonly unknown[]) => unknown };
    return await act!(...args);
  })().then((answer) => tell({ kind: 'answered', answer }), (error: unknown) => tell({ kind: 'threw', message: error instanceof Error ? error.message : String(error) }));
});

function tell(answer: OwnProcessAnswer): void {
  process.send?.(answer);
}
