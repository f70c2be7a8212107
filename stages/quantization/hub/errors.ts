/** What goes wrong with a hub, in sentences for people. None of them names an address or a token: they are recorded and published. */

export type HubErrorCode =
  | 'setting'        // a variable of the environment cannot be used
  | 'offline'        // HF_HUB_OFFLINE is set and something is missing
  | 'network'        // it cannot be reached, or the connection broke; tried again
  | 'busy'           // 408, 429, 5xx; tried again
  | 'slow'           // nothing came for too long, or too little in all
  | 'gated' | 'token' | 'no-repository' | 'no-revision' | 'no-file' | 'refused'
  | 'wrong-answer'   // it does not speak as a hub does
  | 'wrong-bytes'    // what it sends is not what was promised
  | 'unfit'          // the repository holds no model that can be read
  | 'disk';

export class HubError extends Error {
  override readonly name = 'HubError';
  readonly code: HubErrorCode;
  readonly hint: string | undefined;
  /** Another try may do. */
  readonly passing: boolean;
  /** So long the server asks to wait before it; ms. */
  readonly retryAfterMs: number | undefined;

  constructor(code: HubErrorCode, sentence: string, { hint, passing = false, retryAfterMs }: { readonly hint?: string; readonly passing?: boolean; readonly retryAfterMs?: number | undefined } = {}) {
    super(sentence);
    this.code = code;
    this.hint = hint;
    this.passing = passing;
    this.retryAfterMs = retryAfterMs;
  }

  /** Sentence and hint, as one. */
  get told(): string {
    return this.hint === undefined ? this.message : `${this.message}; ${this.hint}`;
  }
}
