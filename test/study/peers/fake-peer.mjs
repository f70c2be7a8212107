#!/usr/bin/env node
/**
 * A peer of no weight: it speaks the protocol of stages/quantization/peers/protocol.ts, and, as its mode says, breaks it. Its "model" gives token
 * (t + 1) mod 2048 after token t. Started as Python would be (`-I program.py`, or `-c ...` for what is installed), it stands in for an interpreter.
 */
import { createInterface } from 'node:readline';

const mode = process.env.FAKE_PEER ?? process.argv[2] ?? 'good';
const VOCABULARY = 2048;
const PACKAGES = { transformers: '5.0.0', torch: '2.9.0', bitsandbytes: '0.50.2' };
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const forever = () => setInterval(() => undefined, 1000);

if (process.argv.includes('-c')) {
  if (mode === 'no-packages') say({ python: '3.11.2', packages: {} });
  else if (mode === 'old') say({ python: '3.11.2', packages: { ...PACKAGES, transformers: '4.20.1' } });
  else if (mode === 'broken-python') process.exit(3);
  else say({ python: '3.11.2', packages: PACKAGES });
} else if (mode === 'silent') forever();
else if (mode === 'exits') { process.stderr.write('ImportError: libtorch.so not found in /opt/someone/lib/python\n'); process.exitCode = 7; }
else if (mode === 'chatters') process.stdout.write('Loading weights: 100%\n');
else if (mode === 'other-version') say({ 'bitwidth-peer': 2, packages: {}, device: 'cpu', settings: {} });
else if (mode === 'endless-line') { const piece = 'x'.repeat(1 << 20); const more = () => { while (process.stdout.write(piece)); process.stdout.once('drain', more); }; more(); }
else {
  say({ 'bitwidth-peer': 1, packages: { ...PACKAGES, os: '/opt/someone' }, device: 'cpu: fake', settings: { compute: 'fp32', file: '/opt/someone/model' } });
  createInterface({ input: process.stdin }).on('line', (line) => answer(JSON.parse(line))).on('close', () => { if (mode !== 'stays') process.exit(0); });
  if (mode === 'stays') forever();
}

function answer({ id, ask, tokens = [], rowsAtOnce = 1, newTokens = 0, prompt = [], ...question }) {
  const done = (value) => say({ id, done: value });
  if (ask === 'open') return done({});
  if (ask === 'clock') return done({ cpuMs: Math.round(process.cpuUsage().user / 1000) });
  if (ask === 'load') {
    if (mode === 'hangs-loading') return forever();
    if (mode === 'cannot') return say({ id, failed: { code: 'bad-input', sentence: 'ValueError: no such file /opt/someone/model.safetensors\nTraceback' } });
    if (mode === 'no-nf4' && question.format === 'nf4') return say({ id, failed: { code: 'bad-input', sentence: 'KeyError: nf4' } });
    if (mode === 'odd-code') return say({ id, failed: { code: 'rm -rf', sentence: 'x' } });
    if (mode === 'greedy') { globalThis.held = Array.from({ length: 4096 }, (_, i) => Buffer.alloc(1 << 20, i & 255)); return forever(); }
    return done({
      vocabulary: mode === 'no-vocabulary' ? -1 : VOCABULARY, computes: { weights: question.format, activations: 'fp32', head: 'fp32' },
      weights: { linearWeights: 1000, linearBytes: 4000, otherWeights: 10, otherBytes: 40 },
      stored: mode === 'false-sums' ? { weight: 'abc' } : mode === 'prototype' ? JSON.parse(`{"__proto__": "${'0'.repeat(64)}"}`) : {},
    });
  }
  if (ask === 'logits') {
    if (mode === 'mortal') return process.exit(139);
    const rows = mode === 'few-rows' ? tokens.slice(1) : mode === 'many-rows' ? [...tokens, 1] : tokens;
    for (let first = 0; first < rows.length; first += rowsAtOnce) {
      const part = rows.slice(first, first + rowsAtOnce);
      if (mode === 'dies' && first > 0) { process.stderr.write('Segmentation fault\n'); return process.exit(139); }
      if (mode === 'hangs' && first > 0) return forever();
      const values = new Float32Array(part.length * VOCABULARY);
      part.forEach((token, row) => { values[row * VOCABULARY + (token + 1) % VOCABULARY] = mode === 'not-finite' ? NaN : 5; });
      const bytes = Buffer.from(values.buffer).subarray(mode === 'short' ? 4 : 0);
      say({ id: mode === 'other-id' ? id + 1 : id, part: { first, count: part.length, logits: bytes.toString('base64') } });
    }
    return done({});
  }
  // Greedy it counts on from the prompt's last token; drawn, its step is of the seed.
  if (ask === 'generate') {
    if (mode === 'no-texts') return say({ id, failed: { code: 'bad-input', sentence: 'ValueError: no texts' } });
    const step = question.sampling === undefined ? 1 : 1 + question.sampling.seed % 7;
    return done({ tokens: Array.from({ length: newTokens }, (_, i) => (prompt.at(-1) + step * (1 + i)) % VOCABULARY + (mode === 'beyond' ? VOCABULARY : 0)) });
  }
  if (ask === 'time') {
    const time = (count, durationMs) => ({ tokens: count, durationMs, stepsMs: [durationMs] });
    return done({ prefill: time(question.promptTokens, mode === 'no-time' ? 0 : 2), decode: time(tokens.length - question.promptTokens, 4) });
  }
  return done({});
}
