/** What a pipeline says of the cache that it shares with other machines. */

/** Where results are shared among machines, and whose count (cache/). */
export interface SharedCacheSettings {
  readonly at:
    /** Absolute path of a folder that several machines have. */
    | { readonly kind: 'folder'; readonly path: string }
    /** `endpoint`: of a store that is not Amazon's: 'http://127.0.0.1:7070'. `prefix` without slashes at its ends; may be ''. */
    | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string; readonly endpoint?: string; readonly region?: string };
  /** Whose records count, besides those of this user's own key. */
  readonly trust: readonly TrustedKey[];
  /** Nothing is put into it. */
  readonly readOnly?: boolean;
  readonly patience?: Partial<CachePatience>;
}

/** `key`: 'ed25519:' and the public key's 32 bytes in base64url. */
export interface TrustedKey { readonly name: string; readonly key: string }

/** How long a shared cache is waited for. */
export interface CachePatience {
  /** One attempt, besides the time that its bytes take at a slow 128 KiB/s; ms. */
  readonly attemptMs: number;
  /** All attempts of one thing together; ms. */
  readonly deadlineMs: number;
  /** Tries of what broke; what is told to come back later is tried until the deadline. */
  readonly tries: number;
  /** At the end of a run, what has not gone up by then is left for another time; ms. */
  readonly endMs: number;
}
