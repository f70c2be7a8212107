/**
 * Mesa's lavapipe as a second adapter: another compiler, other rounding habits, fp16 arithmetic and subgroups of 8. Through a layer of our own
 * (images-layer.c), since WebGPU asks for features of images that it lacks.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Named in VK_INSTANCE_LAYERS of a process that finds lavapipe. */
export const LAYER = 'VK_LAYER_BITWIDTH_images';
const DRIVERS = '/usr/share/vulkan/icd.d';

/** Variables with which a process finds lavapipe, and `others` besides (paths of drivers); or why it cannot be found here. The layer is made in a folder that the caller removes. */
export function lavapipe(...others: readonly string[]): { readonly env: { readonly [name: string]: string }; readonly folder: string } | string {
  const driver = (existsSync(DRIVERS) ? readdirSync(DRIVERS) : []).find((name) => /^lvp_icd.*\.json$/.test(name));
  if (driver === undefined) return 'there is no lavapipe here (Debian: apt-get install mesa-vulkan-drivers)';
  if (!existsSync('/usr/include/vulkan/vk_layer.h')) return "there are no headers of Vulkan here (Debian: apt-get install libvulkan-dev)";
  if (spawnSync('cc', ['--version']).status !== 0) return 'there is no C compiler here';
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-layer-'));
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-O1', '-shared', '-fPIC', '-o', join(folder, 'libimages.so'), fileURLToPath(new URL('./images-layer.c', import.meta.url))]);
  writeFileSync(join(folder, 'images.json'), JSON.stringify({
    file_format_version: '1.2.0',
    layer: { name: LAYER, type: 'GLOBAL', library_path: './libimages.so', api_version: '1.3.0', implementation_version: '1', description: 'says that features of images are there which no kernel uses' },
  }));
  const drivers = [join(DRIVERS, driver), ...others].join(':');
  // lavapipe looks for a display's folder, and says so.
  return { folder, env: { VK_DRIVER_FILES: drivers, VK_ICD_FILENAMES: drivers, VK_LAYER_PATH: folder, VK_INSTANCE_LAYERS: LAYER, XDG_RUNTIME_DIR: folder } };
}
