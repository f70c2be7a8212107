/** CRC-32 (ISO 3309, as in zlib): Node's own where it has one (20.15 and later), else the same by table. */
import zlib from 'node:zlib';

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** Of bytes, or of a string's UTF-8. Unsigned 32-bit. */
export function crc32ByTable(data: Uint8Array | string): number {
  let crc = -1;
  for (const byte of typeof data === 'string' ? Buffer.from(data) : data) crc = TABLE[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

export const crc32: (data: Uint8Array | string) => number = zlib.crc32 ?? crc32ByTable;
