/** Reads data/models.lock.yaml. Written by a program and kept by people: it is checked as anything from outside is. */
import { createHash } from 'node:crypto';
import { Reader } from '../config-fields.ts';
import { readYaml } from '../config-yaml.ts';
import type { Located, Problems } from '../config-yaml.ts';
import type { PinnedFile } from './download.ts';
import type { GgufPin, Pin } from './pin.ts';
import { hubSourceText, isFileName, readHubSource } from './source.ts';

const KEYS = ['repository', 'revision', 'commit', 'licence', 'gated', 'files', 'config', 'gguf'];
const MOST_FILE_BYTES = 4_398_046_511_104;
const OUTDATED = 'take this entry out, and run "npx bitwidth fetch"';

/** The pins by their source's text; entries with a mistake are reported and left out. */
export async function readLock(root: string, file: string, problems: Problems): Promise<ReadonlyMap<string, Pin>> {
  const pins = new Map<string, Pin>();
  const yaml = await readYaml(root, file, problems);
  const reader = new Reader(file, problems);
  const top = reader.map(yaml, 'the lock', ['format', 'models']);
  const format = reader.required(top, 'format', 'the lock');
  if (format?.kind === 'scalar' && format.value !== 1) reader.wrong(format.at, `the format ${JSON.stringify(format.value)} is of a newer version; use the version that wrote it, or a newer one`);
  else for (const [text, { value }] of reader.openMap(reader.required(top, 'models', 'the lock'), 'models')?.entries ?? []) {
    const pin = readPin(reader, text, value);
    if (pin !== undefined) pins.set(text, pin);
  }
  return pins;
}

function readPin(reader: Reader, text: string, value: Located): Pin | undefined {
  const source = text.startsWith('hf:') ? readHubSource(text.slice('hf:'.length)) : 'is no source of a hub';
  if (typeof source === 'string' || hubSourceText(source) !== text) return reader.wrong(value.at, `${JSON.stringify(text.slice(0, 120))} ${typeof source === 'string' ? source : `must be written in full, as ${hubSourceText(source)}`}`);
  const map = reader.map(value, text, KEYS);
  const word = (key: string): string | undefined => reader.text(reader.required(map, key, text), key);
  const [repository, revision, commit] = [word('repository'), word('revision'), word('commit')];
  const licence = reader.text(map?.entries.get('licence')?.value, 'licence', 600);
  const files = readFiles(reader, reader.required(map, 'files', text));
  if (map === undefined || repository === undefined || revision === undefined || commit === undefined || files === undefined) return undefined;
  if (repository !== source.repository || revision !== source.revision) return reader.wrong(value.at, `repository and revision must be those of ${text}; ${OUTDATED}`);
  if (!/^[0-9a-f]{40}$/.test(commit)) return reader.wrong(value.at, `the commit ${JSON.stringify(commit.slice(0, 80))} must be 40 lower-case hexadecimal digits; ${OUTDATED}`);
  const gated = map.entries.get('gated')?.value;
  const config = map.entries.get('config')?.value;
  const fixed = { repository, revision, commit, files, gated: gated?.kind === 'scalar' && gated.value === true, ...(licence === undefined ? {} : { licence }) };
  if (config === undefined) return fixed;
  const gguf = readGguf(reader, map.entries.get('gguf')?.value, text);
  const content = config.kind === 'scalar' && typeof config.value === 'string' ? config.value : '';
  if (gguf !== undefined) return { ...fixed, config: content, gguf };
  // What the study reads of the model must be what the model is.
  if (createHash('sha256').update(content).digest('hex') !== files.find(({ name }) => name === 'config.json')?.sha256) return reader.wrong(config.at, `config is not the config.json that was looked up; ${OUTDATED}`);
  return { ...fixed, config: content };
}

function readGguf(reader: Reader, value: Located | undefined, text: string): GgufPin | undefined {
  const map = value === undefined ? undefined : reader.map(value, `gguf of ${text}`, ['architecture', 'tokenizer']);
  const [architecture, tokenizer] = ['architecture', 'tokenizer'].map((key) => reader.text(reader.required(map, key, 'gguf'), key, 64));
  if (map === undefined || architecture === undefined || tokenizer === undefined) return undefined;
  // It becomes part of a path.
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(architecture) || !/^[0-9a-f]{64}$/.test(tokenizer)) return reader.wrong(map.at, `gguf is not what was looked up; ${OUTDATED}`);
  return { architecture, tokenizer };
}

function readFiles(reader: Reader, value: Located | undefined): readonly PinnedFile[] | undefined {
  const map = reader.openMap(value, 'files');
  if (map === undefined) return undefined;
  const files: PinnedFile[] = [];
  for (const [name, { value: entry, keyAt }] of map.entries) {
    if (!isFileName(name)) reader.wrong(keyAt, `${JSON.stringify(name.slice(0, 120))} can be no file of a repository; ${OUTDATED}`);
    const own = reader.map(entry, name, ['bytes', 'sha256']);
    const bytes = reader.integer(reader.required(own, 'bytes', name), 'bytes', 0, MOST_FILE_BYTES);
    const sha256 = reader.text(reader.required(own, 'sha256', name), 'sha256', 64);
    if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) reader.wrong(entry.at, `sha256 must be 64 lower-case hexadecimal digits; ${OUTDATED}`);
    else if (bytes !== undefined && sha256 !== undefined && isFileName(name)) files.push({ name, bytes, sha256 });
  }
  return files.length === map.entries.size ? files : undefined;
}
