/**
 * Builds a release from a commit: a package, its provenance, the changes, and their checksums.
 *
 *   npm run release                    builds HEAD, into release/
 *   npm run release -- --out DIR
 *   npm run release -- --unaudited     if the registry does not answer npm audit
 *
 * The same commit gives the same bytes, whenever and wherever it is built: only the commit and the packages that
 * package-lock.json names are used, and no other file of the working tree.
 */
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {parseArgs} from 'node:util';
import {audit, describe} from './audit.mjs';
import {productionPackages} from './licences.mjs';

const root = join(import.meta.dirname, '..');
const {values: options} = parseArgs({
  options: {
    out: {type: 'string', default: 'release'},
    'allow-changes': {type: 'boolean', default: false},
    unaudited: {type: 'boolean', default: false},
  },
});

const run = (command, args, extra = {}) =>
  execFileSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
    ...extra,
  });
const sha256 = data => createHash('sha256').update(data).digest('hex');
const fail = message => {
  process.stderr.write(`release: ${message}\n`);
  process.exit(1);
};

const commit = run('git', ['rev-parse', 'HEAD']).trim();
if (!options['allow-changes'] && run('git', ['status', '--porcelain']).trim() !== '')
  fail('the working tree has changes that the release would not hold: commit them first');
if (!options.unaudited) {
  const {code, text} = describe(audit());
  if (code !== 0) fail(`${text}\n(--unaudited builds it all the same; say so where you publish it)`);
  process.stderr.write(`release: ${text}\n`);
}
const committedAt = Number(
  process.env.SOURCE_DATE_EPOCH ?? run('git', ['show', '-s', '--format=%ct', commit]).trim(),
);

const stage = mkdtempSync(join(tmpdir(), 'laas-sync-release-'));
try {
  const archive = run('git', ['archive', '--format=tar', commit], {encoding: 'buffer'});
  run('tar', ['-x', '-C', stage], {input: archive, stdio: ['pipe', 'inherit', 'inherit']});
  const lockText = readFileSync(join(stage, 'package-lock.json'));
  const lock = JSON.parse(lockText);
  const {name, version} = JSON.parse(readFileSync(join(stage, 'package.json'), 'utf8'));
  const changes = sectionOf(readFileSync(join(stage, 'CHANGELOG.md'), 'utf8'), version);
  if (changes === '') fail(`CHANGELOG.md says nothing of ${version}`);
  checkInstalled(lock);

  symlinkSync(join(root, 'node_modules'), join(stage, 'node_modules'));
  const node = args => run(process.execPath, args, {cwd: stage});
  node(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
  node(['test/build/copy-assets.mjs']);
  rmSync(join(stage, 'node_modules'));
  // An installation gets the versions that were tested.
  cpSync(join(stage, 'package-lock.json'), join(stage, 'npm-shrinkwrap.json'));
  settle(stage);

  const out = resolve(options.out);
  mkdirSync(out, {recursive: true});
  const file = `${name}-${version}.tgz`;
  run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', out], {cwd: stage});
  const tarball = readFileSync(join(out, file));
  const provenance = {
    name,
    version,
    commit,
    committedAt: new Date(committedAt * 1000).toISOString(),
    builtWith: {
      node: process.version,
      npm: run('npm', ['--version']).trim(),
      typescript: lock.packages['node_modules/typescript'].version,
    },
    lockfile: {sha256: sha256(lockText)},
    tarball: {file, bytes: tarball.length, sha256: sha256(tarball)},
    packages: productionPackages(lock).map(({name: of, version: is, license, integrity}) => ({
      name: of,
      version: is,
      license,
      integrity,
    })),
  };
  writeFileSync(join(out, `${name}-${version}.provenance.json`), `${JSON.stringify(provenance, null, 2)}\n`);
  writeFileSync(join(out, `${name}-${version}.changes.md`), `${changes}\n`);
  const files = [file, `${name}-${version}.provenance.json`, `${name}-${version}.changes.md`];
  const sums = files.map(each => `${sha256(readFileSync(join(out, each)))}  ${each}\n`);
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
  process.stdout.write(sums.join(''));
} finally {
  rmSync(stage, {recursive: true, force: true});
}

/** Returns a version's section of the changelog, without its heading. */
function sectionOf(changelog, version) {
  const from = changelog.indexOf(`\n## [${version}]`);
  if (from < 0) return '';
  const start = changelog.indexOf('\n', from + 1) + 1;
  const end = changelog.indexOf('\n## [', start);
  return changelog.slice(start, end < 0 ? undefined : end).trim();
}

/** Checks that the installed packages are those of the lock file: otherwise the result does not depend on the commit alone. */
function checkInstalled(lock) {
  for (const path of Object.keys(lock.packages)) {
    const wanted = lock.packages[path];
    const manifest = join(root, path, 'package.json');
    if (path === '' || (wanted.optional === true && !existsSync(manifest))) continue;
    const installed = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : 'missing';
    if (installed !== wanted.version)
      fail(`${path} is ${installed}, and package-lock.json says ${wanted.version}: npm ci`);
  }
}

/** Gives every file the time of the commit and one of two modes. */
function settle(dir) {
  for (const entry of readdirSync(dir, {withFileTypes: true})) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) settle(path);
    else if (entry.isFile()) {
      chmodSync(path, path.endsWith('dist/src/cli.js') ? 0o755 : 0o644);
      utimesSync(path, committedAt, committedAt);
    }
  }
}
