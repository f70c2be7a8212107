import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { canonicalJson } from '../../stages/dag/canonical.ts';
import { keyOf, partsHash } from '../../stages/dag/key.ts';
import { taggedSha256 } from '../../stages/dag/sha256.ts';
import type { Json, KeyFields } from '../../stages/dag/types.ts';

test('canonical JSON sorts keys by code unit at every depth, keeps the order of arrays and adds no white space', () => {
  assert.is(canonicalJson({ b: [2, 1], a: { z: null, Z: true, '\u00e9': '"\n' } }), '{"a":{"Z":true,"z":null,"\u00e9":"\\"\\n"},"b":[2,1]}');
  assert.is(canonicalJson(JSON.parse('{"__proto__":1,"a":2}')), '{"__proto__":1,"a":2}');
  assert.is(canonicalJson([0.1, 1e21, 1e-7, 5e-324]), '[0.1,1e+21,1e-7,5e-324]');
});

test('canonical JSON reads back as the same value, so two values never share a text', () => {
  const value: Json = { text: 'a\u2028\ud800', list: [[], {}, [null]], n: -1.5e-300 };
  assert.equal(JSON.parse(canonicalJson(value)), value);
});

test('canonical JSON refuses what JSON would change in silence, and says where it stands', () => {
  const refused: [unknown, RegExp][] = [
    [{ a: [1, NaN] }, /\$\.a\[1\] is NaN/], [{ a: Infinity }, /\$\.a is Infinity/], [-0, /\$ is -0/], [{ x: undefined }, /\$\.x is undefined/],
    [[, 1], /\$\[0\] is undefined/], [{ d: new Date(0) }, /\$\.d is a Date/], [new Map(), /is a Map/], [new Uint8Array(1), /is a Uint8Array/],
    [1n, /bigint/], [() => 1, /function/], [Symbol('s'), /symbol/],
  ];
  for (const [value, message] of refused) assert.throws(() => canonicalJson(value as Json), message);
});

const FIELDS: KeyFields = { stage: 's', params: { t: 0.7 }, inputs: { w: 'aa' }, code: 'cc', facts: { adapter: 'x' } };

test('a key is pinned: records made by earlier versions must keep their keys', () => {
  assert.is(keyOf(FIELDS), taggedSha256('key 1', '{"code":"cc","facts":{"adapter":"x"},"inputs":{"w":"aa"},"params":{"t":0.7},"stage":"s"}'));
  assert.is(keyOf(FIELDS), '8aea3dac799dfd5060e8d27079fcdba92f51a9381327bfcb8c2361af1913c627');
});

test('each field of a key counts, the order of parameters does not', () => {
  const variants: KeyFields[] = [
    FIELDS, { ...FIELDS, stage: 't' }, { ...FIELDS, params: { t: 0.8 } }, { ...FIELDS, params: { t: '0.7' } }, { ...FIELDS, inputs: { w: 'ab' } },
    { ...FIELDS, inputs: { v: 'aa' } }, { ...FIELDS, code: 'cd' }, { ...FIELDS, facts: {} }, { ...FIELDS, params: {}, facts: { adapter: 'x', t: '0.7' } },
  ];
  assert.is(new Set(variants.map(keyOf)).size, variants.length);
  assert.is(keyOf({ ...FIELDS, params: { a: 1, b: 2 } }), keyOf({ ...FIELDS, params: { b: 2, a: 1 } }));
});

test('parts of an input count by name, content and order', () => {
  const [a, b] = [{ name: 'a', content: '1' }, { name: 'b', content: '2' }];
  const lists = [[a, b], [b, a], [a], [], [{ name: 'a', content: '2' }, { name: 'b', content: '1' }]];
  assert.is(new Set(lists.map(partsHash)).size, lists.length);
});

test('hashes of different types of things differ for the same text', () => {
  assert.is.not(taggedSha256('key 1', 'x'), taggedSha256('code 1', 'x'));
});

test.run();
