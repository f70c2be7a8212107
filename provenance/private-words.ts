/** What must not leave this machine: who works on it, where, and what they keep secret. Each is looked for by what it looks like, or as it is. */
import { homedir, hostname, userInfo } from 'node:os';
import { withheld } from '../stages/dag/index.ts';

export interface PrivateWord {
  /** What it is, for people: 'the home folder'. */
  readonly kind: string;
  readonly needle: string;
  /** It must stand by itself: no letter, digit, dash or underscore beside it. */
  readonly alone: boolean;
}

/** What looks like a secret, whoever's. Sources: the formats that GitHub, GitLab, Hugging Face, npm, PyPI, AWS, Slack, OpenAI and Google publish for secret scanning; RFC 7519; PEM. */
export const SECRET_SHAPES: readonly { readonly kind: string; readonly shape: RegExp }[] = [
  { kind: 'a token of GitHub', shape: /\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{22,}/g },
  { kind: 'a token of GitLab', shape: /\bglpat-[A-Za-z0-9_-]{20,}/g },
  { kind: 'a token of Hugging Face', shape: /\bhf_[A-Za-z0-9]{30,}/g },
  { kind: 'a token of npm', shape: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { kind: 'a token of PyPI', shape: /\bpypi-[A-Za-z0-9_-]{50,}/g },
  { kind: 'a key of AWS', shape: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  { kind: 'a token of Slack', shape: /\bxox[abprs]-[A-Za-z0-9-]{10,}/g },
  { kind: 'an API key', shape: /\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{32,}/g },
  { kind: 'a key of Google', shape: /\bAIza[A-Za-z0-9_-]{35}/g },
  { kind: 'a signed token (JWT)', shape: /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/g },
  { kind: 'a private key', shape: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/g },
  { kind: 'a password in an address', shape: /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"'<>]{1,100}:[^\s/@"'<>]{3,100}@/g },
];

/** An address of a person. Those of RFC 2606's names for examples are nobody's. */
export const EMAIL = /(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\b/g;
export const isExampleAddress = (address: string): boolean => /[@.](?:example\.(?:com|org|net)|[a-z0-9-]+\.(?:example|test|invalid|localhost))$/i.test(address);

/** Names of variables whose values are secret. */
const SECRET_NAME = /TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|_KEY$|_PAT$|^PGPASS/i;
/** Shorter values, and these, are in any text. */
const LEAST_SECRET = 8;
const COMMON_VALUE = /^(?:true|false|none|null|undefined|disabled|enabled|password|changeme|default|[0-9]{1,12})$/i;

/** Names that many machines have in common and that tell nobody. */
const COMMON_NAMES = new Set(['root', 'user', 'node', 'admin', 'ubuntu', 'debian', 'runner', 'jovyan', 'vscode', 'codespace', 'docker', 'build', 'builder', 'guest', 'test', 'tester', 'default', 'nobody', 'localhost', 'worker', 'server', 'desktop', 'laptop', 'macbook', 'work', 'home', 'data', 'main', 'study']);

export interface Surroundings {
  readonly env: { readonly [name: string]: string | undefined };
  readonly home: string;
  readonly user: string;
  readonly host: string;
  /** Absolute path of the project. */
  readonly root: string;
}

export function surroundings(root: string): Surroundings {
  let user = process.env['USER'] ?? '';
  // A process may run under a number that has no name.
  try { user = userInfo().username; } catch { /* what the environment says */ }
  return { env: { ...process.env, ...Object.fromEntries(withheld()) }, home: homedir(), user, host: hostname(), root };
}

/**
 * The words to look for. A user's or host's name of at least four letters that is not everybody's is looked for as a word; the home folder and the project's
 * path as they are, unless they are so short that they say nothing.
 */
export function privateWords({ env, home, user, host, root }: Surroundings): readonly PrivateWord[] {
  const words: PrivateWord[] = [];
  const add = (kind: string, needle: string, alone: boolean): void => { if (needle !== '' && !words.some((word) => word.needle === needle)) words.push({ kind, needle, alone }); };
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && SECRET_NAME.test(name) && value.length >= LEAST_SECRET && !COMMON_VALUE.test(value)) add(`the value of the variable ${name}`, value, false);
  }
  if (root.split('/').length > 2) add("the project's folder", root, false);
  if (home.split('/').length > 2) add('the home folder', home, false);
  const isTelling = (name: string): boolean => name.length >= 4 && !COMMON_NAMES.has(name.toLowerCase()) && !/^\d+$/.test(name);
  if (isTelling(user)) add("the user's name", user, true);
  if (isTelling(host)) add("the machine's name", host, true);
  const [short] = host.split('.');
  if (short !== undefined && short !== host && isTelling(short)) add("the machine's name", short, true);
  return words;
}
