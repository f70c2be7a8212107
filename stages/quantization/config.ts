/**
 * Reads the study: data/study.yaml, with data/sources.yaml and data/prompts.yaml beside it.
 *
 * Everything is checked before anything runs, and every mistake is reported at once, each as
 * `data/study.yaml:12:9 unknown format "nf5"; formats are fp32, fp16, ...`.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { engines } from '../../kernels/engines.ts';
import { formats } from '../../kernels/formats.ts';
import { ConfigurationError } from '../dag/index.ts';
import type { SharedCacheSettings } from '../dag/index.ts';
import { readAuthors } from './authors.ts';
import type { Author } from './authors.ts';
import { BENCH_FILE } from './bench-file.ts';
import { readCache } from './config-cache.ts';
import { readCluster } from './config-cluster.ts';
import type { ClusterSettings } from './config-cluster.ts';
import { Reader } from './config-fields.ts';
import { tokenizerIdentity } from './config-gguf.ts';
import { readPeers } from './config-peers.ts';
import type { NamedPeer } from './config-peers.ts';
import { NAME, NAME_RULE, readPrompts, readSources } from './config-sources.ts';
import { Problems, quoted, readYaml } from './config-yaml.ts';
import type { ChoiceSet, Prompt, Sources, TextSource } from './config-sources.ts';
import type { Located, LocatedMap } from './config-yaml.ts';
import { pinsOf } from './hub/pins.ts';
import type { HubLeave, Pins } from './hub/pins.ts';
import { IMPORT_FOLDER, IMPORT_NAME_RULE } from './import-file.ts';
import { importedNames } from './import.ts';
import { sourceKindOf, sourceKinds } from './model-sources.ts';
import type { SourcedModel } from './model-sources.ts';
import { placed } from './openings.ts';
import { DECODE_SPAN, OWN_ENGINE } from './speed-settings.ts';
import type { SpeedSettings } from './speed-settings.ts';

export interface StudyModel extends SourcedModel {
  readonly name: string;
}

export interface StudyConfig {
  readonly title: string;
  readonly models: readonly StudyModel[];
  /** Name of one of `models`. */
  readonly judge: string;
  readonly formats: readonly string[];
  /** Where data/study.yaml names some. */
  readonly authors: readonly Author[];
  readonly texts: readonly TextSource[];
  readonly windowsPerText: number;
  readonly windowTokens: number;
  readonly temperatures: readonly number[];
  /** 0: all tokens. */
  readonly topKs: readonly number[];
  readonly prompts: readonly Prompt[];
  /** Ascending; the last one is written, the others are its beginnings. */
  readonly maxNewTokens: readonly number[];
  readonly seeds: readonly number[];
  readonly generate: { readonly temperatures: readonly number[]; readonly topKs: readonly number[] };
  readonly speed: SpeedSettings;
  /** Sets of multiple-choice items; may be empty. */
  readonly choices: readonly ChoiceSet[];
  /** Other programs that compute the same; may be none. */
  readonly peers: readonly NamedPeer[];
  /** 'auto' or an engine's name. */
  readonly engine: string;
  /** Whether data/bench.json is there: what `npm run bench` measured. */
  readonly bench: boolean;
  /** Names of the files of other programs' figures, in data/claimed. */
  readonly imported: readonly string[];
  /** Through what results are shared with other machines. */
  readonly cache?: SharedCacheSettings;
  /** What jobs are given, when it runs on a cluster. */
  readonly cluster: ClusterSettings;
}

/** Where the files of the study are, from the project's root. */
export const STUDY_FILE = 'data/study.yaml';
export const SOURCES_FILE = 'data/sources.yaml';
export const PROMPTS_FILE = 'data/prompts.yaml';

/** The keys of a study, all of them required. */
export const KEYS = [
  'title', 'models', 'judge', 'formats', 'texts', 'windows_per_text', 'window_tokens', 'temperatures', 'top_k', 'prompts',
  'max_new_tokens', 'seeds', 'generate', 'speed', 'engine',
] as const;
/** Keys that may be left out. */
export const OPTIONAL_KEYS = ['choices', 'peers'] as const;
/** Keys of the whole study only, which may be left out. */
export const TOP_KEYS = ['authors', 'cache', 'cluster', 'quick'] as const;
const MAX_ITEMS = 64;
const CONTEXT = 'the shortest context of the models';
const MAX_SEED = 2 ** 31 - 1;

/**
 * Reads and checks the study of the project at `root`. With `quick`, the settings under `quick:` replace the others.
 * With leave to ask the `hub`, models of it that are not pinned are looked up and pinned. Throws ConfigurationError with every mistake, one a line.
 */
export async function readStudy(root: string, options: { readonly quick?: boolean; readonly hub?: HubLeave } = {}): Promise<StudyConfig> {
  const problems = new Problems();
  const [study, sourcesYaml, promptsYaml] = [await readYaml(root, STUDY_FILE, problems), await readYaml(root, SOURCES_FILE, problems), await readYaml(root, PROMPTS_FILE, problems)];
  // Without one of them the others would only be told that they name what does not exist.
  if (study === undefined || sourcesYaml === undefined || promptsYaml === undefined) throw new ConfigurationError(problems.lines().join('\n'));
  const sources = readSources(sourcesYaml, SOURCES_FILE, problems);
  const prompts = readPrompts(promptsYaml, PROMPTS_FILE, problems, sources.texts);
  const reader = new Reader(STUDY_FILE, problems);
  const top = reader.map(study, 'the study', [...KEYS, ...OPTIONAL_KEYS, ...TOP_KEYS]);
  const pins = await pinsOf(root, study, STUDY_FILE, problems, options.hub);
  const known: Known = { root, sources, prompts, pins };

  const authors = readAuthors(reader, top?.entries.get('authors')?.value);
  const cache = readCache(reader, top?.entries.get('cache')?.value, root);
  const cluster = readCluster(reader, top?.entries.get('cluster')?.value);
  // Both forms are checked on every start: a mistake in the one that is not wanted today is better seen today.
  const whole = top === undefined ? undefined : readSettings(reader, top, known);
  const quickBlock = top?.entries.get('quick')?.value;
  const overrides = reader.map(quickBlock, 'quick', [...KEYS, ...OPTIONAL_KEYS]);
  const quick = top === undefined || overrides === undefined ? undefined
    : readSettings(reader, { ...top, entries: new Map([...top.entries, ...overrides.entries]) }, known);
  if (options.quick === true && top !== undefined && quickBlock === undefined) {
    reader.wrong(top.at, 'the study has no quick: block, which says what --quick computes instead; add it, or leave --quick out');
  }
  const imported = importedNames(root);
  for (const name of imported.unusable) problems.add(`${IMPORT_FOLDER}/${name}`, { line: 1, column: 1 }, `the name of this file cannot be used; ${IMPORT_NAME_RULE}: rename it`);
  if (problems.found.length > 0) throw new ConfigurationError(problems.lines().join('\n'));
  const chosen = options.quick === true ? quick : whole;
  if (chosen === undefined) throw new ConfigurationError(`${STUDY_FILE}: holds no study`);
  try {
    return { ...chosen, authors, cluster, ...(cache === undefined ? {} : { cache }), imported: imported.names, prompts: placed(chosen.prompts, [...sources.texts.values()], root) };
  } catch (error) {
    throw new ConfigurationError(`${PROMPTS_FILE}: ${(error as Error).message}`);
  }
}

interface Known { readonly root: string; readonly sources: Sources; readonly pins: Pins; readonly prompts: ReadonlyMap<string, Prompt> }

function readSettings(reader: Reader, top: LocatedMap, known: Known): Omit<StudyConfig, 'authors' | 'imported' | 'cache' | 'cluster'> | undefined {
  const { sources } = known;
  const need = (key: string): Located | undefined => reader.required(top, key, 'the study');
  const names = <T>(key: string, noun: string, from: ReadonlyMap<string, T>): T[] | undefined => {
    const chosen = reader.list(need(key), key, MAX_ITEMS, (item) => reader.choice(item, noun, `${noun}s`, [...from.keys()]));
    return chosen?.map((name) => from.get(name) as T);
  };

  const title = reader.text(need('title'), 'title');
  const models = reader.list(need('models'), 'models', MAX_ITEMS, (item) => readModel(reader, item, known), (model) => model.name);
  const judge = readJudge(reader, need('judge'), need('models'), models, known.root);
  const formatNames = formats.map((format) => format.name);
  const chosenFormats = reader.list(need('formats'), 'formats', MAX_ITEMS, (item) => reader.choice(item, 'format', 'formats', formatNames));
  const texts = names('texts', 'text', sources.texts);
  const windowsPerText = reader.integer(need('windows_per_text'), 'windows_per_text', 1, 10_000);
  const context = Math.min(...(models ?? []).map((model) => model.shape.contextTokens), 2 ** 20);
  const windowTokens = reader.integer(need('window_tokens'), 'window_tokens', 2, context, CONTEXT);
  const numbers = (value: Located | undefined, what: string, read: (item: Located) => number | undefined): number[] | undefined =>
    reader.list(value, what, MAX_ITEMS, read);
  const temperature = (item: Located): number | undefined => readTemperature(reader, item);
  const temperatures = numbers(need('temperatures'), 'temperatures', temperature);
  const vocabulary = Math.min(...(models ?? []).map((model) => model.shape.vocabulary), 2 ** 20);
  const topK = (item: Located): number | undefined => reader.integer(item, 'top_k', 0, vocabulary - 1, 'below the smallest vocabulary of the models');
  const topKs = numbers(need('top_k'), 'top_k', topK);
  const prompts = names('prompts', 'prompt', known.prompts);
  const maxNewTokens = numbers(need('max_new_tokens'), 'max_new_tokens', (item) => reader.integer(item, 'max_new_tokens', 1, context - 1, `below ${CONTEXT}`));
  const seeds = numbers(need('seeds'), 'seeds', (item) => reader.integer(item, 'seed', 0, MAX_SEED));

  const generateMap = reader.map(need('generate'), 'generate', ['temperatures', 'top_k']);
  const generateTemperatures = readChosen(reader, reader.required(generateMap, 'temperatures', 'generate'), 'temperatures', whole(need('temperatures'), temperatures), temperature);
  const generateTopKs = readChosen(reader, reader.required(generateMap, 'top_k', 'generate'), 'top_k', whole(need('top_k'), topKs), topK);
  const choicesAt = top.entries.get('choices')?.value;
  const choices = choicesAt === undefined || (choicesAt.kind === 'list' && choicesAt.items.length === 0) ? []
    : reader.list(choicesAt, 'choices', MAX_ITEMS, (item) => reader.choice(item, 'set of choices', 'sets', [...sources.choices.keys()]))?.map((name) => sources.choices.get(name)!);
  const peers = readPeers(reader, top.entries.get('peers')?.value);
  const engine = readOwnEngine(reader, need('engine'));
  const speed = readSpeed(reader, need('speed'), context, engine);

  if (
    title === undefined || models === undefined || judge === undefined || chosenFormats === undefined || texts === undefined ||
    windowsPerText === undefined || windowTokens === undefined || temperatures === undefined || topKs === undefined ||
    prompts === undefined || maxNewTokens === undefined || seeds === undefined || generateTemperatures === undefined ||
    generateTopKs === undefined || speed === undefined || choices === undefined || peers === undefined || engine === undefined
  ) return undefined;
  return {
    title, models, judge, formats: chosenFormats, texts, windowsPerText, windowTokens, temperatures, topKs, prompts,
    maxNewTokens: [...maxNewTokens].sort((a, b) => a - b), seeds,
    generate: { temperatures: generateTemperatures, topKs: generateTopKs }, speed, choices, peers, engine, bench: existsSync(join(known.root, BENCH_FILE)),
  };
}

/** One of the study's models. Not looked up while a model is wrong: its mistake comes first. */
function readJudge(reader: Reader, value: Located | undefined, list: Located | undefined, models: readonly StudyModel[] | undefined, root: string): string | undefined {
  const candidates = whole(list, models);
  if (value === undefined || candidates === undefined) return reader.text(value, 'judge', 64);
  const name = reader.choice(value, 'judge', 'models of this study', candidates.map((model) => model.name));
  const judge = candidates.find((model) => model.name === name);
  if (judge === undefined) return undefined;
  const own = tokenizerIdentity(root, judge.files);
  const other = candidates.find(({ files }) => tokenizerIdentity(root, files) !== own);
  if (other === undefined) return name;
  return reader.wrong(value.at, `${judge.name} cannot judge ${other.name}, which has another tokenizer; the models of a study share their judge's: take ${other.name} out, into a study of its own`);
}

/** What was read of a list, if all of it could be: a mistake in it comes before whatever follows from it. */
function whole<T>(list: Located | undefined, read: readonly T[] | undefined): readonly T[] | undefined {
  return list?.kind === 'list' && read?.length === list.items.length ? read : undefined;
}

/** Settings of `generate` are among those that are scored, so that each text has its sampler's figures beside it. */
function readChosen(reader: Reader, value: Located | undefined, key: string, among: readonly number[] | undefined, read: (item: Located) => number | undefined): number[] | undefined {
  return reader.list(value, `generate.${key}`, MAX_ITEMS, (item) => {
    const chosen = read(item);
    if (chosen === undefined || among === undefined || among.includes(chosen)) return chosen;
    return reader.wrong(item.at, `${chosen} of generate.${key} is not among ${key}, which are ${among.join(', ')}; add it there, or take it out here`);
  });
}

/** 0 to 10, at most four decimals, so that it reads the same in cell ids, tables and links. */
function readTemperature(reader: Reader, value: Located): number | undefined {
  const temperature = reader.number(value, 'temperature', 0, 10);
  if (temperature === undefined) return undefined;
  if (Number(temperature.toFixed(4)) !== temperature) return reader.wrong(value.at, `temperature ${temperature} has more than four decimals`);
  return temperature;
}

function readModel(reader: Reader, value: Located, known: Known): StudyModel | undefined {
  if (value.kind === 'scalar') {
    const text = value.value;
    const kind = typeof text === 'string' ? sourceKindOf(text) : undefined;
    if (kind !== undefined && typeof text === 'string') {
      const name = kind.nameOf(text.slice(kind.prefix.length));
      if (!NAME.test(name)) return reader.wrong(value.at, `${quoted(text)} gives the model no name that can be used; write { name: <name>, source: ${quoted(text)} }`);
      return sourced(reader, value, text, name, known);
    }
    const name = reader.choice(value, 'model', 'bundled models', [...known.sources.models.keys()]);
    return name === undefined ? undefined : sourced(reader, value, `bundled:${name}`, name, known);
  }
  const map = reader.map(value, 'a model', ['name', 'source', 'title', 'origin', 'licence', 'redistribute']);
  if (map === undefined) return undefined;
  const nameAt = reader.required(map, 'name', 'a model');
  const name = reader.text(nameAt, 'name', 64);
  if (nameAt !== undefined && name !== undefined && !NAME.test(name)) reader.wrong(nameAt.at, `the name ${quoted(name)} cannot be used; ${NAME_RULE}`);
  const at = reader.required(map, 'source', 'a model');
  const source = reader.text(at, 'source');
  if (at === undefined || name === undefined || source === undefined || !NAME.test(name)) return undefined;
  const model = sourced(reader, at, source, name, known);
  if (model === undefined || model.source.startsWith('bundled:')) return model;
  const text = (key: 'title' | 'origin' | 'licence'): string => reader.text(map.entries.get(key)?.value, key) ?? model[key];
  const redistribute = reader.yesNo(map.entries.get('redistribute')?.value, 'redistribute') ?? false;
  return { ...model, title: text('title'), origin: text('origin'), licence: text('licence'), redistribute };
}

function sourced(reader: Reader, at: Located, source: string, name: string, known: Known): StudyModel | undefined {
  const kind = sourceKindOf(source);
  if (kind === undefined) return reader.wrong(at.at, `unknown source ${quoted(source)}; sources are ${sourceKinds.map(({ form }) => form).join('; ')}`);
  const model = kind.read(source.slice(kind.prefix.length), name, { ...known, home: homedir() });
  return typeof model === 'string' ? reader.wrong(at.at, model) : model === undefined ? undefined : { name, ...model };
}

function readEngine(reader: Reader, value: Located | undefined): string | undefined {
  return reader.choice(value, 'engine', 'engines', [OWN_ENGINE, ...engines.map(({ name }) => name)]);
}

/** Exact results come from canonical engines only; the others are for timings. Told here, since otherwise every cell would fail with it. */
function readOwnEngine(reader: Reader, value: Located | undefined): string | undefined {
  const exact = [OWN_ENGINE, ...engines.filter(({ canonical }) => canonical).map(({ name }) => name)];
  const named = value?.kind === 'scalar' ? engines.find(({ name }) => name === value.value) : undefined;
  if (value === undefined || named === undefined || named.canonical) return reader.choice(value, 'engine', 'engines', exact);
  return reader.wrong(value.at, `${named.name} does not give the reference's bits, so no exact result may come from it; engines that do are ${exact.join(', ')}. To time ${named.name} beside one of them, name it in speed.engines`);
}

/** `engine`: the study's own, which speed.engines calls auto. */
function readSpeed(reader: Reader, value: Located | undefined, context: number, engine: string | undefined): SpeedSettings | undefined {
  const map = reader.map(value, 'speed', ['engines', 'blocks', 'seconds', 'warm_up_tokens', 'prompt_tokens', 'seed']);
  const need = (key: string): Located | undefined => reader.required(map, key, 'speed');
  const list = need('engines');
  const timed = reader.list(list, 'speed.engines', MAX_ITEMS, (item) => {
    const name = readEngine(reader, item);
    if (name === undefined || name === OWN_ENGINE || name !== engine) return name;
    return reader.wrong(item.at, `${name} is the study's own engine, which speed.engines calls ${OWN_ENGINE}; write ${OWN_ENGINE}`);
  });
  if (list !== undefined && whole(list, timed)?.includes(OWN_ENGINE) === false) {
    reader.wrong(list.at, `speed.engines lacks ${OWN_ENGINE}, the study's own engine, with which the others are shown; add it`);
  }
  const blocks = reader.integer(need('blocks'), 'blocks', 1, 10_000);
  const seconds = reader.number(need('seconds'), 'seconds', 0.001, 3600);
  const warmUpTokens = reader.integer(need('warm_up_tokens'), 'warm_up_tokens', 1, DECODE_SPAN / 2);
  const promptTokens = reader.integer(need('prompt_tokens'), 'prompt_tokens', 1, Math.max(1, context - DECODE_SPAN));
  const seed = reader.integer(need('seed'), 'seed', 0, MAX_SEED);
  return timed === undefined || blocks === undefined || seconds === undefined || warmUpTokens === undefined || promptTokens === undefined || seed === undefined
    ? undefined : { engines: timed, blocks, seconds, warmUpTokens, promptTokens, seed };
}
