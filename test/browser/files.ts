/** Checks of a built site that need no browser: links lead somewhere, nothing personal is inside. Each returns complaints. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { hostname, userInfo, homedir } from 'node:os';
import { dirname, join, normalize, relative } from 'node:path';

export function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((it) => it.isFile())
    .map((it) => relative(folder, join(it.parentPath ?? it.path, it.name)))
    .sort();
}

const attribute = (html: string, name: string) => [...html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, 'g'))].map(([, value]) => value!.replaceAll('&amp;', '&'));

/** Every relative href and src leads to a file of the site, every #fragment to an id in it; no page is an orphan. */
export function brokenLinks(folder: string): string[] {
  const files = new Set(filesOf(folder));
  const pages = [...files].filter((path) => path.endsWith('.html'));
  const ids = new Map(pages.map((path) => [path, new Set(attribute(readFileSync(join(folder, path), 'utf8'), 'id'))]));
  const complaints: string[] = [], reached = new Set(['index.html']);
  for (const page of pages) {
    const html = readFileSync(join(folder, page), 'utf8');
    for (const link of new Set([...attribute(html, 'href'), ...attribute(html, 'src')])) {
      if (/^(https?:|data:|mailto:)/.test(link)) continue;
      if (link.startsWith('/')) { complaints.push(`${page}: ${link} is absolute: breaks under a base path`); continue; }
      const [path = '', fragment] = link.split('#');
      const target = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path)));
      if (!files.has(target)) complaints.push(`${page}: ${link} leads nowhere`);
      else if (fragment && target.endsWith('.html') && !ids.get(target)!.has(decodeURIComponent(fragment))) complaints.push(`${page}: ${link}: no such id`);
      reached.add(target);
    }
  }
  for (const page of pages) if (!reached.has(page)) complaints.push(`${page}: no page links to it`);
  return complaints;
}

/** The user, the host and this machine's paths, in any file's bytes. */
export function personalTraces(folder: string, paths: readonly string[]): string[] {
  const { username } = userInfo();
  // A word like "root" is also a term of the field; as a path it is not.
  const needles = [homedir(), hostname(), ...paths, ...(username.length > 4 ? [username] : [`/${username}/`, `${username}@`])].filter((it) => it.length > 3 && it !== 'localhost');
  const complaints: string[] = [];
  for (const path of filesOf(folder)) {
    const bytes = readFileSync(join(folder, path));
    for (const needle of needles) if (bytes.includes(needle)) complaints.push(`${path} contains "${needle}"`);
  }
  return complaints;
}

/** What issue after issue relies on: the size stays publishable. */
export function tooLarge(folder: string): string[] {
  const files = filesOf(folder);
  const bytes = files.reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);
  return [
    ...(files.length > 15_000 ? [`${files.length} files; at most 15,000`] : []),
    ...(bytes > 200e6 ? [`${bytes} bytes; at most 200,000,000`] : []),
  ];
}
