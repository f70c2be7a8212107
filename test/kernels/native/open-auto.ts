/** Opens the engine `auto` in a fresh process and prints which one it is and why. */
import { openEngine } from '../../../kernels/index.ts';

const { instance, why } = await openEngine('auto');
instance.ops.dispose();
process.stdout.write(JSON.stringify({ engine: instance.name, build: instance.build, why }));
