/** Has a function that hangs called in a process of its own, and waits for it. argv: root, the file into which that process writes who it is. */
import { inOwnProcess } from '../../../stages/dag/own-process.ts';

const [root, file] = process.argv.slice(2);
await inOwnProcess({ root: root!, module: 'test/dag/programs/own.ts', name: 'busy', args: [file], timeoutMs: 60_000 });
