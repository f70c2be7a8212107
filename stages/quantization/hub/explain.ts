/** An answer that is no success, explained: what it means for who asked, and what to do. Says nothing that a record must not hold. */
import { HubError } from './errors.ts';
import type { Answer } from './http.ts';
import { retryAfterMs } from './retry.ts';
import type { HubSettings } from './settings.ts';

/** What was asked for. */
export interface Wanted { readonly repository: string; readonly revision: string; readonly file?: string }

const PAGES = 'huggingface.co';

export function explain({ status, headers, hub: told }: Pick<Answer, 'status' | 'headers' | 'hub'>, { repository, revision, file }: Wanted, { token }: HubSettings): HubError {
  const code = told['x-error-code'] ?? '';
  const message = told['x-error-message'] ?? '';
  const page = `https://${PAGES}/${repository}`;
  if (code === 'GatedRepo') {
    return token === undefined
      ? new HubError('gated', `${repository} is gated: its authors give it to those who accept their conditions`, { hint: `accept them at ${page}, make a token at https://${PAGES}/settings/tokens, and set HF_TOKEN to it` })
      : new HubError('gated', `${repository} is gated, and the account of the token in ${token.from} has no access to it`, { hint: `ask for it at ${page} with that account; a fine-grained token must be allowed to read gated repositories` });
  }
  // Asked without a token, the hub does not tell a private repository from one that does not exist.
  if (code === 'RepoNotFound' || (status === 404 && code === '' && file === undefined)) {
    return new HubError('no-repository', `the hub has no model ${repository}${token === undefined ? ' that is public' : ` that the account of the token in ${token.from} may see`}`, { hint: `check the name at ${page}; a private one needs a token of an account that may see it, in HF_TOKEN` });
  }
  if (code === 'RevisionNotFound') return new HubError('no-revision', `${repository} has no revision ${JSON.stringify(revision)}`, { hint: `its branches and tags are at ${page}/tree/main; a commit has 40 digits` });
  if (code === 'EntryNotFound' || status === 404) return new HubError('no-file', `${repository} at ${revision} has no file ${file ?? ''}`.trimEnd(), { hint: `its files are at ${page}/tree/${revision}` });
  if (status === 401) {
    return token === undefined
      ? new HubError('token', `the hub wants to know who asks for ${repository}`, { hint: `make a token at https://${PAGES}/settings/tokens, and set HF_TOKEN to it` })
      : new HubError('token', `the hub does not accept the token in ${token.from}`, { hint: `make a new one at https://${PAGES}/settings/tokens; what is public needs none: unset it` });
  }
  if (status === 403) return new HubError('refused', `the hub refuses ${repository}${said(message, token)}`, { hint: `see ${page}; a fine-grained token must be allowed to read this repository` });
  if (code === 'DisabledRepo' || status === 451) return new HubError('refused', `the hub does not give ${repository} any more`, { hint: `see ${page}` });
  if (status === 429) return new HubError('busy', 'the hub says that it was asked too often from here', { passing: true, retryAfterMs: retryAfterMs(headers['retry-after']), hint: 'run again later: what has come is kept; with a token (HF_TOKEN) more is allowed' });
  if (status === 408 || status >= 500) return new HubError('busy', `the hub is not well (status ${status})`, { passing: true, retryAfterMs: retryAfterMs(headers['retry-after']), hint: 'run again later: what has come is kept' });
  return new HubError('wrong-answer', `the hub answers with status ${status}${said(message, token)}`, { hint: 'check HF_ENDPOINT, or try again later' });
}

/** A server's own words: bounded, plain, and without the token should it repeat it. */
function said(message: string, token: HubSettings['token']): string {
  const plain = (token?.hideIn(message) ?? message).replace(/[^\x20-\x7e]/g, ' ').replace(/\bhttps?:\/\/\S+/g, '…').slice(0, 200).trim();
  return plain === '' ? '' : `: "${plain}"`;
}
