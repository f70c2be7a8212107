/** Which files of a repository make a model: one rule for what a hub lists, what its cache holds and what a folder has. */

/** What a file is for; the outputs of the stage fetch have these names. */
export type Role = 'config' | 'weights' | 'tokenizer' | 'tokenizerConfig';

export const INDEX_FILE = 'model.safetensors.index.json';
/** Every name that may be needed; shards are named by the index. */
export const CANDIDATES = ['config.json', 'model.safetensors', INDEX_FILE, 'tokenizer.json', 'tokenizer.model', 'tokenizer_config.json'] as const;

const MOST_SHARDS = 1000;
const SHARD = /^[A-Za-z0-9._-]{1,200}\.safetensors$/;

/** What a model is made of; `weights` may still have to be read from the index. */
export interface Chosen {
  readonly config: string;
  readonly tokenizer: string;
  readonly tokenizerConfig?: string;
  readonly weights: string | { readonly index: string };
}

/** Chooses among a repository's files; a clause when they make no model that can be read. */
export function choose(names: ReadonlySet<string>): Chosen | string {
  const others = [...names];
  const ggufs = others.filter((name) => /\.gguf$/i.test(name));
  const gguf = ggufs.length === 0 ? '' : `; of its GGUF files name one, as in @<revision>/${ggufs.slice(0, 3).join(' or ')}`;
  if (!names.has('config.json')) return `has no config.json, which says what model it is${gguf}`;
  const weights = names.has('model.safetensors') ? 'model.safetensors' : names.has(INDEX_FILE) ? { index: INDEX_FILE } : undefined;
  if (weights === undefined) {
    const pickled = others.some((name) => /^(?:pytorch_model.*\.bin|.*\.pth?)$/.test(name));
    return pickled ? `has its weights as pickled files only, which are programs and are not opened; look for a revision with model.safetensors (the hub's own conversion is in refs/pr)${gguf}`
      : `has no model.safetensors and no ${INDEX_FILE}${gguf}`;
  }
  const tokenizer = names.has('tokenizer.json') ? 'tokenizer.json' : names.has('tokenizer.model') ? 'tokenizer.model' : undefined;
  if (tokenizer === undefined) return 'has no tokenizer.json and no tokenizer.model';
  return { config: 'config.json', weights, tokenizer, ...(names.has('tokenizer_config.json') ? { tokenizerConfig: 'tokenizer_config.json' } : {}) };
}

/** The files that an index of weights names, in order; a clause when it cannot be used. */
export function shardsOf(index: Uint8Array): readonly string[] | string {
  let map: unknown;
  try {
    map = (JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(index)) as { weight_map?: unknown } | null)?.weight_map;
  } catch {
    return 'is not valid JSON';
  }
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return 'has no weight_map, which says which tensor lies in which file';
  const names = [...new Set(Object.values(map))].sort();
  const wrong = names.find((name) => typeof name !== 'string' || !SHARD.test(name));
  if (wrong !== undefined) return `names ${JSON.stringify(wrong).slice(0, 80)}, which is no name of a safetensors file beside it`;
  if (names.length === 0 || names.length > MOST_SHARDS) return `names ${names.length} files; it may name 1 to ${MOST_SHARDS}`;
  return names as string[];
}

/** The role of a file by its name. */
export function roleOf(name: string): Role {
  if (name === 'config.json') return 'config';
  if (name === 'tokenizer.json' || name === 'tokenizer.model') return 'tokenizer';
  return name === 'tokenizer_config.json' ? 'tokenizerConfig' : 'weights';
}
