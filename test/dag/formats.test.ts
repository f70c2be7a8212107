/** Stores of every format so far are read without running anything again; one of a newer version is refused and not touched. */
import { cpSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine, pipeline } from '../../stages/dag/index.ts';
import { encodeLine } from '../../stages/dag/log-lines.ts';
import { STORE_FORMAT } from '../../stages/dag/store.ts';
import { filesUnder } from './store-help.ts';
import type { PipelineDeclaration } from '../../stages/dag/index.ts';
import type { Event } from './project.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/dag', import.meta.url));
const stores = readdirSync(FIXTURES).filter((name) => /^store-\d+$/.test(name));

interface Opened { readonly root: string; say(...argv: string[]): Promise<{ readonly code: number; readonly lines: readonly string[]; readonly complaints: readonly string[] }> }

async function withStore(name: string, body: (opened: Opened) => Promise<void>): Promise<void> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-format-')));
  try {
    cpSync(join(FIXTURES, name, 'project'), root, { recursive: true });
    cpSync(join(FIXTURES, name, 'store'), join(root, '.bitwidth'), { recursive: true });
    const { declare } = await import(pathToFileURL(join(FIXTURES, name, 'study.ts')).href) as { declare: () => Omit<PipelineDeclaration, 'root'> };
    await body({
      root,
      async say(...argv) {
        const [lines, complaints]: [string[], string[]] = [[], []];
        const code = await commandLine(() => pipeline({ ...declare(), root }), argv, { print: (line) => lines.push(...line.split('\n')), complain: (line) => complaints.push(line) });
        return { code, lines, complaints };
      },
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test('there is a store of every format', () => {
  assert.equal(stores, Array.from({ length: STORE_FORMAT }, (_, i) => `store-${i + 1}`));
});

for (const name of stores) {
  test(`${name}: nothing runs again, the report comes out of it, and all that it says is understood`, () => withStore(name, async ({ root, say }) => {
    process.env['BITWIDTH_MACHINE'] = 'another';
    try {
      const { lines } = await say('run', '--json');
      const events = lines.map((line) => JSON.parse(line) as Event);
      const { ran, cached, failed, skipped } = events.at(-1)!;
      assert.equal({ ran, cached, failed, skipped }, { ran: 0, cached: 6, failed: 1, skipped: 0 });
      assert.equal(events.filter(({ event }) => event === 'warning'), []);
      assert.is(readFileSync(join(root, 'site/index.html'), 'utf8'), '<ul><li>counts split:0 missing: no word has zero letters</li><li>counts split:2 5</li><li>counts split:3 3</li></ul>\n');
      const check = await say('check', '--json');
      assert.is(check.code, 0, check.lines.join('\n'));
      const { damagedObjects, damagedLines, damagedLists } = JSON.parse(check.lines[0]!) as { [list: string]: unknown };
      assert.equal([damagedObjects, damagedLines, damagedLists], [[], [], []]);
      assert.match((await say('status')).lines.join('\n'), /2 cells count as up to date after code shared\.ts changed: accepted by Ada on /);
      assert.match((await say('runs')).lines.join('\n'), /kept as paper/);
      assert.is((await say('render', 'paper', '--to', join(root, 'then'))).code, 0);
      assert.is(readFileSync(join(root, 'then/index.html'), 'utf8'), readFileSync(join(root, 'site/index.html'), 'utf8'));
      assert.match((await say('why', 'split:0')).lines.join('\n'), /failed \(bad-input\)[^]*code shared\.ts changed[^]*no word has zero letters/);
      assert.is((await say('reproduce')).code, 0, 'and computed again it comes out the same');
    } finally {
      delete process.env['BITWIDTH_MACHINE'];
    }
  }));
}

for (const [where, spoil] of [
  ['its format file', (store: string) => writeFileSync(join(store, 'format'), `${STORE_FORMAT + 1}\n`)],
  ['a segment of its log', (store: string) => writeFileSync(join(store, 'records/2099-01-01T00-00-00-00000000.ndjson'), encodeLine('run', { run: '2099-01-01T00-00-00-00000000', format: STORE_FORMAT + 1, startedAt: '2099-01-01T00:00:00.000+00:00', machine: 'later', description: {}, about: {} }))],
] as const) {
  test(`a newer version's store, by ${where}: every command refuses with a sentence, exit code 2, and touches nothing`, () => withStore(stores.at(-1)!, async ({ root, say }) => {
    spoil(join(root, '.bitwidth'));
    const state = (): string => filesUnder(root).map((name) => `${name} ${readFileSync(join(root, name), 'hex')}`).join('\n');
    const before = state();
    for (const argv of [['run'], ['status'], ['plan'], ['why', 'split:2'], ['reproduce'], ['check', '--repair'], ['runs'], ['keep', '--as', 'x'], ['keep', '--drop', 'paper'], ['gc', '--yes'], ['render', 'paper', '--to', join(root, 'x')], ['accept', 'shared.ts', '--because', 'x']]) {
      const { code, lines, complaints } = await say(...argv);
      assert.is(code, 2, argv.join(' '));
      assert.equal(lines, []);
      assert.match(complaints.join('\n'), /^the store has format \d+, this version reads up to \d+: use the version that wrote it or a newer one, or choose another store folder$/);
    }
    assert.is(state(), before);
  }));
}

test.run();
