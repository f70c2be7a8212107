/** A process that obtains one file: node --import tsx obtain-once.ts <json>. Prints the path. */
import { Obtainer } from '../../stages/quantization/hub/obtain.ts';
import { POLICY } from '../../stages/quantization/hub/policy.ts';
import type { PinnedFile } from '../../stages/quantization/hub/download.ts';

const { endpoint, folder, repository, commit, file } = JSON.parse(process.argv[2] ?? '') as { endpoint: string; folder: string; repository: string; commit: string; file: PinnedFile };
const obtainer = new Obtainer({ endpoint, offline: false, cache: `${folder}/no-cache`, policy: POLICY }, { folder, signal: new AbortController().signal, onProgress: () => undefined });
console.log(await obtainer.get(repository, commit, file));
