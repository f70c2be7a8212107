/** Run by a test in a process of its own: which GPUs it finds, which of them tasks would share out and what doctor says of that, and which it opens or why not. */
import { gpuAdapters, gpuCards } from '../../kernels/engines.ts';
import { openGpu } from '../../kernels/webgpu/adapter.ts';
import { gpuChecks } from '../../stages/quantization/doctor-gpu.ts';

const found = await gpuAdapters();
const shared = await gpuCards();
const { items } = await gpuChecks();
const gpu = await openGpu();
process.stdout.write(JSON.stringify({
  listed: 'sentence' in found ? [] : found.listed,
  ...(typeof shared === 'string' ? { cards: [], told: [shared] } : { cards: shared.cards.map(({ card, found: { words } }) => ({ card, words })), told: shared.told }),
  ...('sentence' in found ? { wrong: found.wrong } : {}),
  adapters: items.filter(({ name }) => name === 'adapter').map(({ what }) => what),
  doctor: items.filter(({ name }) => name === 'listed' || name === 'shared out').map(({ what }) => what),
  ...(typeof gpu === 'string' ? { missing: gpu } : { opened: gpu.words }),
}), () => process.exit(0));
