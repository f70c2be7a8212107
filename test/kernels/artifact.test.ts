import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { quantizeModel, readArtifact } from '../../kernels/artifact.ts';
import { openCheckpoint, type Checkpoint } from '../../kernels/checkpoint.ts';
import { encodedBytes, formatNamed, formats } from '../../kernels/formats.ts';
import { NotFinite } from '../../kernels/ops.ts';
import { readSafetensors, writeSafetensors, type StoredTensor } from '../../kernels/safetensors.ts';

const read = (path: string): Buffer => readFileSync(new URL(`../../${path}`, import.meta.url));
const open = (folder: string): Checkpoint => openCheckpoint({ config: read(`${folder}/config.json`), weights: read(`${folder}/model.safetensors`) });
const tiny = open('test/fixtures/bitsandbytes/models/llama');
const linearNames = (checkpoint: Checkpoint): string[] => checkpoint.names.filter((name) => name.includes('_proj.'));

for (const format of formats) {
  test(`${format.name}: what is written is read, and is what the format encodes`, () => {
    const names = linearNames(tiny);
    assert.is(names.length, 14);
    const quantized = quantizeModel(tiny, names, format);
    const tensors = readArtifact(quantized.bytes);
    assert.equal([...tensors.keys()], names);
    for (const name of names) assert.equal(tensors.get(name), format.encode(tiny.tensor(name)), name);
    assert.equal(quantizeModel(tiny, names, format), quantized, 'again, the same');
  });

  test(`${format.name}: the report adds up`, () => {
    const names = linearNames(tiny);
    const { errors, linearWeights, linearBytes } = quantizeModel(tiny, names, format);
    assert.equal(errors.map(({ tensor }) => tensor), names);
    assert.is(linearWeights, names.reduce((sum, name) => sum + tiny.tensor(name).values.length, 0));
    assert.is(linearBytes, names.reduce((sum, name) => sum + encodedBytes(format.encode(tiny.tensor(name))), 0));
    for (const { tensor, weights, bytes, relativeRmsError, maxAbsError } of errors) {
      const original = tiny.tensor(tensor).values;
      const decoded = format.decode(format.encode(tiny.tensor(tensor)));
      const differences = [...decoded].map((value, i) => Math.abs(value - original[i]!));
      assert.is(weights, original.length);
      assert.is(bytes, encodedBytes(format.encode(tiny.tensor(tensor))));
      assert.is(maxAbsError, Math.max(...differences));
      const rms = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      assert.ok(Math.abs(relativeRmsError - rms(differences) / rms([...original])) <= 1e-12 * relativeRmsError);
      assert.is(relativeRmsError === 0, format.name === 'fp32');
    }
  });
}

for (const [folder, isAnnounced] of [['data/models/novel-1m', true], ['test/fixtures/bitsandbytes/models/llama', false]] as const) {
  test(`${folder}: tensors are read in the order of their file, ${isAnnounced ? 'and announced' : 'and not announced: two in fp32 would be more than one tensor\'s copy'}; the report has the order of the names`, () => {
    const file = read(`${folder}/model.safetensors`);
    const asked: number[] = [];
    const announced: number[] = [];
    let ended = false;
    const checkpoint = openCheckpoint({
      config: read(`${folder}/config.json`),
      weights: {
        bytes: file.length,
        read(offset, length) { assert.not(ended); asked.push(offset); return file.subarray(offset, offset + length); },
        readNext: (offset) => { announced.push(offset); },
        readNoMore: () => { ended = true; },
      },
    });
    asked.length = 0;
    const names = linearNames(checkpoint).reverse();
    const made = quantizeModel(checkpoint, names, formatNamed('nf4'));
    assert.equal(made, quantizeModel(open(folder), names, formatNamed('nf4')));
    assert.equal(made.errors.map(({ tensor }) => tensor), names);
    assert.equal([asked.length, asked], [names.length, [...asked].sort((a, b) => a - b)]);
    assert.equal(announced, isAnnounced ? asked.slice(1) : []);
    assert.ok(ended);
  });
}

test('the block size is kept without being asked for again', () => {
  const names = linearNames(tiny).slice(0, 2);
  for (const name of ['nf4', 'fp4-dq']) {
    const sizes = [32, 64, 256, 4096].map((blockSize) => {
      const { bytes } = quantizeModel(tiny, names, formatNamed(name), { blockSize });
      assert.is(readSafetensors(bytes).metadata.get('bitwidth.block_size'), String(blockSize));
      for (const [tensor, encoded] of readArtifact(bytes)) {
        assert.equal(formatNamed(name).decode(encoded), formatNamed(name).decode(formatNamed(name).encode(tiny.tensor(tensor), { blockSize })));
      }
      return bytes.length;
    });
    assert.ok(sizes.every((size, i) => i === 0 || size < sizes[i - 1]!));
  }
});

test('lossless are the checkpoint’s own type and what widens it, and no other', () => {
  const checkpoint = open('data/models/novel-1m');
  const names = linearNames(checkpoint).slice(0, 4);
  assert.equal(formats.filter((format) => quantizeModel(checkpoint, names, format).lossless).map(({ name }) => name), ['fp32', 'fp16']);
  // Codes that happen to give every weight back are still multiplied otherwise.
  const rows = Float32Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? 127 : -127));
  const file = writeSafetensors([{ name: 'w', dtype: 'F32', shape: [1, 64], bytes: new Uint8Array(rows.buffer) }]);
  const exact = openCheckpoint({ config: new TextEncoder().encode('{"model_type":"llama"}'), weights: file });
  assert.is(quantizeModel(exact, ['w'], formatNamed('int8')).errors[0]!.maxAbsError, 0);
  assert.is(quantizeModel(exact, ['w'], formatNamed('int8')).lossless, false);
});

test('a zero that loses its sign is no lossless weight, though it has no error', () => {
  const file = writeSafetensors([{ name: 'w', dtype: 'F32', shape: [1, 64], bytes: new Uint8Array(new Float32Array(64).fill(-0).buffer) }]);
  const checkpoint = openCheckpoint({ config: new TextEncoder().encode('{"model_type":"llama"}'), weights: file });
  const { errors: [error], lossless } = quantizeModel(checkpoint, ['w'], formatNamed('nf4'));
  assert.is(error!.maxAbsError, 0);
  assert.is(lossless, false);
  assert.is(quantizeModel(checkpoint, ['w'], formatNamed('fp16')).lossless, true);
});

test('a whole bundled model has the errors that its formats are known for', () => {
  const checkpoint = open('data/models/novel-1m');
  const worst = Object.fromEntries(formats.map((format) => [format.name, Math.max(...quantizeModel(checkpoint, linearNames(checkpoint), format).errors.map((error) => error.relativeRmsError))]));
  assert.is(worst['fp16'], 0);
  const { bf16, int8, nf4, 'nf4-dq': nf4dq, fp4, 'fp4-dq': fp4dq } = worst as Record<string, number>;
  assert.ok(0 < bf16! && bf16! < 0.002 && int8! < 0.02 && nf4! < 0.11 && fp4! < 0.14, JSON.stringify(worst));
  assert.ok(bf16! < int8! && int8! < nf4! && nf4! < fp4! && nf4! <= nf4dq! && fp4! <= fp4dq!, JSON.stringify(worst));
});

test('a tensor of zeros has no error', () => {
  const bytes = new Uint8Array(4 * 128);
  const checkpoint = openCheckpoint({ config: Buffer.from('{"model_type":"llama"}'), weights: writeSafetensors([{ name: 'w', dtype: 'F32', shape: [2, 64], bytes }]) });
  for (const format of formats) {
    const { errors } = quantizeModel(checkpoint, ['w'], format);
    assert.equal([errors[0]!.relativeRmsError, errors[0]!.maxAbsError], [0, 0], format.name);
  }
});

test('names that are missing or there twice, and weights that are not finite, are refused', () => {
  const nf4 = formatNamed('nf4');
  assert.throws(() => quantizeModel(tiny, ['nowhere'], nf4), /has no tensor "nowhere"/);
  const [first] = linearNames(tiny);
  assert.throws(() => quantizeModel(tiny, [first!, first!], nf4), /named twice/);
  const values = new Uint8Array(Float32Array.of(1, NaN).buffer);
  const checkpoint = openCheckpoint({ config: Buffer.from('{"model_type":"llama"}'), weights: writeSafetensors([{ name: 'w', dtype: 'F32', shape: [1, 2], bytes: values }]) });
  assert.throws(() => quantizeModel(checkpoint, ['w'], nf4), (error: Error) => error instanceof NotFinite && error.what === 'w');
});

test('an artifact that is damaged or of another kind is refused with what is wrong', () => {
  const name = 'model.layers.0.self_attn.q_proj.weight';
  const { metadata, tensors } = readSafetensors(quantizeModel(tiny, [name], formatNamed('nf4')).bytes);
  const parts = [...tensors.values()];
  const withMetadata = (changes: Record<string, string>): Uint8Array => writeSafetensors(parts, new Map([...metadata, ...Object.entries(changes)]));
  const withParts = (changed: readonly StoredTensor[]): Uint8Array => writeSafetensors(changed, metadata);
  const absmax = parts.find((part) => part.name.endsWith('.absmax'))!;
  const others = parts.filter((part) => part !== absmax);
  const refused: [Uint8Array, RegExp][] = [
    [writeSafetensors(parts), /artifact version none; 1 can be read/],
    [withMetadata({ 'bitwidth.artifact': '2' }), /artifact version 2; 1 can be read/],
    [withMetadata({ 'bitwidth.format': 'nf5' }), /unknown format "nf5"/],
    [withMetadata({ 'bitwidth.format': 'nf4-dq' }), /2 parts; 1 tensors of nf4-dq have codes, absmax_codes/],
    [withMetadata({ 'bitwidth.format': 'int8' }), /has no part scales/],
    [withMetadata({ 'bitwidth.shapes': '' }), /bitwidth\.shapes is not JSON/],
    [withMetadata({ 'bitwidth.shapes': '[]' }), /not an object of shapes/],
    [withMetadata({ 'bitwidth.shapes': `{"${name}":[-1]}` }), /not a list of whole numbers/],
    [withMetadata({ 'bitwidth.shapes': '{"other":[64,64]}' }), /other has no part codes/],
    [withParts(others), /1 parts; 1 tensors of nf4 have codes, absmax each/],
    [withParts([...others, { ...absmax, bytes: new Uint8Array(absmax.bytes.length).fill(0xff) }]), /absmax has 64 values that are not finite/],
    [withParts([...others, { ...absmax, dtype: 'I32' }]), /absmax is I32; no part is/],
    [new Uint8Array(9), /artifact: /],
  ];
  for (const [file, reason] of refused) assert.throws(() => readArtifact(file), reason);
  const ofOtherShape = readArtifact(withMetadata({ 'bitwidth.shapes': `{"${name}":[64,63]}` })).get(name)!;
  assert.throws(() => formatNamed('nf4').decode(ofOtherShape), /part codes is Uint8Array of 2048; nf4 of shape \[64, 63\] needs Uint8Array of 2016/);
});

test.run();
