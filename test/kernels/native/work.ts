/**
 * Computes for a while with the native engine, in a worker thread or a process of its own, and answers with a hash of all results: the message
 * of a worker, what a process prints. Arguments: threads, times.
 */
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { scoreWindow } from '../../../kernels/index.ts';
import { openNative } from '../../../kernels/engines/native.ts';
import { sessionOf, someTokens, tinyCheckpoint } from '../test-models.ts';

const [threads, times] = (workerData as number[] | null) ?? process.argv.slice(2).map(Number);
const session = sessionOf(tinyCheckpoint('llama'), 'nf4', await openNative({ threads: threads! }));
const tokens = someTokens(24, session.shape.vocabulary);
const hashes = new Set<string>();
for (let time = 0; time < times!; time++) hashes.add(createHash('sha256').update(new Uint8Array((await scoreWindow(session, tokens)).buffer)).digest('hex'));
session.dispose();
const answer = [...hashes].join(' ');
if (parentPort) parentPort.postMessage(answer);
else process.stdout.write(answer);
