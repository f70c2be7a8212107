/** `peers:` in study.yaml: names, or { name, device, compute } where another than the peer's default is wanted. */
import type { Reader } from './config-fields.ts';
import type { Located } from './config-yaml.ts';
import { peerNamed, peers } from './peers.ts';
import type { PeerSettings } from './peers.ts';

export interface NamedPeer extends PeerSettings { readonly name: string }

const MOST = 16;

/** None where the study does not speak of them. */
export function readPeers(reader: Reader, value: Located | undefined): readonly NamedPeer[] | undefined {
  if (value === undefined || (value.kind === 'list' && value.items.length === 0)) return [];
  return reader.list(value, 'peers', MOST, (item) => readPeer(reader, item), ({ name }) => name);
}

function readPeer(reader: Reader, value: Located): NamedPeer | undefined {
  const map = value.kind === 'map' ? reader.map(value, 'a peer', ['name', 'device', 'compute']) : undefined;
  if (value.kind === 'map' && map === undefined) return undefined;
  const name = reader.choice(map === undefined ? value : reader.required(map, 'name', 'a peer'), 'peer', 'peers', peers.map((peer) => peer.name));
  if (name === undefined) return undefined;
  const { devices, computeTypes } = peerNamed(name);
  const among = (key: 'device' | 'compute', noun: string, from: readonly string[]): string | undefined => {
    const at = map?.entries.get(key)?.value;
    return at === undefined ? from[0] : reader.choice(at, noun, `${noun}s of ${name}`, from);
  };
  const [device, compute] = [among('device', 'device', devices), among('compute', 'compute type', computeTypes)];
  return device === undefined || compute === undefined ? undefined : { name, device, compute };
}
