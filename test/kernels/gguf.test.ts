/** Reading GGUF: files of another implementation tensor by tensor, every type bit by bit, and every lie refused with its reason. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readGguf } from '../../kernels/gguf.ts';
import { tensorTypes } from '../../kernels/gguf/tensor-types.ts';
import { fromBf16, fromFp16 } from '../../kernels/half.ts';
import { viewAs } from '../../kernels/safetensors.ts';
import { ggufOf, text, u32, u64, type GgufToWrite } from './write-gguf.ts';

const types = readFileSync(new URL('../fixtures/gguf/types.gguf', import.meta.url));

for (const type of tensorTypes) {
  test(`${type.name}: the values of ggml's Python package, bit for bit`, () => {
    const { tensors } = readGguf(types);
    const [tensor, expected] = [tensors.get(type.name)!, tensors.get(`${type.name}.expected`)!];
    assert.is(tensor.type, type);
    assert.equal(tensor.shape, expected.shape);
    assert.is(tensor.byteLength, tensor.elements / type.blockElements * type.blockBytes);
    const decoded = type.decode(tensor.bytes);
    const values = decoded instanceof Float32Array ? decoded : type.format === 'fp16' ? fromFp16(decoded) : fromBf16(decoded);
    assert.is(values.length, tensor.elements);
    const wrong = values.findIndex((value, i) => !Object.is(value, viewAs(Float32Array, expected.bytes)[i]));
    assert.is(wrong, -1, `element ${wrong}`);
  });
}

test('types have one number and one name each', () => {
  assert.is(new Set(tensorTypes.map(({ id }) => id)).size, tensorTypes.length);
  assert.is(new Set(tensorTypes.map(({ name }) => name)).size, tensorTypes.length);
});

const F32 = 0;
const Q4_0 = 2;
const four = { name: 'a', axes: [4], type: F32, bytes: new Uint8Array(16) };

test('metadata of every type is read as what is asked for', () => {
  const { metadata, version, tensors } = readGguf(ggufOf({
    version: 2,
    metadata: [
      ['text', 'Größe'], ['count', 7], ['negative', -7], ['real', 0.5], ['flag', true], ['long', { type: 10, bytes: u64(2n ** 40n) }], ['huge', { type: 10, bytes: u64(2n ** 63n) }],
      ['texts', ['a', '', '漢']], ['numbers', [1, -2]], ['reals', [0.5, 1.5]], ['none', { type: 9, bytes: Buffer.concat([u32(8), u64(0)]) }], ['nan', { type: 6, bytes: Buffer.of(0, 0, 0xc0, 0x7f) }], ['__proto__', 'data'],
    ],
    tensors: [four],
  }));
  assert.is(version, 2);
  assert.is(metadata.text('text'), 'Größe');
  assert.is(metadata.text('__proto__'), 'data');
  assert.is(metadata.text('toString'), undefined);
  assert.is(metadata.count('count'), 7);
  assert.is(metadata.number('negative'), -7);
  assert.is(metadata.number('real'), 0.5);
  assert.is(metadata.flag('flag'), true);
  assert.is(metadata.count('long'), 2 ** 40);
  assert.equal(metadata.texts('texts'), ['a', '', '漢']);
  assert.equal(metadata.numbers('numbers'), [1, -2]);
  assert.equal(metadata.numbers('reals'), [0.5, 1.5]);
  assert.equal(metadata.texts('none'), []);
  assert.is(metadata.length('texts'), 3);
  for (const [ask, reason] of [
    [() => metadata.count('text'), /"text" is string "Größe"; it must be a finite number/], [() => metadata.count('negative'), /whole number from 0/], [() => metadata.count('real'), /whole number/],
    [() => metadata.count('huge'), /whole number/], [() => metadata.number('nan'), /finite/], [() => metadata.text('texts'), /"texts" is a list of string; it must be text/], [() => metadata.texts('numbers'), /list of texts/],
    [() => metadata.flag('count'), /true or false/], [() => metadata.numbers('texts'), /list of numbers/],
  ] as const) assert.throws(ask, reason);
  assert.equal([...tensors.keys()], ['a']);
});

test('shapes are the reverse of axes, and bytes are the file’s', () => {
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => i);
  const { tensors } = readGguf(ggufOf({ tensors: [{ name: 'm', axes: [3, 2], type: F32, bytes }, four], alignment: 64, metadata: [['general.alignment', 64]] }));
  assert.equal(tensors.get('m')!.shape, [2, 3]);
  assert.equal([...tensors.get('m')!.bytes], [...bytes]);
});

const tensorOf = (axes: readonly (number | bigint)[], type: number, bytes: number, offset?: number | bigint): GgufToWrite => ({ tensors: [{ name: 'w', axes, type, bytes: new Uint8Array(bytes), ...(offset === undefined ? {} : { offset }) }] });
const withValue = (type: number, ...bytes: readonly Uint8Array[]): GgufToWrite => ({ metadata: [['k', { type, bytes: Buffer.concat(bytes) }]], tensors: [four] });
const list = (type: number, count: bigint, ...items: readonly Uint8Array[]): GgufToWrite => withValue(9, u32(type), u64(count), ...items);

/** What is wrong -> the file, and what must be said of it. */
export const HOSTILE_GGUF: { readonly [what: string]: readonly [Uint8Array, RegExp] } = {
  'nothing': [new Uint8Array(0), /0 bytes; a file has at least 24/],
  'only a magic': [Buffer.from('GGUF'), /4 bytes/],
  'another magic': [ggufOf({ magic: 'GGML', tensors: [four] }), /does not begin with "GGUF"/],
  'version 1': [ggufOf({ version: 1, tensors: [four] }), /the version is 1; 2 and 3/],
  'version 4': [ggufOf({ version: 4, tensors: [four] }), /the version is 4/],
  'big-endian': [ggufOf({ version: 0x0300_0000, tensors: [four] }), /big-endian/],
  '2^64 - 1 tensors': [ggufOf({ claims: { tensors: 2n ** 64n - 1n } }), /number of tensors is 18446744073709551615; at most 65536/],
  'more tensors than bytes': [ggufOf({ claims: { tensors: 1000n } }), /number of tensors is 1000, which needs 32000 bytes/],
  'more values than bytes': [ggufOf({ claims: { values: 60_000n } }), /number of metadata values is 60000, which needs/],
  '2^40 values': [ggufOf({ claims: { values: 2n ** 40n } }), /at most 65536/],
  'a key of 2^63 bytes': [ggufOf({ claims: { values: 1n }, places: u64(2n ** 63n), after: 32 }), /the length of metadata key 1 of 1 is 9223372036854775808; at most 65535/],
  'a key longer than the file': [ggufOf({ claims: { values: 1n }, places: u64(60_000), after: 32 }), /the length of metadata key 1 of 1 is 60000, which needs 60000 bytes/],
  'an empty key': [ggufOf({ metadata: [['', 1]], tensors: [four] }), /key 1 is empty/],
  'a key that is no UTF-8': [ggufOf({ claims: { values: 1n }, places: Buffer.concat([u64(2), Buffer.of(0xff, 0xfe), u32(4), u32(1)]) }), /key 1 of 1 is not UTF-8/],
  'a key twice': [ggufOf({ metadata: [['k', 1], ['k', 2]], tensors: [four] }), /names "k" twice/],
  '__proto__ twice': [ggufOf({ metadata: [['__proto__', 1], ['__proto__', 2]], tensors: [four] }), /names "__proto__" twice/],
  'an unknown type of value': [ggufOf(withValue(13, u32(0))), /the type of "k" is 13; known are 0 to 12/],
  'a flag of 2': [ggufOf(withValue(7, Buffer.of(2))), /"k" is a flag of 2/],
  'a text longer than the file': [ggufOf(withValue(8, u64(5000))), /the length of "k" is 5000, which needs/],
  'a text that is no UTF-8': [ggufOf(withValue(8, u64(1), Buffer.of(0xc0))), /"k" is not UTF-8/],
  'a list of lists': [ggufOf(list(9, 1n, u32(4), u64(1), u32(1))), /"k" is a list of lists/],
  'lists a thousand deep': [ggufOf(withValue(9, ...Array.from({ length: 1000 }, () => Buffer.concat([u32(9), u64(1)])))), /list of lists/],
  'a list of unknown things': [ggufOf(list(99, 1n, u32(4))), /items of "k" is 99/],
  'a list of 2^62 numbers': [ggufOf(list(4, 2n ** 62n)), /number of items of "k" is 4611686018427387904; at most/],
  'a list longer than the file': [ggufOf(list(12, 100n)), /number of items of "k" is 100, which needs 800 bytes/],
  'texts that run out of the file': [ggufOf(list(8, 2n, text('a'), u64(4000))), /the length of item 2 of "k" is 4000/],
  'an alignment of 0': [ggufOf({ metadata: [['general.alignment', 0]], tensors: [four] }), /general.alignment is 0; it must be a power of two/],
  'an alignment of 24': [ggufOf({ metadata: [['general.alignment', 24]], tensors: [four] }), /general.alignment is 24/],
  'an alignment of 2^31': [ggufOf({ metadata: [['general.alignment', 2 ** 31]], tensors: [four] }), /general.alignment is 2147483648/],
  'a negative alignment': [ggufOf({ metadata: [['general.alignment', -32]], tensors: [four] }), /"general.alignment" is number -32/],
  'an alignment in words': [ggufOf({ metadata: [['general.alignment', 'wide']], tensors: [four] }), /"general.alignment" is string "wide"/],
  'a tensor twice': [ggufOf({ tensors: [four, four] }), /"a" is there twice/],
  'a tensor without dimensions': [ggufOf(tensorOf([], F32, 4)), /has 0 dimensions; 1 to 4/],
  'a tensor of 5 dimensions': [ggufOf(tensorOf([1, 1, 1, 1, 1], F32, 4)), /has 5 dimensions/],
  'a rank of 2^32 - 1': [ggufOf({ claims: { tensors: 1n }, places: Buffer.concat([text('w'), u32(2 ** 32 - 1), u64(1), u32(0), u64(0)]), after: 64 }), /4294967295 dimensions/],
  'a dimension of 0': [ggufOf(tensorOf([0, 4], F32, 16)), /dimensions \[0, 4\], which hold nothing/],
  'dimensions whose product is 2^64': [ggufOf(tensorOf([2n ** 32n, 2n ** 32n], F32, 16)), /needs 73786976294838206464 bytes, but only/],
  'dimensions whose product overflows to 4': [ggufOf(tensorOf([2n ** 63n + 2n, 2], F32, 16)), /needs 73786976294838206480 bytes/],
  'a dimension of 2^64 - 1': [ggufOf(tensorOf([2n ** 64n - 1n], F32, 16)), /needs 73786976294838206460 bytes/],
  'rows that are no whole blocks': [ggufOf(tensorOf([33], Q4_0, 36)), /rows of 33, which Q4_0 cannot cut into blocks of 32/],
  'an unknown type of tensor': [ggufOf(tensorOf([4], 4711, 16)), /"w" has the type 4711; F32, F16/],
  'a type that is not read': [ggufOf(tensorOf([256], 23, 136)), /"w" has the type IQ4_XS; F32, F16, BF16, Q4_0/],
  'an offset beyond the file': [ggufOf(tensorOf([4], F32, 16, 2 ** 20)), /begins at 1048576, but only/],
  'an offset of 2^64 - 32': [ggufOf(tensorOf([4], F32, 16, 2n ** 64n - 32n)), /begins at 18446744073709551584/],
  'an offset between steps': [ggufOf(tensorOf([4], F32, 32, 16)), /"w" begins at 16; it must begin at 0/],
  'a hole before the first': [ggufOf(tensorOf([4], F32, 64, 32)), /"w" begins at 32; it must begin at 0.*without holes/],
  'two tensors in one place': [ggufOf({ tensors: [four, { ...four, name: 'b', offset: 0 }] }), /begins at 0; it must begin at 32.*without overlap/],
  'tensors that overlap': [ggufOf({ tensors: [{ ...four, axes: [16], bytes: new Uint8Array(64) }, { ...four, name: 'b', offset: 32 }] }), /"b" begins at 32; it must begin at 64.*without overlap/],
  'a hole': [ggufOf({ tensors: [four, { ...four, name: 'b', offset: 64, bytes: new Uint8Array(64) }] }), /"b" begins at 64; it must begin at 32.*without holes/],
  'fewer bytes than the tensor needs': [ggufOf(tensorOf([40], F32, 159)), /ends at \d+, but the file has \d+ bytes; it is cut short/],
  'bytes after the last': [ggufOf({ tensors: [four], after: 200 }), /bytes follow the last tensor/],
  'a name that is no UTF-8': [ggufOf({ claims: { tensors: 1n }, places: Buffer.concat([u64(1), Buffer.of(0x80), u32(1), u64(4), u32(0), u64(0)]), after: 64 }), /the name of tensor 1 of 1 is not UTF-8/],
  'a name of 2^20 bytes': [ggufOf({ claims: { tensors: 1n }, places: u64(2 ** 20), after: 64 }), /the length of the name of tensor 1 of 1 is 1048576; at most 4096/],
};

for (const [what, [file, reason]] of Object.entries(HOSTILE_GGUF)) {
  test(`refused: ${what}`, () => assert.throws(() => readGguf(file, 'x.gguf'), (error: Error) => {
    assert.match(error.message, reason);
    return error.message.startsWith('x.gguf: ');
  }));
}

test('refused in every truncation', () => {
  const file = ggufOf({ metadata: [['k', 'v'], ['l', ['a', 'b']]], tensors: [four, { ...four, name: 'b' }] });
  readGguf(file);
  for (let length = 0; length < file.length; length++) assert.throws(() => readGguf(file.subarray(0, length)), (error: Error) => error.message.startsWith('GGUF: '), `cut to ${length}`);
});

test('names that mean something elsewhere are only names', () => {
  const names = ['__proto__', 'constructor', '../../x', '<img onerror=alert(1)>', 'a"b\\c', '\u2028', 'é漢😀', '7'];
  const { tensors } = readGguf(ggufOf({ tensors: names.map((name, i) => ({ ...four, name, bytes: new Uint8Array(16).fill(i) })) }));
  assert.equal([...tensors.keys()], names);
  names.forEach((name, i) => assert.is(tensors.get(name)!.bytes[0], i));
});

test.run();
