/**
 * Builds kernels.wasm from assembly/*.ts. `node build.mjs [file]` writes to `file`, by default beside this script.
 *
 * No option may let the optimizer change arithmetic: AssemblyScript and Binaryen keep every fp32 operation as written (no
 * fast-math here), and relaxed SIMD, which has fused operations, stays off.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const here = dirname(fileURLToPath(import.meta.url));
const target = resolve(process.argv[2] ?? join(here, 'kernels.wasm'));

const { error, stderr } = await asc.main(
  [
    'assembly/index.ts', '--outFile', 'kernels.wasm', '--baseDir', here,
    '--optimizeLevel', '3', '--shrinkLevel', '0', '--noAssert',
    // The host owns the memory: no allocator, no garbage collector, nothing imported.
    '--runtime', 'stub', '--use', 'abort=', '--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536',
    '--enable', 'simd', '--enable', 'threads',
  ],
  {
    readFile: (name, baseDir) => readFile(join(baseDir, name), 'utf8').catch(() => null),
    writeFile: (_name, contents) => writeFile(target, contents),
    listFiles: () => [],
  },
);
if (error) {
  process.stderr.write(stderr.toString());
  process.exit(1);
}
