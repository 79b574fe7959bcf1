/** A release: the same bytes from the same commit, nothing in it that does not belong, and a licence for each package. */
import {execFileSync, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

const root = join(import.meta.dirname, '../..');
const hasHistory = spawnSync('git', ['rev-parse', 'HEAD'], {cwd: root}).status === 0;

describe.runIf(hasHistory)('a release', () => {
  let dir: string;
  const outs = ['once', 'again'];

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'laas-sync-release-test-'));
    for (const [i, out] of outs.entries()) {
      // The second as on another machine: other zone, language, mask and folders.
      const elsewhere =
        i === 0 ? {} : {TZ: 'Asia/Kathmandu', LC_ALL: 'C', TMPDIR: mkdtempSync(join(dir, 'tmp-'))};
      execFileSync(
        'sh',
        [
          '-c',
          `umask ${i === 0 ? '022' : '077'}; exec "$0" "$@"`,
          process.execPath,
          'deploy/release.mjs',
          '--allow-changes',
          '--out',
          join(dir, out),
        ],
        {
          cwd: root,
          env: {...process.env, ...elsewhere},
          stdio: 'pipe',
        },
      );
    }
  });
  afterAll(() => rmSync(dir, {recursive: true, force: true}));

  it('is the same, byte by byte, when it is built twice', () => {
    const [once = '', again = ''] = outs.map(out => join(dir, out));
    const files = readdirSync(once).sort();
    expect(readdirSync(again).sort()).toEqual(files);
    expect(files.map(name => name.replace(/\d+\.\d+\.\d+/, 'V'))).toEqual([
      'SHA256SUMS',
      'laas-sync-V.changes.md',
      'laas-sync-V.provenance.json',
      'laas-sync-V.tgz',
    ]);
    for (const name of files)
      expect(readFileSync(join(again, name)).equals(readFileSync(join(once, name))), name).toBe(true);
  });

  it('says which commit, which tools and which packages it is made of', () => {
    const provenance: unknown = JSON.parse(
      readFileSync(
        join(dir, 'once', readdirSync(join(dir, 'once')).find(name => name.endsWith('.json')) ?? ''),
        'utf8',
      ),
    );
    expect(provenance).toMatchObject({
      commit: execFileSync('git', ['rev-parse', 'HEAD'], {cwd: root, encoding: 'utf8'}).trim(),
      builtWith: {node: process.version},
      lockfile: {sha256: expect.stringMatching(/^[0-9a-f]{64}$/)},
      packages: expect.arrayContaining([
        expect.objectContaining({name: 'mysql2', integrity: expect.stringMatching(/^sha512-/)}),
      ]),
    });
    const sums = readFileSync(join(dir, 'once/SHA256SUMS'), 'utf8').trim().split('\n');
    for (const line of sums) {
      const [sum = '', name = ''] = line.split('  ');
      expect(
        createHash('sha256')
          .update(readFileSync(join(dir, 'once', name)))
          .digest('hex'),
        name,
      ).toBe(sum);
    }
    expect(sums).toHaveLength(3);
  });

  it('holds the program and what one needs to run it, no tests, and starts', () => {
    const out = join(dir, 'once');
    execFileSync('tar', ['-xzf', readdirSync(out).find(name => name.endsWith('.tgz')) ?? ''], {cwd: out});
    const files = readdirSync(join(out, 'package'), {recursive: true, encoding: 'utf8'});
    expect(files).toEqual(
      expect.arrayContaining([
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'npm-shrinkwrap.json',
        'dist/src/cli.js',
        'dist/migrations/0001-bookkeeping.js',
        'docs/runbook.md',
      ]),
    );
    expect(
      files.filter(
        name => /(^|\/)(test|bench|node_modules)(\/|$)|\.tsx?$/.test(name) && !name.endsWith('.d.ts'),
      ),
    ).toEqual([]);
    symlinkSync(join(root, 'node_modules'), join(out, 'package/node_modules'));
    expect(
      execFileSync(process.execPath, ['dist/src/cli.js', '--help'], {
        cwd: join(out, 'package'),
        encoding: 'utf8',
      }),
    ).toContain('dead-letters');
  });
});
