/** The ONNX models that are written for a peer, held to their specification by hand; that the peer reads them the bench itself checks. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { onnxChain } from './peers/onnx-model.ts';

test('an ONNX model: fields with their numbers, lengths as varints, a chain through one activation', () => {
  const product = { op: 'MatMul', domain: '', constants: [{ dims: [200, 200], data: new Float32Array(40_000).fill(1) }], attributes: { K: 300 } };
  const model = Buffer.from(onnxChain(200, [product, product]));
  assert.equal([...model.subarray(0, 2)], [0x08, 8]);
  // K = 300: name (1), i (3) as the varint ac 02, type (20) INT.
  assert.ok(model.includes(Buffer.from([0x0a, 1, 0x4b, 0x18, 0xac, 0x02, 0xa0, 0x01, 2])));
  // raw_data (9) of 160,000 bytes: the varint 80 e2 09, twice.
  assert.ok(model.indexOf(Buffer.from([0x4a, 0x80, 0xe2, 0x09])) < model.lastIndexOf(Buffer.from([0x4a, 0x80, 0xe2, 0x09])));
  // The first node's input x and output h1 (h1 is the second's input).
  assert.ok(model.includes(Buffer.from([0x0a, 1, 0x78])) && model.includes(Buffer.from([0x12, 2, 0x68, 0x31])) && model.includes(Buffer.from([0x0a, 2, 0x68, 0x31])));
});

test.run();
