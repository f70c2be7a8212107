/** `attest`: signs the report, and says what that proves. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigurationError, EXIT, count, openResults, openSigner } from '../../stages/dag/index.ts';
import { MANIFEST_FILE } from '../../reports/manifest.ts';
import { signedEnvelope, statementOf } from '../attest.ts';
import { hashOf } from '../pack-format.ts';
import { KEY_FILE, STATEMENT_FILE } from '../../reports/statement.ts';
import type { Command } from '../../stages/dag/index.ts';

const attest: Command = {
  usage: 'bitwidth attest',
  details: 'Signs the report as it was last written: an in-toto statement with SLSA provenance names its list of files, what was read, and the code.\nThe key is made on first use, in ~/.config/bitwidth, for you alone. Statement and public key are put into the report; "check-site" holds it\nto them. What it proves: that who holds this key named these files, the same signer as of any other statement with this key; not who that is.',
  options: {},
  positionals: { min: 0, max: 0 },
  async run({ pipeline, print }) {
    const [site] = pipeline.exports;
    if (site === undefined) throw new ConfigurationError('attest: this project publishes nothing');
    const folder = join(pipeline.root, site.to);
    if (!existsSync(join(folder, MANIFEST_FILE))) throw new ConfigurationError(`attest: ${site.to}/${MANIFEST_FILE} is not there; "bitwidth run" writes the report`);
    const results = await openResults(pipeline);
    try {
      const stale = [...results.cells.values()].filter((cell) => cell.stale !== undefined && cell.record !== undefined);
      if (stale.length > 0) throw new ConfigurationError(`attest: ${count(stale.length, 'result')} would be computed anew, such as ${stale[0]!.cell}; run "bitwidth run" first`);
      const signer = openSigner();
      const statement = statementOf(results, {
        pipeline: pipeline.name, version: versionOf(pipeline.root), subjects: [{ name: MANIFEST_FILE, sha256: hashOf(readFileSync(join(folder, MANIFEST_FILE))) }],
        project: ['package-lock.json', 'pipeline.ts'].filter((path) => existsSync(join(pipeline.root, path))).map((path) => ({ path, bytes: readFileSync(join(pipeline.root, path)) })),
      });
      mkdirSync(join(folder, dirname(STATEMENT_FILE)), { recursive: true });
      write(join(folder, KEY_FILE), signer.publicKey);
      write(join(folder, STATEMENT_FILE), `${JSON.stringify(signedEnvelope(statement, signer))}\n`);
      if (signer.made) print('A key was made in your folder of settings (mode 600). Whoever has it can sign as you: keep it, and back it up.');
      print(`Signed by ${signer.id.slice(0, 16)}: ${site.to}/${STATEMENT_FILE}, with the public key beside it.`);
      print('It proves that the holder of this key named these files: the same signer wherever this key signs. It does not say who that is.');
      return EXIT.done;
    } catch (error) {
      const { code, syscall } = error as NodeJS.ErrnoException;
      if (typeof syscall === 'string') throw new ConfigurationError(`attest: ${site.to} cannot be written (${code})`);
      throw error;
    } finally {
      await results.close();
    }
  },
};
export default attest;

function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function versionOf(root: string): string {
  try {
    return String((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version?: unknown }).version ?? 'unknown');
  } catch {
    return 'unknown';
  }
}
