/** The file by which a Vulkan driver is found: JSON that names its library. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** What is wrong with the file at `path`, in words that go on after its name; undefined if its library can be looked for. */
export function driverFault(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return `which cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return 'which is no JSON';
  }
  const library = (file as { readonly ICD?: { readonly library_path?: unknown } } | null)?.ICD?.library_path;
  if (typeof library !== 'string' || library === '') return 'which names no library (ICD.library_path)';
  // A bare name is looked for as libraries are; the loader of libraries knows where.
  if (!library.includes('/')) return undefined;
  const at = resolve(dirname(path), library);
  return existsSync(at) ? undefined : `whose library ${at} is not there`;
}
