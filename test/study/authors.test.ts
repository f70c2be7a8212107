/** Who made the study: data/study.yaml and CITATION.cff. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { citedAuthors, readAuthors } from '../../stages/quantization/authors.ts';
import { Reader } from '../../stages/quantization/config-fields.ts';
import { Problems, readYaml } from '../../stages/quantization/config-yaml.ts';
import { inFolder } from './in-folder.ts';

const cited = (text?: string): Promise<unknown> => inFolder('CITATION.cff', text, citedAuthors);
const named = (text: string): Promise<unknown> => inFolder('study.yaml', text, async (folder) => {
  const problems = new Problems();
  const authors = readAuthors(new Reader('study.yaml', problems), await readYaml(folder, 'study.yaml', problems));
  return problems.found.length > 0 ? problems.lines() : authors;
});

test('people and organisations of CITATION.cff, with affiliation and ORCID; none where there is no such file', async () => {
  assert.equal(await cited(), []);
  assert.equal(await cited('cff-version: 1.2.0\nmessage: cite\ntitle: x\nauthors:\n  - family-names: Beethoven\n    name-particle: van\n    given-names: Ludwig\n    affiliation: Vienna\n    orcid: https://orcid.org/0000-0002-1825-0097\n  - name: The Group\n'), [
    { name: 'van Beethoven, Ludwig', affiliation: 'Vienna', orcid: '0000-0002-1825-0097' }, { name: 'The Group' },
  ]);
});

test('authors of the study are names, or names with affiliation and ORCID', async () => {
  assert.equal(await named('["Doe, Jane", { name: "Roe, R.", orcid: 0000-0002-1825-009X }]\n'), [{ name: 'Doe, Jane' }, { name: 'Roe, R.', orcid: '0000-0002-1825-009X' }]);
});

test('mistakes are told with their place', async () => {
  assert.equal(await cited('title: x\n'), ['CITATION.cff:1:1 the citation lacks the key "authors"; add it']);
  assert.equal(await cited('authors:\n  - { affiliation: Vienna }\n  - { name: x, orcid: 12 }\n'), ['CITATION.cff:2:5 an author has neither name nor family-names; add one', 'CITATION.cff:3:23 orcid must be text, not 12; put it in quotes']);
  assert.equal(await named('- { nam: x }\n- "Doe, Jane"\n- "Doe, Jane"\n'), [
    'study.yaml:1:3 an author lacks the key "name"; add it', 'study.yaml:1:5 unknown key "nam" in an author; keys are name, affiliation, orcid; did you mean "name"?', 'study.yaml:3:3 "Doe, Jane" stands in authors a second time; keep one',
  ]);
  assert.equal(await named('- { name: x, orcid: "https://example.org/1" }\n'), ['study.yaml:1:21 orcid "https://example.org/1" is none; write 0000-0002-1825-0097, or its address at orcid.org']);
});

test.run();
