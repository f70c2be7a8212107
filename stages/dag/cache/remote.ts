/**
 * Where a shared cache lies: the contract that each kind keeps (remotes.ts lists them). A remote holds named bytes and knows nothing of what they
 * mean. Nothing that it says is believed: whoever reads checks what came against what he wanted (download.ts, entry.ts).
 *
 * A kind promises two things. What is put is there whole or not at all; and of several that put one name `ifAbsent` at once, one has put it and
 * the others are told so. No locks: file systems of clusters lack them.
 */
/** Bytes that can be read more than once: a try that failed is made again. */
export interface RemoteSource {
  readonly bytes: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

export interface RemoteFile { readonly name: string; readonly bytes: number }

export interface Listed { readonly files: readonly RemoteFile[]; readonly more: boolean }

export type Put =
  /** `present`: where something has this name already, it stays. */
  | 'if-absent'
  /** In place of what is there: only for a file that is named by its content, and is known to have another there, or none. */
  | 'replace';

/** Every method throws RemoteError. `signal` ends an attempt that takes too long. Names are relative, of [a-z0-9/.-]. */
export interface Remote {
  /** For people: which it is, without a secret: 's3://lab/bitwidth', '/shared/bitwidth'. */
  readonly label: string;
  /** An attempt that does not end cannot be ended, and holds a thread of this process: another one would hold one more. */
  readonly hangs?: true;
  /** So many bytes from `offset`, or all; undefined where there is nothing of this name. */
  get(name: string, range: { readonly offset: number; readonly length: number } | undefined, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Its size; undefined where there is nothing of this name. */
  size(name: string, signal: AbortSignal): Promise<number | undefined>;
  put(name: string, source: RemoteSource, how: Put, signal: AbortSignal): Promise<'put' | 'present'>;
  /** Files whose names begin with `prefix`, which ends with '/', and come after `after`, sorted. `more`: there are others after the last. */
  list(prefix: string, after: string, signal: AbortSignal): Promise<Listed>;
}

export type RemoteTrouble =
  /** It says itself that it has too much to do. */
  | 'busy'
  /** A connection broke, or it failed: asked again it may do. */
  | 'passing'
  /** It says no to whoever asks with these credentials. */
  | 'refused'
  /** It is not what it should be: there is no such bucket, the disk is full. Asking again is of no use. */
  | 'wrong';

export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  readonly trouble: RemoteTrouble;
  /** The remote asked for so much time. */
  readonly retryAfterMs: number | undefined;

  /** `sentence`: what is wrong, and what to do about it; no address and no secret in it. */
  constructor(trouble: RemoteTrouble, sentence: string, retryAfterMs?: number) {
    super(sentence);
    this.trouble = trouble;
    this.retryAfterMs = retryAfterMs;
  }
}
