/**
 * The pins of a study: read from data/models.lock.yaml; what is missing is looked up, where the command may ask the hub, and added there. A pin is never
 * changed but by `fetch --update`, so that a study computed again in a year, here or elsewhere, takes the same bytes.
 */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownProcessId } from '../../dag/index.ts';
import { Problems, yamlText } from '../config-yaml.ts';
import type { Located, Position } from '../config-yaml.ts';
import { HubError } from './errors.ts';
import { readLock } from './lock.ts';
import { pin } from './pin.ts';
import type { Pin } from './pin.ts';
import { hubSettings } from './settings.ts';
import type { HubSettings } from './settings.ts';
import { hubSourceText, readHubSource } from './source.ts';
import type { HubSource } from './source.ts';

export const LOCK_FILE = 'data/models.lock.yaml';

/** By the source's text in full. */
export interface Pins {
  readonly known: ReadonlyMap<string, Pin>;
  /** Looked up in vain; reported where the study names them. */
  readonly failed: ReadonlySet<string>;
}

export const NO_PINS: Pins = { known: new Map(), failed: new Set() };

/** Leave to ask the hub. */
export interface HubLeave {
  /** Look branches and tags up again. */
  readonly update: boolean;
  /** Tells a person what was found. */
  readonly say: (sentence: string) => void;
  /** Default: of the environment. */
  readonly settings?: HubSettings;
}

/** Where the stage fetch finds what was read here. */
const FOLDER = '.bitwidth/unfinished/fetch';
const LOOK_UPS = 3;
const COMMIT = /^[0-9a-f]{40}$/;
const HEAD = `# What each hf: source of study.yaml was when it was looked up: "bitwidth run" and "bitwidth fetch" write this file. Keep it beside study.yaml, under
# version control: with it every later run takes the same bytes, wherever and whenever. "bitwidth fetch --update" looks branches up again.
`;

/** The pins of what the study names. Mistakes go to `problems`, at their place in `file`. */
export async function pinsOf(root: string, study: Located, file: string, problems: Problems, leave: HubLeave | undefined): Promise<Pins> {
  const named = hubSources(study);
  if (named.size === 0) return NO_PINS;
  const known = new Map(existsSync(join(root, LOCK_FILE)) ? await readLock(root, LOCK_FILE, problems) : []);
  const failed = new Set<string>();
  if (leave === undefined || problems.found.length > 0) return { known, failed };
  let changed = false;
  for (const [text, { source, at }] of named) {
    const before = known.get(text);
    if (before !== undefined && !(leave.update && !COMMIT.test(source.revision))) continue;
    try {
      const found = await pin(leave.settings ?? hasty(hubSettings()), source, join(root, FOLDER));
      if (before?.commit === found.commit && before.licence === found.licence) {
        leave.say(`${text} is still commit ${found.commit}`);
        continue;
      }
      known.set(text, found);
      changed = true;
      leave.say(sentenceOf(text, found, before));
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      failed.add(text);
      problems.add(file, at, `${text}: ${error.told}`);
    }
  }
  if (changed) await writeLock(root, known, problems);
  return { known, failed };
}

/** Somebody sits and waits: a look-up is given up sooner than a download. */
function hasty(hub: HubSettings): HubSettings {
  return { ...hub, policy: { ...hub.policy, attempts: LOOK_UPS } };
}

function sentenceOf(text: string, { commit, licence, gated, repository }: Pin, before: Pin | undefined): string {
  const terms = licence === undefined ? `it states no licence: see https://huggingface.co/${repository}` : `licence ${licence}${/^(?:apache|mit|bsd|cc0)/i.test(licence) && !gated ? '' : `, whose terms are yours to keep: https://huggingface.co/${repository}`}`;
  return `${text} ${before === undefined ? 'is' : `was commit ${before.commit}, and is now`} commit ${commit}; ${terms}; pinned in ${LOCK_FILE}`;
}

/** Every source of a hub that the study or its quick: block names, and where. What cannot be read is left to the study's reader. */
function hubSources(study: Located): ReadonlyMap<string, { readonly source: HubSource; readonly at: Position }> {
  const found = new Map<string, { source: HubSource; at: Position }>();
  const add = (value: Located | undefined): void => {
    if (value?.kind !== 'scalar' || typeof value.value !== 'string' || !value.value.startsWith('hf:')) return;
    const source = readHubSource(value.value.slice('hf:'.length));
    if (typeof source !== 'string' && !found.has(hubSourceText(source))) found.set(hubSourceText(source), { source, at: value.at });
  };
  const entry = (map: Located | undefined, key: string): Located | undefined => map?.kind === 'map' ? map.entries.get(key)?.value : undefined;
  for (const list of [entry(study, 'models'), entry(entry(study, 'quick'), 'models')]) {
    if (list?.kind === 'list') for (const item of list.items) add(item.kind === 'map' ? entry(item, 'source') : item);
  }
  return found;
}

/** With what another process has added meanwhile. */
async function writeLock(root: string, known: ReadonlyMap<string, Pin>, problems: Problems): Promise<void> {
  const path = join(root, LOCK_FILE);
  const there = existsSync(path) ? await readLock(root, LOCK_FILE, new Problems()) : new Map<string, Pin>();
  const all = [...new Map([...there, ...known])].sort(([a], [b]) => (a < b ? -1 : 1));
  const models = Object.fromEntries(all.map(([text, { files, licence, gated, config, gguf, ...rest }]) => [text, {
    ...rest, ...(licence === undefined ? {} : { licence }), ...(gated ? { gated } : {}),
    files: Object.fromEntries(files.map(({ name, bytes, sha256 }) => [name, { bytes, sha256 }])), ...(gguf === undefined ? {} : { gguf }), ...(config === undefined ? {} : { config }),
  }]));
  const temporary = `${path}.${ownProcessId()}`;
  try {
    writeFileSync(temporary, HEAD + await yamlText({ format: 1, models }));
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    problems.add(LOCK_FILE, { line: 1, column: 1 }, `cannot be written (${code}), and what was looked up must be kept there; make the folder data writable`);
  }
}
