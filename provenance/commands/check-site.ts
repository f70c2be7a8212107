/** `check-site`: a published site held to what it says of itself, without its project. */
import { readFileSync } from 'node:fs';
import { ConfigurationError, EXIT, byteSize, count } from '../../stages/dag/index.ts';
import { checkSite } from '../site-check.ts';
import { KEY_FILE, STATEMENT_FILE } from '../../reports/statement.ts';
import { publicKey } from '../statement.ts';
import type { Command } from '../../stages/dag/index.ts';
import type { SiteFault } from '../site-folder.ts';

/** Faults are told up to this many, unless as JSON. */
const TOLD = 50;
/** Pages of a project's own, up to this many. */
const OWN_TOLD = 10;

const checkSiteCommand: Command = {
  usage: 'bitwidth check-site <folder>',
  details: 'Checks a published report from its files alone: each file against the list in data/files.json (size and sha256, none missing, none\nadded), every page drawn again from the tables and the records, where this version of bitwidth wrote it, every number against the tables,\nParquet and DuckDB against CSV, every link and anchor, keys and inputs of the records among each other, and the signature, where there\nis one. Exit code 0: all agrees; 3: it names every fault.',
  options: {
    key: { type: 'string', value: 'file', summary: 'The public key that it must be signed with (PEM); without it the one in the site, which shows only that one signer signed all' },
    json: { type: 'boolean', summary: 'Print one JSON object' },
  },
  positionals: { min: 1, max: 1 },
  async run({ values, positionals: [folder], print }) {
    const { key } = values;
    const { faults, ...found } = await checkSite(folder!, typeof key === 'string' ? keyIn(key) : undefined);
    if (values['json'] === true) print(JSON.stringify({ ...found, faults, holds: faults.length === 0 }));
    else {
      for (const fault of faults.slice(0, TOLD)) for (const line of lines(fault)) print(line);
      if (faults.length > TOLD) print(`and ${faults.length - TOLD} more faults (--json tells them)`);
      const all = `${count(found.files, 'file')} (${byteSize(found.bytes)} hashed), ${count(found.pages, 'page')}, ${count(found.numbers, 'number')}, ${count(found.links, 'link')}, ${count(found.cells, 'cell')}${found.drawn === null ? '' : `; ${count(found.drawn, 'file')} drawn again, byte for byte`}`;
      print(faults.length === 0 ? `${found.drawn === null ? 'what was compared' : 'everything'} agrees: ${all}` : `${count(faults.length, 'fault')}: ${all}`);
      if (found.drawn === null) print('Not compared: the words of its pages, verdicts among them. Another version of bitwidth wrote it, or its programs were changed, so that this one cannot draw its pages again; their numbers, links and files were checked.');
      else if (found.notDrawn.length > 0) print(`Not drawn again: ${count(found.notDrawn.length, 'page')} of a project's own (${found.notDrawn.slice(0, OWN_TOLD).join(', ')}${found.notDrawn.length > OWN_TOLD ? ` and ${found.notDrawn.length - OWN_TOLD} more` : ''}); of them numbers and links were checked.`);
      const unsound = faults.some(({ file }) => file === STATEMENT_FILE || file === KEY_FILE);
      print(found.signedBy === undefined ? (unsound ? 'Its signature does not hold.' : 'It is not signed.') : `Signed with the key ${found.signedBy}: by the same signer as anything else with that key.`);
    }
    return faults.length === 0 ? EXIT.done : EXIT.different;
  },
};
export default checkSiteCommand;

function keyIn(file: string): ReturnType<typeof publicKey> {
  try {
    return publicKey(readFileSync(file));
  } catch (error) {
    throw new ConfigurationError(`check-site: --key ${file}: ${error instanceof SyntaxError ? error.message : `it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`}`);
  }
}

/** A site's text must not steer a terminal. */
function lines({ file, what, expected, found }: SiteFault): readonly string[] {
  return [`${file}: ${what}`, ...(expected === undefined ? [] : [`  expected ${expected}`]), ...(found === undefined ? [] : [`  found    ${found}`])]
    .map((line) => line.slice(0, 2000).replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '?'));
}
