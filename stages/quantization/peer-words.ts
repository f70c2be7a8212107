/** What a peer is, in words for records and tables. */
import type { PeerIdentity } from './peers.ts';

/** 'python 3.11.2, torch 2.15.0', by name. */
export const listed = (of: { readonly [name: string]: string }): string => Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)).map((pair) => pair.join(' ')).join(', ');

/** 'bitsandbytes 0.50.2, python 3.11.7, ...; cpu: ...; compute fp32' */
export const buildOf = ({ packages, device, settings }: PeerIdentity): string => buildWords({ packages: listed(packages), device, settings: listed(settings) });

/** The same of words that are listed already, as the table peers has them. */
export const buildWords = ({ packages, device, settings }: { readonly packages: string; readonly device: string; readonly settings: string }): string => [packages, device, settings].filter((part) => part !== '').join('; ');
