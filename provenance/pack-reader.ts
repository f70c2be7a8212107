/** Reading a pack from anybody: nothing in it is executed, and no byte is believed that does not have the hash it is listed with. */
import { BadZip, openZip } from './zip-reader.ts';
import { PACK_FORMAT, hashOf } from './pack-format.ts';
import { ConfigurationError } from '../stages/dag/index.ts';
import type { ZipArchive } from './zip-reader.ts';
import type { MachineDescription } from '../stages/dag/index.ts';
import type { PackManifest, PackedCell, PackedFile } from './pack-format.ts';
import type { Row } from '../reports/num.ts';

/** The list of files comes before any of them is known to be sound. */
const MOST_LIST_BYTES = 256 * 2 ** 20;

export interface Pack {
  readonly manifest: PackManifest;
  readonly cells: readonly PackedCell[];
  readonly machines: ReadonlyMap<string, MachineDescription>;
  /** Of the whole file: what a reproduction says that it reproduced. */
  readonly files: readonly PackedFile[];
  /** One file, held to its hash. Throws ConfigurationError. */
  read(path: string): Promise<Uint8Array>;
  /** The files and packages behind a code hash. */
  closure(hash: string): { readonly [file: string]: string } | undefined;
  /** Rows of a table that is in it; undefined where it is not. */
  rows(table: string): Promise<readonly Row[] | undefined>;
  close(): void;
}

/** Opens it and holds every file to its hash. Throws ConfigurationError, which names the pack and what is wrong. */
export async function openPack(path: string): Promise<Pack> {
  const wrong = (reason: string): never => { throw new ConfigurationError(`${path}: ${reason}`); };
  let zip: ZipArchive;
  try {
    zip = await openZip(path);
  } catch (error) {
    if (error instanceof BadZip) return wrong(error.message);
    const { code } = error as NodeJS.ErrnoException;
    return wrong(code === 'ENOENT' ? 'there is no such file' : `it cannot be opened (${code ?? (error as Error).message})`);
  }
  try {
    const manifest = await manifestOf(zip, wrong);
    const listed = new Map(manifest.files.map((file) => [file.path, file]));
    for (const [name] of zip.files) if (name !== 'pack.json' && !listed.has(name)) wrong(`the file ${JSON.stringify(name)} is in it and not in its list`);
    const read = async (name: string): Promise<Uint8Array> => {
      const file = listed.get(name) ?? wrong(`${name} is not in it`);
      if (zip.files.get(name) !== file.bytes) wrong(`${name} ${zip.files.has(name) ? 'has another size than its list says' : 'is in its list and not in it'}`);
      const bytes = await unpack(zip, name, wrong);
      return hashOf(bytes) === file.sha256 ? bytes : wrong(`${name} is not what its list says: its sha256 is another`);
    };
    const lists = new Map<string, Uint8Array>();
    for (const { path: name, role } of manifest.files) {
      const bytes = await read(name);
      if (role === 'list') lists.set(name, bytes);
    }
    const closures = new Map(Object.entries(parsed(lists.get('closures.json') ?? new Uint8Array(), {}, 'closures.json', wrong) as { [hash: string]: { [file: string]: string } }));
    return {
      manifest, files: manifest.files, read, close: () => zip.close(), closure: (hash) => closures.get(hash),
      cells: cellsOf(lists.get('cells.ndjson') ?? wrong('it has no list of cells'), wrong),
      machines: new Map(Object.entries(parsed(lists.get('machines.json') ?? new Uint8Array(), {}, 'machines.json', wrong) as { [label: string]: MachineDescription })),
      rows: async (table) => {
        const object = Object.hasOwn(manifest.tables, table) ? manifest.tables[table] : undefined;
        if (object === undefined) return undefined;
        return lines(await read(`objects/${object}`)).map((line) => parsed(line, {}, table, wrong) as Row);
      },
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

type Wrong = (reason: string) => never;

async function unpack(zip: ZipArchive, name: string, wrong: Wrong): Promise<Uint8Array> {
  try {
    return await zip.read(name);
  } catch (error) {
    if (error instanceof BadZip) return wrong(error.message);
    throw error;
  }
}

const SHA256 = /^[0-9a-f]{64}$/;
const ROLES = new Set(['input', 'code', 'object', 'site', 'list']);

async function manifestOf(zip: ZipArchive, wrong: Wrong): Promise<PackManifest> {
  const bytes = zip.files.get('pack.json') ?? wrong('it is no pack: it has no pack.json');
  if (bytes > MOST_LIST_BYTES) wrong('its list of files is too large');
  const value = parsed(await unpack(zip, 'pack.json', wrong), undefined, 'pack.json', wrong) as Partial<PackManifest> | undefined;
  if (typeof value?.format !== 'number') return wrong('it is no pack: its pack.json does not say its format');
  if (value.format > PACK_FORMAT) wrong(`it has the format ${value.format}, made by a newer version; this one reads up to ${PACK_FORMAT}`);
  const { files, tables, left, pipeline, run, flags } = value;
  const sound = typeof pipeline === 'string' && (run === null || typeof run === 'string') && Array.isArray(flags) && flags.every((flag) => typeof flag === 'string' && /^[a-z][a-z-]*$/.test(flag)) && Array.isArray(files) && Array.isArray(left) && typeof tables === 'object' && tables !== null
    && files.every((file: Partial<PackedFile> | null) => typeof file?.path === 'string' && SHA256.test(file.sha256 ?? '') && Number.isInteger(file.bytes) && ROLES.has(file.role ?? ''))
    && Object.values(tables).every((sha) => SHA256.test(sha)) && left.every((one: { what?: unknown; why?: unknown } | null) => typeof one?.what === 'string' && typeof one.why === 'string');
  if (!sound) wrong('its pack.json does not say what it must');
  return value as PackManifest;
}

function cellsOf(bytes: Uint8Array, wrong: Wrong): readonly PackedCell[] {
  return lines(bytes).map((line) => {
    const cell = parsed(line, undefined, 'cells.ndjson', wrong) as Partial<PackedCell> | undefined;
    const { record } = cell ?? {};
    const sound = typeof cell?.cell === 'string' && typeof cell.stage === 'string' && ['exact', 'measured', 'fetched'].includes(cell.determinism ?? '') && Array.isArray(cell.compared)
      && typeof cell.params === 'object' && cell.params !== null && typeof cell.inputs === 'object' && cell.inputs !== null
      && (record === undefined || (SHA256.test(record.key) && typeof record.outputs === 'object' && record.outputs !== null && Object.values(record.outputs).every((output) => SHA256.test(output?.sha256)) && typeof record.durationMs === 'number' && typeof record.machine === 'string'));
    return sound ? cell as PackedCell : wrong('a line of cells.ndjson does not say what it must');
  });
}

const lines = (bytes: Uint8Array): readonly Uint8Array[] => new TextDecoder().decode(bytes).split('\n').filter((line) => line !== '').map((line) => Buffer.from(line));

function parsed(bytes: Uint8Array, empty: unknown, name: string, wrong: Wrong): unknown {
  if (bytes.length === 0) return empty;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return wrong(`${name} is no JSON`);
  }
}

