/** Independent judges from PyPI (requirements.txt): `.ci/run` puts them into an environment of their own and names its Python in BITWIDTH_ORACLES. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Some print colours into files where a variable asks for them, whatever its value. */
const { FORCE_COLOR: _, ...env } = process.env;
const run = (file: string, args: readonly string[]) => promisify(execFile)(file, args, { env });
const PYTHON = process.env['BITWIDTH_ORACLES'] ?? 'python3';

/** Why they cannot judge here; undefined: they can. */
export async function absent(module: string): Promise<string | undefined> {
  try {
    await run(PYTHON, ['-c', `import ${module}`]);
    return undefined;
  } catch {
    return `no Python with ${module}; pip install -r test/oracles/requirements.txt, and name that Python in BITWIDTH_ORACLES`;
  }
}

/** The only known one: it takes every class whose name holds "Software" for an entity of the crate (process-run-crate-0.5, check 5.1). */
const VALIDATOR_BUG = 'process-run-crate-0.5_5.1';

/**
 * What the validator of crates finds at REQUIRED and RECOMMENDED. It cannot fetch the standard's list of terms, so it is given a copy of the
 * site in which the crate's own list stands alone.
 */
export async function crateFindings(site: string): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-crate-'));
  try {
    cpSync(site, join(folder, 'site'), { recursive: true });
    const crate = JSON.parse(readFileSync(join(site, 'ro-crate-metadata.json'), 'utf8')) as { '@context': unknown[] };
    writeFileSync(join(folder, 'site/ro-crate-metadata.json'), JSON.stringify({ ...crate, '@context': crate['@context'].find((one) => typeof one === 'object') }));
    // The program lies beside its Python.
    await run(join(dirname(PYTHON), 'rocrate-validator'), ['--disable-color', '--no-interactive', 'validate', '--offline', '-l', 'RECOMMENDED', '-p', 'provenance-run-crate-0.5', '-f', 'json', '-o', join(folder, 'found.json'), join(folder, 'site')]).catch(() => undefined);
    const { issues } = JSON.parse(readFileSync(join(folder, 'found.json'), 'utf8')) as { issues: readonly { readonly check: { readonly identifier: string }; readonly message: string; readonly severity: string }[] };
    return [...new Set(issues.filter(({ check }) => check.identifier !== VALIDATOR_BUG).map(({ check, message, severity }) => `${severity} ${check.identifier}: ${message}`))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Empty where the statement is one by in-toto's own definitions. */
export async function statementFinding(file: string): Promise<string> {
  try {
    const { stdout } = await run(PYTHON, [fileURLToPath(new URL('statement.py', import.meta.url)), file]);
    return stdout.trim() === 'valid' ? '' : stdout;
  } catch (error) {
    return (error as Error).message;
  }
}
