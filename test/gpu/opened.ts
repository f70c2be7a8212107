/** Run by a test in a process of its own: which GPUs it finds, and which it opens or why not. */
import { gpuAdapters } from '../../kernels/engines.ts';
import { openGpu } from '../../kernels/webgpu/adapter.ts';

const found = await gpuAdapters();
const gpu = await openGpu();
process.stdout.write(JSON.stringify({ listed: typeof found === 'string' ? [] : found.listed, ...(typeof gpu === 'string' ? { missing: gpu } : { opened: gpu.words }) }), () => process.exit(0));
