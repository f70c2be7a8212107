/** Writes GGUF files for tests, true ones and ones that lie: nothing is checked here. */

export type GgufValue =
  | string | number | boolean
  /** Of a type by its number in the format. */
  | { readonly type: number; readonly bytes: Uint8Array }
  | readonly string[]
  /** int32, or float32 where one is no whole number. */
  | readonly number[];

export interface TensorToWrite {
  readonly name: string;
  /** In the file's order: rows' length first. */
  readonly axes: readonly (number | bigint)[];
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Default: where it belongs. */
  readonly offset?: number | bigint;
}

export interface GgufToWrite {
  readonly magic?: string;
  readonly version?: number;
  readonly metadata?: readonly (readonly [key: string, value: GgufValue])[];
  readonly tensors?: readonly TensorToWrite[];
  readonly alignment?: number;
  /** What the header claims, where it lies. */
  readonly claims?: { readonly tensors?: bigint; readonly values?: bigint };
  /** Bytes that stand where the tensors' places should. */
  readonly places?: Uint8Array;
  readonly after?: number;
}

export const u32 = (value: number): Buffer => { const bytes = Buffer.alloc(4); bytes.writeUInt32LE(value >>> 0); return bytes; };
export const u64 = (value: number | bigint): Buffer => { const bytes = Buffer.alloc(8); bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value))); return bytes; };
export const f32 = (value: number): Buffer => { const bytes = Buffer.alloc(4); bytes.writeFloatLE(value); return bytes; };
export const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

export function ggufOf({ magic = 'GGUF', version = 3, metadata = [], tensors = [], alignment = 32, claims = {}, places, after = 0 }: GgufToWrite): Uint8Array {
  let end = 0;
  const data: Buffer[] = [];
  const described = tensors.map(({ name, axes, type, bytes, offset }) => {
    const padding = Math.ceil(end / alignment) * alignment - end;
    data.push(Buffer.alloc(padding), Buffer.from(bytes));
    const begin = end + padding;
    end = begin + bytes.length;
    return Buffer.concat([text(name), u32(axes.length), ...axes.map(u64), u32(type), u64(offset ?? begin)]);
  });
  const head = Buffer.concat([
    Buffer.from(magic), u32(version), u64(claims.tensors ?? BigInt(tensors.length)), u64(claims.values ?? BigInt(metadata.length)),
    ...metadata.map(([key, value]) => Buffer.concat([text(key), valueBytes(value)])), places ?? Buffer.concat(described),
  ]);
  return Buffer.concat([head, Buffer.alloc(Math.ceil(head.length / alignment) * alignment - head.length), ...data, Buffer.alloc(after)]);
}

function valueBytes(value: GgufValue): Buffer {
  if (typeof value === 'string') return Buffer.concat([u32(8), text(value)]);
  if (typeof value === 'boolean') return Buffer.concat([u32(7), Buffer.of(value ? 1 : 0)]);
  if (typeof value === 'number') return Number.isInteger(value) ? Buffer.concat([u32(value < 0 ? 5 : 4), u32(value)]) : Buffer.concat([u32(6), f32(value)]);
  if ('bytes' in value) return Buffer.concat([u32(value.type), value.bytes]);
  const items = value as readonly (string | number)[];
  const type = typeof items[0] === 'string' ? 8 : items.every((item) => Number.isInteger(item)) ? 5 : 6;
  return Buffer.concat([u32(9), u32(type), u64(items.length), ...items.map((item) => typeof item === 'string' ? text(item) : type === 5 ? u32(item) : f32(item))]);
}
