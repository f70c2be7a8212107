/** Several drivers that play a GPU: SwiftShader, and copies of it that may have another name. All of them compute. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Names its driver. */
export const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

export interface SwiftShaders {
  /** Of the copies; the caller removes it. */
  readonly folder: string;
  /** Variables with which a process finds so many: 'Shader' is called as it always is, 'Shadow' is "SwiftShadow Device (Subzero)". */
  env(...names: readonly ('Shader' | 'Shadow')[]): { readonly [name: string]: string };
}

/** Or why there are none. */
export function swiftShaders(): SwiftShaders | string {
  if (!existsSync(SWIFTSHADER)) return 'there is no SwiftShader here (Debian: apt-get install chromium)';
  const driver = JSON.parse(readFileSync(SWIFTSHADER, 'utf8')) as { readonly ICD: { readonly library_path: string } };
  const library = readFileSync(resolve(dirname(SWIFTSHADER), driver.ICD.library_path));
  const name = library.indexOf('SwiftShader Device');
  if (name < 0) return 'the SwiftShader that is here is called otherwise';
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-drivers-'));
  return {
    folder,
    env(...names) {
      const paths = names.map((called, i) => {
        const own = Buffer.from(library);
        own.write(`Swift${called} Device`, name);
        const path = join(folder, `${i}-${called}`);
        writeFileSync(`${path}.so`, own);
        writeFileSync(`${path}.json`, JSON.stringify({ ...driver, ICD: { ...driver.ICD, library_path: `${path}.so` } }));
        return `${path}.json`;
      });
      const drivers = paths.join(':');
      // The loader's own layers look for a display's folder, and say so.
      return { VK_DRIVER_FILES: drivers, VK_ICD_FILENAMES: drivers, XDG_RUNTIME_DIR: folder };
    },
  };
}
