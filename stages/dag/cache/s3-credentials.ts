/**
 * Credentials for S3, from where its other programs have them: the environment, else a profile of ~/.aws. They stay in this process: what the
 * environment held was taken out of it (withheld.ts), and no message, log or record has them.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withheld } from '../withheld.ts';
import { RemoteError } from './remote.ts';
import { S3_SECRET_VARIABLES } from './s3-secrets.ts';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** For people: 'the environment', 'profile lab'. */
  readonly from: string;
}

type Environment = { readonly [name: string]: string | undefined };
type Section = ReadonlyMap<string, string>;

/** Throws RemoteError where there are none, saying what was looked for. */
export function s3Credentials(env: Environment = { ...process.env, ...Object.fromEntries(withheld()) }): S3Credentials {
  const [id, secret, token] = S3_SECRET_VARIABLES.map((name) => env[name] || undefined);
  // As Amazon's own programs: a profile counts where the variables are not set.
  if (id !== undefined && secret !== undefined) return { accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : { sessionToken: token }), from: 'the environment' };
  const profile = profileName(env);
  const section = new Map([...sectionOf(configFile(env), `profile ${profile}`, profile), ...sectionOf(credentialsFile(env), profile)]);
  const [fileId, fileSecret, fileToken] = [section.get('aws_access_key_id'), section.get('aws_secret_access_key'), section.get('aws_session_token')];
  if (fileId !== undefined && fileSecret !== undefined) return { accessKeyId: fileId, secretAccessKey: fileSecret, ...(fileToken === undefined ? {} : { sessionToken: fileToken }), from: `profile ${profile}` };
  const half = id !== undefined || secret !== undefined ? ' (of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set)' : '';
  const indirect = ['sso_session', 'sso_start_url', 'role_arn', 'credential_process'].find((name) => section.has(name));
  throw new RemoteError('refused', indirect === undefined
    ? `there are no credentials${half}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them under [${profile}] in ~/.aws/credentials`
    : `profile ${profile} gets its credentials by ${indirect}, which is not done here; export them first: eval "$(aws configure export-credentials --profile ${profile} --format env)"`);
}

/** What ~/.aws/config or the environment says of the region. */
export function s3Region(env: Environment = process.env): string | undefined {
  const profile = profileName(env);
  return env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || sectionOf(configFile(env), `profile ${profile}`, profile).get('region');
}

const profileName = (env: Environment): string => env['AWS_PROFILE'] || env['AWS_DEFAULT_PROFILE'] || 'default';
const home = (env: Environment): string => env['HOME'] || homedir();
const credentialsFile = (env: Environment): string => env['AWS_SHARED_CREDENTIALS_FILE'] || join(home(env), '.aws', 'credentials');
const configFile = (env: Environment): string => env['AWS_CONFIG_FILE'] || join(home(env), '.aws', 'config');

/** The values of the first of these sections that the file has. Nothing of it, not even a broken line, gets into a message. */
function sectionOf(path: string, ...names: readonly string[]): Section {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return new Map();
  }
  const sections = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const name = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)?.[1];
    if (name !== undefined) sections.set(name, current = sections.get(name) ?? new Map());
    const pair = /^([A-Za-z_][\w]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (pair !== null && current !== undefined && pair[2] !== '') current.set(pair[1]!.toLowerCase(), pair[2]!);
  }
  return names.map((name) => sections.get(name)).find((section) => section !== undefined) ?? new Map();
}
