/** Quantizes a checkpoint in shards, file to file, and prints what memory that took; for memory.test.ts. Arguments: the format, the artifact's path, config.json, the shards. */
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { quantizeTo } from '../../kernels/artifact.ts';
import { fileSource } from '../../kernels/byte-source.ts';
import { openCheckpoint } from '../../kernels/checkpoint.ts';
import { formatNamed } from '../../kernels/formats.ts';
import { architectureOf } from '../../kernels/models.ts';

const [format, to, config, ...shards] = process.argv.slice(2) as [string, string, string, ...string[]];
const maxRss = (): number => process.resourceUsage().maxRSS * 1024;
const checkpoint = openCheckpoint({ config: readFileSync(config), weights: shards.map(fileSource) });
const file = openSync(to, 'w');
const before = maxRss();
const { errors, linearWeights } = quantizeTo({
  begin: (bytes) => ftruncateSync(file, bytes),
  write: (offset, bytes) => { writeSync(file, bytes, 0, bytes.length, offset); },
}, checkpoint, architectureOf(checkpoint).linearNames, formatNamed(format));
closeSync(file);
const during = maxRss() - before;
const sha256 = createHash('sha256').update(readFileSync(to)).digest('hex');
console.log(JSON.stringify({ errors, linearWeights, sha256, during }));
