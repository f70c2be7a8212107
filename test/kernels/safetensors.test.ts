import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { elementsOfStored, readSafetensors, writeSafetensors, type Dtype, type StoredTensor } from '../../kernels/safetensors.ts';

/** A file with this header text, `dataBytes` bytes of data, and a claimed header length when it is to lie. */
function fileOf(header: string | Uint8Array, dataBytes: number, claimed?: bigint): Uint8Array {
  const bytes = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + bytes.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, claimed ?? BigInt(bytes.length), true);
  file.set(bytes, 8);
  return file;
}

const entry = (dtype: unknown, shape: unknown, offsets: unknown): Record<string, unknown> => ({ dtype, shape, data_offsets: offsets });
const json = (header: unknown, dataBytes: number): Uint8Array => fileOf(JSON.stringify(header), dataBytes);
const stored = (name: string, dtype: Dtype, shape: number[], bytes: number[] | Uint8Array): StoredTensor => ({ name, dtype, shape, bytes: Uint8Array.from(bytes) });

/** What must be refused, and words of the reason. */
const HOSTILE: Record<string, [Uint8Array, RegExp]> = {
  'an empty file': [new Uint8Array(0), /0 bytes; a file has at least 8/],
  'seven bytes': [new Uint8Array(7), /7 bytes/],
  'a header longer than the file': [fileOf('{}', 0, 3n), /claims 3 bytes, but only 2 follow/],
  'a header of 2^64 - 1 bytes': [fileOf('{}', 0, 0xffff_ffff_ffff_ffffn), /claims 18446744073709551615 bytes; at most 100000000/],
  'a header of 2^53 + 1 bytes': [fileOf('{}', 0, 9007199254740993n), /claims 9007199254740993 bytes/],
  'a header of 0 bytes': [fileOf('', 0), /does not start with \{/],
  'a header that starts with a space': [fileOf(' {}', 0), /does not start with \{/],
  'a header that is a list': [fileOf('[]', 0), /does not start with \{/],
  'a header cut short': [fileOf('{"a":', 0), /the header is not JSON/],
  'text after the header object': [fileOf('{} x', 0), /the header is not JSON/],
  'a header that is not UTF-8': [fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), 0), /not UTF-8/],
  'deep nesting': [fileOf(`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, 0), /the header|tensor "a"/],
  'a dtype nested deeply': [fileOf(`{"a":{"dtype":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`, 0), /tensor "a" has the dtype/],
  'a name twice': [fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1), /names "a" twice/],
  'a name twice, once in escapes': [fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1), /names "a" twice/],
  'a field twice': [fileOf('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1), /names "dtype" twice/],
  'an unknown field': [json({ a: { ...entry('U8', [1], [0, 1]), strides: [1] } }, 1), /tensor "a" has "strides"; allowed are dtype, shape, data_offsets/],
  'an entry that is a number': [json({ a: 7 }, 0), /tensor "a" is not an object/],
  'an entry that is null': [json({ a: null }, 0), /tensor "a" is not an object/],
  'no dtype': [json({ a: { shape: [1], data_offsets: [0, 1] } }, 1), /tensor "a" has the dtype undefined/],
  'an unknown dtype': [json({ a: entry('Q4_0', [1], [0, 1]) }, 1), /the dtype "Q4_0"; allowed are F64, F32/],
  'a dtype from the prototype': [json({ a: entry('toString', [1], [0, 1]) }, 1), /the dtype "toString"/],
  'a negative size': [json({ a: entry('U8', [-1], [0, 1]) }, 1), /the shape \[-1\]/],
  'a fractional size': [json({ a: entry('U8', [0.5], [0, 1]) }, 1), /the shape \[0\.5\]/],
  'a size as text': [json({ a: entry('U8', ['1'], [0, 1]) }, 1), /the shape \["1"\]/],
  'a size beyond 2^53': [fileOf('{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,1]}}', 1), /the shape/],
  'a shape that is no list': [json({ a: entry('U8', 1, [0, 1]) }, 1), /the shape 1/],
  'seventeen dimensions': [json({ a: entry('U8', Array(17).fill(1), [0, 1]) }, 1), /at most 16/],
  'a product that overflows 2^64 to 0': [json({ a: entry('U8', [2 ** 32, 2 ** 32], [0, 0]) }, 0), /is given 0 bytes, but U8 .* needs 18446744073709551616/],
  'a product that overflows 2^53': [json({ a: entry('F32', [2 ** 31, 2 ** 31], [0, 8]) }, 8), /needs 18446744073709551616/],
  'fewer bytes than the shape needs': [json({ a: entry('F32', [2], [0, 4]) }, 4), /is given 4 bytes, but F32 of shape \[2\] needs 8/],
  'more bytes than the shape needs': [json({ a: entry('F32', [1], [0, 8]) }, 8), /is given 8 bytes/],
  'offsets in reverse': [json({ a: entry('U8', [1], [1, 0]) }, 1), /ends at 0, before it begins at 1/],
  'a negative offset': [json({ a: entry('U8', [1], [-1, 0]) }, 1), /data_offsets \[-1,0\]/],
  'a fractional offset': [json({ a: entry('U8', [1], [0, 1.5]) }, 2), /data_offsets \[0,1\.5\]/],
  'one offset': [json({ a: entry('U8', [1], [0]) }, 1), /data_offsets \[0\]/],
  'an end beyond the file': [json({ a: entry('U8', [9], [0, 9]) }, 8), /ends at 9, but the file has 8 bytes of data/],
  'two tensors in one place': [json({ a: entry('U8', [4], [0, 4]), b: entry('U8', [4], [0, 4]) }, 4), /tensor "b" begins at 0.*without overlap/],
  'tensors that overlap': [json({ a: entry('U8', [4], [0, 4]), b: entry('U8', [4], [3, 7]) }, 7), /tensor "b" begins at 3.*without overlap/],
  'a hole': [json({ a: entry('U8', [4], [0, 4]), b: entry('U8', [4], [5, 9]) }, 9), /tensor "b" begins at 5.*without holes/],
  'a hole at the start': [json({ a: entry('U8', [4], [1, 5]) }, 5), /tensor "a" begins at 1.*without holes/],
  'trailing bytes': [json({ a: entry('U8', [4], [0, 4]) }, 5), /1 bytes follow the last tensor/],
  'bytes but no tensor': [json({}, 3), /3 bytes follow/],
  'metadata that is a list': [json({ __metadata__: [] }, 0), /__metadata__ is not an object/],
  'metadata that is not text': [json({ __metadata__: { a: 1 } }, 0), /__metadata__ "a" is not a string/],
};

for (const [what, [file, reason]] of Object.entries(HOSTILE)) {
  test(`refused: ${what}`, () => assert.throws(() => readSafetensors(file, 'x.safetensors'), (error: Error) => error.message.startsWith('x.safetensors: ') && reason.test(error.message)));
}

test('refused in every truncation, and no single flipped byte of a header is read as something impossible', () => {
  const file = writeSafetensors([stored('w', 'F32', [2, 3], new Uint8Array(24)), stored('b', 'U8', [5], [1, 2, 3, 4, 5])]);
  for (let length = 0; length < file.length; length++) assert.throws(() => readSafetensors(file.subarray(0, length)), `cut to ${length}`);
  const headerEnd = file.length - 29;
  for (let at = 0; at < headerEnd; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = file.slice();
      flipped[at]! ^= 1 << bit;
      let read;
      try { read = readSafetensors(flipped); } catch { continue; }
      const bytes = [...read.tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
      assert.is(bytes, 29, 'what is accepted covers the data exactly');
    }
  }
});

test('names that mean something elsewhere are only names', () => {
  const names = ['__proto__', 'constructor', 'toString', '../../x', '<img onerror=alert(1)>', '', 'a"b\\c', '\u2028', 'é漢😀', '007', '7', ' '];
  const file = writeSafetensors(names.map((name, i) => stored(name, 'U8', [1], [i])));
  const { tensors } = readSafetensors(file);
  assert.equal([...tensors.keys()].sort(), [...names].sort());
  names.forEach((name, i) => assert.equal([...tensors.get(name)!.bytes], [i], name));
  assert.is(({} as Record<string, unknown>)['dtype'], undefined);
});

test('zero elements and scalars are allowed', () => {
  const { tensors } = readSafetensors(writeSafetensors([stored('none', 'F32', [0, 7], []), stored('scalar', 'F32', [], [0, 0, 128, 63]), stored('also none', 'F32', [3, 0], [])]));
  assert.is(tensors.get('none')!.bytes.length, 0);
  assert.equal([...elementsOfStored(tensors.get('scalar')!)], [1]);
  assert.is(tensors.size, 3);
});

test('written bytes depend on values only, not on the order of arguments', () => {
  const tensors = [stored('b', 'F16', [2], [1, 2, 3, 4]), stored('a', 'U8', [3], [1, 2, 3]), stored('c', 'F32', [1], [0, 0, 128, 63])];
  const [one, other] = [writeSafetensors(tensors, new Map([['y', '2'], ['x', '1']])), writeSafetensors(tensors.toReversed(), new Map([['x', '1'], ['y', '2']]))];
  assert.equal(one, other);
  const read = readSafetensors(one);
  assert.equal([...read.metadata], [['x', '1'], ['y', '2']]);
  assert.equal([...read.tensors.keys()], ['c', 'b', 'a']);
  assert.is(new DataView(one.buffer).getBigUint64(0, true) % 8n, 0n);
});

test('aligned tensors are views of the file, others are copied; the values are the same', () => {
  const file = writeSafetensors([stored('w', 'F32', [2], [0, 0, 128, 63, 0, 0, 0, 64])]);
  const view = elementsOfStored(readSafetensors(file).tensors.get('w')!);
  assert.is(view.buffer, file.buffer);
  assert.equal([...view], [1, 2]);
  for (const shifted of [new Uint8Array(file.length + 1), Buffer.alloc(file.length + 1)]) {
    shifted.set(file, 1);
    const copy = elementsOfStored(readSafetensors(shifted.subarray(1)).tensors.get('w')!);
    assert.is.not(copy.buffer, shifted.buffer);
    assert.equal([...copy], [1, 2]);
  }
});

test('bytes of a Buffer come out as plain arrays', () => {
  const file = Buffer.from(writeSafetensors([stored('w', 'U8', [2], [7, 8])]));
  assert.equal(elementsOfStored(readSafetensors(file).tensors.get('w')!), Uint8Array.of(7, 8));
});

test('a type that no format stores is refused when it is asked for', () => {
  const { tensors } = readSafetensors(writeSafetensors([stored('x', 'I64', [1], new Uint8Array(8))]));
  assert.throws(() => elementsOfStored(tensors.get('x')!), /tensor "x" has the dtype I64; F32, F16/);
});

test('the writer refuses what no reader would take', () => {
  assert.throws(() => writeSafetensors([stored('a', 'F32', [2], [1, 2, 3, 4])]), /tensor "a" has 4 bytes, but F32 of shape \[2\] needs 8/);
  assert.throws(() => writeSafetensors([stored('a', 'U8', [1], [1]), stored('a', 'U8', [1], [1])]), /"a" cannot be written: the name is there twice/);
  assert.throws(() => writeSafetensors([stored('__metadata__', 'U8', [1], [1])]), /reserved/);
});

test('files of the reference implementation are read, and come back tensor by tensor', () => {
  const folder = new URL('../fixtures/bitsandbytes/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
  assert.ok(files.length >= 9);
  for (const name of files) {
    const { tensors } = readSafetensors(readFileSync(new URL(name, folder)), name);
    const again = readSafetensors(writeSafetensors(tensors.values())).tensors;
    assert.is(again.size, tensors.size);
    for (const [key, tensor] of tensors) assert.ok(Buffer.from(tensor.bytes).equals(again.get(key)!.bytes), key);
  }
});

test.run();
