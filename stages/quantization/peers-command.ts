/** `peers`: lists the other programs that a study may be compared with, and installs one. */
import { ConfigurationError, EXIT, onSignals } from '../dag/index.ts';
import type { Command } from '../dag/index.ts';
import { peers } from './peers.ts';
import type { Peer } from './peers.ts';

const peersCommand: Command = {
  usage: 'bitwidth peers [install <name>]',
  details: 'Lists the other programs that can compute the study\'s models beside its own engines, and what of them is installed. A study names those that it\n'
    + 'wants in data/study.yaml (peers: [transformers]). "install" makes what a peer needs, in your cache folder, from pinned packages that are held to\n'
    + 'their hashes; it is the only part of this that uses a network. docs/peers.md says more.',
  options: {},
  positionals: { min: 0, max: 2 },
  async run({ positionals: [action, name], print }) {
    if (action === undefined) {
      for (const peer of peers) print(await described(peer));
      return EXIT.done;
    }
    if (action !== 'install') throw new ConfigurationError(`peers: there is no ${JSON.stringify(action)}; write "peers", or "peers install <name>"`);
    const peer = peers.find((one) => one.name === name);
    if (peer === undefined) throw new ConfigurationError(`peers: ${name === undefined ? 'name a peer' : `there is no peer ${JSON.stringify(name)}`}; peers are ${peers.map((one) => one.name).join(', ')}`);
    if (peer.install === undefined) throw new ConfigurationError(`peers: ${peer.name} is not installed by this command; docs/peers.md says how`);
    const stop = new AbortController();
    const forget = onSignals(() => stop.abort());
    try {
      await peer.install({ print, signal: stop.signal });
    } finally {
      forget();
    }
    return EXIT.done;
  },
};
export default peersCommand;

async function described({ name, title, formats, devices, computeTypes, find }: Peer): Promise<string> {
  const found = await find({ device: devices[0]!, compute: computeTypes[0]! });
  const state = 'missing' in found ? `${found.missing}; ${found.hint}` : Object.entries(found.packages).map((pair) => pair.join(' ')).join(', ');
  return `${name}: ${title}\n  formats   ${formats.map((format) => format.name).join(', ')}\n  devices   ${devices.join(', ')}\n  here      ${state}`;
}
