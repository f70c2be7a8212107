/**
 * Builds of the project's sources: `.bitwidth/build/<hash of the sources>/`, each complete once its folder has that name.
 * Which one is current is found by the sources' stat alone; esbuild is loaded only when there is none.
 */
import { createHash, randomBytes } from 'node:crypto';
import { isBuiltin } from 'node:module';
import { accessSync, closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';

/** Folders whose every module may be named by a stage; pipeline.ts itself stands beside them, and the package's face. */
const SOURCE_FOLDERS = ['kernels', 'provenance', 'reports', 'stages'];
const FACE = 'bitwidth.ts';
/** Counts into the hash: raised when the way a build is made changes. */
const BUILD_FORMAT = 4;
/** A file changed more recently than this may change again within one tick of its time stamp: its stat proves nothing yet. */
const UNSETTLED_MS = 2000;

/**
 * Answers the folder of the build of the current sources, making it when there is none. `base`: the folder whose sources stand in for those that
 * the project does not have, where it is made with an installed package. Throws ConfigurationError when they do not compile.
 */
export async function currentBuild(root, base) {
  const builds = join(root, '.bitwidth', 'build');
  const memoPath = join(builds, 'current.json');
  const memo = readJson(memoPath);
  const sources = sourceFiles(root, base);
  // Modules outside the source folders that the last build was made of, too.
  const known = new Map([...outsideFiles(root, Array.isArray(memo?.outside) ? memo.outside : []), ...sources]);
  const stamp = stampOf(known);
  if (memo !== undefined && stamp.settled && memo.stamp === stamp.text && existsSync(join(builds, memo.build, 'pipeline.js'))) return join(builds, memo.build);

  let name = contentHash(known);
  let outside = [...known.keys()].filter((path) => !sources.has(path));
  if (existsSync(join(builds, name, 'pipeline.js'))) {
    try { utimesSync(join(builds, name), new Date(), new Date()); } catch { /* a read-only disk: nothing is pruned there either */ }
  } else {
    makeFolder(root, builds);
    ({ name, outside } = await build(root, base, sources, builds));
    prune(builds, name);
  }
  const now = stampOf(new Map([...outsideFiles(root, outside), ...sources]));
  if (now.settled || outside.length > 0) writeAtomically(memoPath, JSON.stringify({ stamp: now.settled ? now.text : '', build: name, outside }));
  return join(builds, name);
}

/** Path from the root -> where the file lies: pipeline.ts, the lock file and every TypeScript module of the source folders, of the base where the project has none. */
function sourceFiles(root, base) {
  const found = new Map();
  const walk = (place, folder) => {
    let entries;
    try { entries = readdirSync(join(place, folder), { withFileTypes: true }); } catch { return; }
    for (const entry of entries) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) { if (entry.name !== 'node_modules') walk(place, path); }
      else if (/\.ts$/.test(entry.name) && !/\.(d|test)\.ts$/.test(entry.name) && !found.has(path)) found.set(path, join(place, path));
    }
  };
  for (const place of base === undefined ? [root] : [root, base]) {
    for (const folder of SOURCE_FOLDERS) walk(place, folder);
    if (existsSync(join(place, FACE))) found.set(FACE, join(place, FACE));
  }
  for (const path of ['pipeline.ts', 'package-lock.json']) if (path === 'pipeline.ts' || existsSync(join(root, path))) found.set(path, join(root, path));
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const outsideFiles = (root, paths) => paths.map((path) => [path, join(root, path)]);

function stampOf(files) {
  const hash = createHash('sha256').update(`stamp ${BUILD_FORMAT}\n`);
  const now = Date.now();
  let settled = true;
  for (const [path, file] of files) {
    const s = statSync(file, { bigint: true, throwIfNoEntry: false });
    if (s === undefined) { hash.update(`${path} missing\n`); continue; }
    if (Math.abs(now - Number(s.mtimeMs)) < UNSETTLED_MS || Math.abs(now - Number(s.ctimeMs)) < UNSETTLED_MS) settled = false;
    hash.update(`${path} ${s.dev} ${s.ino} ${s.size} ${s.mtimeNs} ${s.ctimeNs}\n`);
  }
  return { text: hash.digest('hex'), settled };
}

function contentHash(files) {
  const hash = createHash('sha256').update(`build ${BUILD_FORMAT} ${process.versions.node.split('.')[0]}\n`);
  for (const [path, file] of files) {
    let bytes;
    try { bytes = readFileSync(file); } catch { bytes = Buffer.from('missing'); }
    hash.update(`${path} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex').slice(0, 24);
}

/** Builds and answers the name, which is known only now: a hash of all sources, also of those that only the bundler finds. */
async function build(root, base, sources, builds) {
  let esbuild;
  try {
    esbuild = await import('esbuild');
  } catch {
    throw configurationError('the package esbuild is not installed; run "npm ci" in the project');
  }
  const unfinished = join(builds, `unfinished.${process.pid}.${randomBytes(4).toString('hex')}`);
  try {
    const before = contentHash(sources);
    const { metafile } = await esbuild.build({
      absWorkingDir: root, entryPoints: [...sources].filter(([path, file]) => isEntry(path, file)).map(([path, file]) => ({ in: file, out: path.replace(/\.ts$/, '') })), outdir: unfinished,
      bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', chunkNames: 'chunks/[name]-[hash]',
      sourcemap: 'linked', sourcesContent: false, charset: 'utf8', legalComments: 'none', logLevel: 'silent', metafile: true,
      define: { 'import.meta.url': '__sourceUrl' }, plugins: [...(base === undefined ? [] : [standIn(root, base, sources)]), sourceUrl(root, base), packages(base)],
    });
    // Somebody is editing: what was bundled is neither the old nor the new state.
    if (contentHash(sources) !== before) return await build(root, base, sourceFiles(root, base), builds);
    for (const path of Object.keys(metafile.outputs)) sync(join(root, path));
    // Whatever the project's own package.json says of its modules.
    writeFileSync(join(unfinished, 'package.json'), '{ "type": "module" }\n');
    const outside = Object.keys(metafile.inputs).filter((path) => !sources.has(path) && !path.startsWith('..') && !path.includes('node_modules/') && !path.startsWith('builtin:')).sort();
    const name = contentHash(new Map([...outsideFiles(root, outside), ...sources]));
    try {
      renameSync(unfinished, join(builds, name));
    } catch (error) {
      // Another process finished the same build first.
      if (!existsSync(join(builds, name, 'pipeline.js'))) throw error;
    }
    return { name, outside };
  } catch (error) {
    if (!Array.isArray(error.errors) || error.errors.length === 0) throw error;
    throw configurationError(error.errors.map(({ location, text }) => location === null ? text : `${location.file}:${location.line}:${location.column + 1} ${text}`).join('\n'));
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** What processes that the machinery starts run (stages/dag/modules.ts). */
const PROGRAMS = ['executors/own-process-main', 'executors/worker-main', 'slurm/job-main'].map((name) => `stages/dag/${name}.ts`);

/** A module that a stage may name exports `run`; the pipeline and those programs are started by path. */
function isEntry(path, file) {
  if (path === 'pipeline.ts' || PROGRAMS.includes(path)) return true;
  return path.endsWith('.ts') && /^export\s[^;]*?\brun\b/m.test(readFileSync(file, 'utf8'));
}

/** Whether a module is one of ours: of the project, or of the package that it is made with. */
const isOwn = (file, base) => (base !== undefined && file.startsWith(base + sep) ? !file.slice(base.length).includes(`${sep}node_modules${sep}`) : !file.includes(`${sep}node_modules${sep}`));

/** In a project that is made with the package its modules import the package's by name, and the package's import whatever of the project stands in their place. */
function standIn(root, base, sources) {
  const { name, exports } = readJson(join(base, 'package.json'));
  const faces = new Map(Object.entries(exports).map(([path, file]) => [posix.join(name, path), posix.normalize(file)]));
  const placeOf = (file) => relative(file.startsWith(base + sep) ? base : root, file).split(sep).join('/');
  return {
    name: 'stand-in',
    setup(build) {
      build.onResolve({ filter: /^[^#:]/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point' || !isOwn(importer, base)) return undefined;
        const target = /^\.\.?\//.test(path) ? posix.join(posix.dirname(placeOf(importer)), path) : faces.get(path);
        const file = target === undefined ? undefined : sources.get(target);
        return file === undefined ? undefined : { path: file };
      });
    },
  };
}

/**
 * In a bundle `import.meta.url` is the bundle's; a module that looks for its assets beside itself needs its source's. The root is
 * taken from where the bundle lies when it runs, so no absolute path is written into it.
 */
function sourceUrl(root, base) {
  return {
    name: 'source-url',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, (args) => {
        const contents = readFileSync(args.path, 'utf8');
        if (!contents.includes('import.meta.url') || !isOwn(args.path, base)) return undefined;
        const path = relative(root, args.path).split(sep).join('/');
        // Not spelled import.meta.url: that would be replaced as well. On the first line, so that line numbers stay.
        const declaration = `const __sourceUrl = (({ url }) => url.slice(0, url.lastIndexOf('/.bitwidth/build/') + 1) + ${JSON.stringify(encodeURI(path))})(import.meta);`;
        return { contents: `${declaration}${contents}`, loader: 'ts' };
      });
    },
  };
}

/** Packages of a hundred small modules, which Node takes longer to find than to run: they are bundled, as the lock file has them. */
const BUNDLED = new Set(['execa']);

/** All other packages are left to Node. */
function packages(base) {
  return {
    name: 'packages',
    setup(build) {
      build.onResolve({ filter: /^[^./#]/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point') return undefined;
        if (isBuiltin(path)) return kind === 'require-call' ? { path, namespace: 'builtin' } : { path, external: true };
        return BUNDLED.has(path) || !isOwn(importer, base) ? undefined : { path, external: true };
      });
      // There is no require() in a module.
      build.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({ contents: `export * from ${JSON.stringify(path)};` }));
    },
  };
}

const KEEP_NEWEST = 5;
const KEEP_MS = 24 * 3600 * 1000;

/** Removes old builds, and what a killed one left behind; what is in use is touched by workers as they start. */
function prune(builds, current) {
  const folders = readdirSync(builds, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    .map((entry) => ({ path: join(builds, entry.name), usedAt: statSync(join(builds, entry.name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.usedAt - a.usedAt);
  for (const { path, usedAt } of folders.slice(KEEP_NEWEST)) {
    if (path !== join(builds, current) && Date.now() - usedAt > KEEP_MS) rmSync(path, { recursive: true, force: true });
  }
}

function makeFolder(root, builds) {
  try {
    mkdirSync(join(root, '.bitwidth'), { recursive: true, mode: 0o700 });
    mkdirSync(builds, { recursive: true });
    accessSync(builds, constants.W_OK);
  } catch (error) {
    throw configurationError(`the folder .bitwidth/build of the project cannot be written (${error.code}); the compiled program is kept there`);
  }
}

function readJson(path) {
  try { return JSON.parse(readFileSync(path, 'utf8')); } catch { return undefined; }
}

function writeAtomically(path, text) {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch {
    // Only a memo: without it (a read-only disk) the next start hashes the sources again.
    rmSync(temporary, { force: true });
  }
}

function sync(path) {
  const file = openSync(path, 'r');
  try { fsyncSync(file); } finally { closeSync(file); }
}

function configurationError(message) {
  return Object.assign(new Error(message), { name: 'ConfigurationError' });
}
