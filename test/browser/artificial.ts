/** A site of artificial rows in a folder, for what a browser must show of it: built once a process. Test use only. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSite } from '../reports/site.ts';
import type { Site, SiteOptions } from '../reports/site.ts';

export interface SiteFolder { readonly site: Site; readonly folder: string; readonly url: string; remove(): Promise<void> }

/** Builds the pages and assets, not the downloads, and writes them. */
export async function siteFolder(options: SiteOptions): Promise<SiteFolder> {
  const site = await buildSite({ stages: ['page', 'run-page', 'cell-pages', 'assets'], ...options });
  if (site.failed.size > 0) throw new Error([...site.failed].map(([cell, { sentence }]) => `${cell}: ${sentence}`).join('\n'));
  const folder = await mkdtemp(join(tmpdir(), 'site-'));
  for (const [path, bytes] of site.files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return { site, folder, url: `${pathToFileURL(folder).href}/`, remove: () => rm(folder, { recursive: true, force: true }) };
}
