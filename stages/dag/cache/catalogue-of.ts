/** The catalogue of a pipeline's shared cache, as the store remembers it. */
import { Catalogue } from './catalogue.ts';
import { publicKeyText, Trust } from './trusted.ts';
import { canonicalJson } from '../canonical.ts';
import { ConfigurationError } from '../declare.ts';
import { taggedSha256 } from '../sha256.ts';
import { hasSigner, openSigner } from '../signing-key.ts';
import type { Revocation, SharedCacheSettings } from '../types.ts';

/** How one's own word is told of. */
export const OWN_NAME = 'you';

/** `folder`: the store's. Reads nothing yet. */
export function catalogueOf({ at, trust }: SharedCacheSettings, folder: string, revoked: readonly Revocation[] = []): Catalogue {
  // Another cache, or another place of it, is another list.
  const id = taggedSha256('shared cache 1', canonicalJson({ ...at })).slice(0, 16);
  return new Catalogue({ path: `${folder}/cache/shared-${id}`, revoked, trust: () => new Trust([...trust, ...ownKey()]) });
}

/** One's own key, if there is one: what one has put into a cache counts for oneself. */
function ownKey(): readonly { readonly name: string; readonly key: string }[] {
  try {
    return hasSigner() ? [{ name: OWN_NAME, key: publicKeyText(openSigner().publicKey) }] : [];
  } catch (error) {
    // What is wrong with it is told where something is to be signed.
    if (error instanceof ConfigurationError) return [];
    throw error;
  }
}
