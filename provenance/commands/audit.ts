/** `audit`: where a number, a result or a file of the site comes from, with every link of that checked. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DamagedObject, EXIT, count, openResults } from '../../stages/dag/index.ts';
import { auditNumber } from '../audit-number.ts';
import { chainLines, environmentOf, findingLines, numberLines } from '../audit-report.ts';
import { constantsOf } from '../../reports/cell-facts.ts';
import { chainOf, rerunsOf } from '../chain.ts';
import { elements, parseHtml, textOf } from '../../reports/read-html.ts';
import { readLedger } from '../ledger.ts';
import { targetOf } from '../target.ts';
import type { AuditFinding, Command, Results } from '../../stages/dag/index.ts';
import type { Chain } from '../chain.ts';
import type { NumberAudit } from '../audit-number.ts';
import type { SiteFile, Target } from '../target.ts';

const audit: Command = {
  usage: 'bitwidth audit <number|cell|file> [--run <run>]',
  details: 'Follows a number of the report (by its id, kl_mean.novel-4m.nf4, or by the address of a link), a cell or a file of the site to what it\ncomes from: value, table and SQL, the cell that computed it, its inputs down to the files from outside with their licence, code, machine,\nseeds, who computed it again. Checks every link of that anew, each byte hashed. Exit code 0: every link holds; 3: some do not, and are named.',
  options: {
    run: { type: 'string', value: 'run', summary: 'As it was in a past run: its id, a part of it, "last", or the name under which it is kept' },
    all: { type: 'boolean', summary: 'Tell every cell, file and page, not the first ones only' },
    json: { type: 'boolean', summary: 'Print one JSON object' },
  },
  positionals: { min: 1, max: 1 },
  async run({ pipeline, values, positionals: [text], print }) {
    const which = values['run'];
    const results = await openResults(pipeline, typeof which === 'string' ? which : undefined);
    try {
      const target = await targetOf(text!, results, pipeline.root);
      const ledger = readLedger(pipeline.root);
      const found = target.kind === 'number' ? await auditNumber(target.number, results, pipeline.root) : undefined;
      const site = target.kind === 'file' ? fileAudit(target.file, target.derived) : undefined;
      const chain = await chainOf([target.kind === 'number' ? target.number.cell : target.kind === 'cell' ? target.cell.cell : target.file.cell], results);
      const findings = unique([...found?.findings ?? [], ...site?.findings ?? [], ...chain.findings]);
      const hashed = hashedOf(results, found, site === undefined ? [] : [site.hashedBytes]);
      if (values['json'] === true) print(JSON.stringify({ ...about(target, found), ...chainJson(chain, results, ledger), findings, notes: chain.notes, holds: findings.length === 0, cells: chain.cells.length, ...hashed }));
      else {
        const flags = Object.keys(values).filter((name) => !Object.hasOwn(audit.options, name) && values[name] === true).map((name) => ` --${name}`).join('');
        const options = { results, ledger, all: values['all'] === true, flags };
        const lines = target.kind === 'number' ? numberLines(target.number, found!, options.all) : target.kind === 'cell' ? [target.cell.cell] : site!.lines;
        for (const line of [...lines, ...chainLines(chain, options), '', ...findingLines(findings)]) print(plain(line));
        const size = `${count(chain.cells.length, 'cell')}, ${count(hashed.objects, 'object')}, ${hashed.bytes.toLocaleString('en-US')} bytes hashed`;
        print(findings.length === 0 ? `every link holds (${size})` : `${count(findings.length, 'link')} ${findings.length === 1 ? 'does' : 'do'} not hold (${size})`);
      }
      return findings.length === 0 ? EXIT.done : EXIT.different;
    } catch (error) {
      if (!(error instanceof DamagedObject)) throw error;
      // Not even the tables can be read: nothing can be followed through them.
      print(values['json'] === true ? JSON.stringify({ holds: false, findings: [{ cell: 'store', what: `object ${error.sha256}`, expected: 'its bytes', found: error.what }] }) : `BROKEN store, object ${error.sha256}\n  expected its bytes\n  found    ${error.what}\n1 link does not hold`);
      return EXIT.different;
    } finally {
      await results.close();
    }
  },
};
export default audit;

/** Others' text must not steer a terminal. */
const plain = (line: string): string => line.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '?');

function unique(findings: readonly AuditFinding[]): readonly AuditFinding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}

interface FileAudit { readonly lines: readonly string[]; readonly findings: readonly AuditFinding[]; readonly hashedBytes: number }

/** A published file is what its cell wrote. */
function fileAudit({ path, cell, output, file, published }: SiteFile, derived: string | undefined): FileAudit {
  const broken = (found: string): FileAudit => ({ lines: [path], hashedBytes: 0, findings: [{ cell, what: path, expected: `${file.sha256} (output ${output})`, found }] });
  let bytes: Buffer;
  try {
    bytes = readFileSync(published);
  } catch (error) {
    return broken(`no file (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  const hash = createHash('sha256').update(bytes).digest('hex');
  if (hash !== file.sha256) return { ...broken(hash), hashedBytes: bytes.length };
  const how = derived === undefined ? undefined : [...elements(parseHtml(bytes.toString('utf8')))].find(({ tag, attributes }) => tag === 'li' && attributes.get('id') === derived);
  return {
    lines: [`${path}: output ${output} of ${cell}, ${hash}, ${bytes.length} bytes`, ...(how === undefined ? [] : [`  ${derived!}: a sum of this page's own: ${textOf(how)}`])],
    findings: [], hashedBytes: bytes.length,
  };
}

function hashedOf(results: Results, found: NumberAudit | undefined, others: readonly number[]): { readonly objects: number; readonly bytes: number } {
  const { objects, bytes } = results.hashed();
  const files = [...found?.files.map(({ file }) => file.bytes) ?? [], ...others];
  return { objects: objects + files.length, bytes: files.reduce((sum, one) => sum + one, bytes) };
}

function about(target: Target, found: NumberAudit | undefined): object {
  if (target.kind === 'cell') return { target: 'cell', cell: target.cell.cell };
  if (target.kind === 'file') return { target: 'file', path: target.file.path, cell: target.file.cell, output: target.file.output, sha256: target.file.file.sha256 };
  const { id, value, low, high, unit, table, column, row, cell } = target.number;
  const { tableCell, rowNumber, sql, inOutput, printed } = found!;
  return { target: 'number', id, value, low, high, unit, table, column, row, cell, tableCell, rowNumber, sql, inOutput, printed };
}

function chainJson({ cells, origins, seeds }: Chain, results: Results, ledger: Parameters<typeof rerunsOf>[1]): object {
  return {
    chain: cells.map(({ cell, determinism, params, inputs, code, record, failure }) => ({ cell, determinism, params, inputs, record, failure, arithmetic: constantsOf({ code }) })),
    origins, seeds, environment: environmentOf(cells.filter(({ records }) => records.length > 0), results),
    again: cells[0] === undefined ? undefined : `npx bitwidth run ${cells[0].cell}`, reruns: cells[0] === undefined ? [] : rerunsOf(cells[0], ledger),
  };
}
