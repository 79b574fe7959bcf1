/** A release: the same bytes from the same commit, only the files that it needs, and a licence for each package. */
import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createServer} from 'node:http';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';

const root = join(import.meta.dirname, '../..');
const hasHistory = spawnSync('git', ['rev-parse', 'HEAD'], {cwd: root}).status === 0;

describe.runIf(hasHistory)('a release', () => {
  let dir: string;
  const outs = ['once', 'again'];

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'laas-sync-release-test-'));
    for (const [i, out] of outs.entries()) {
      // The second build is as on another machine: another zone, language, mask and folders.
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
          '--unaudited',
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

  it('says from which commit, tools and packages it was built', () => {
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

  it('has the program and the files to run it, no tests, and starts', () => {
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

describe('the audit before a release', () => {
  const advisory = {
    id: 1,
    url: 'https://example.test/advisory',
    title: 'reads too much',
    severity: 'high',
    vulnerable_versions: '*',
  };

  /** The result of `node deploy/audit.mjs` with a registry that answers in this way. */
  async function against(status: number, body: unknown): Promise<{code: number | null; said: string}> {
    const registry = createServer((request, response) => {
      // The list of advisories is requested by POST. For packages in it, and for those that use them, the
      // versions are requested.
      const name = decodeURIComponent((request.url ?? '').slice(1));
      const answer = request.method === 'GET' ? {name, 'dist-tags': {}, versions: {}} : body;
      request.resume().on('end', () => response.writeHead(status).end(JSON.stringify(answer)));
    });
    onTestFinished(() => void registry.close());
    await new Promise<void>(resolve => registry.listen(0, '127.0.0.1', resolve));
    const address = registry.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const child = spawn(process.execPath, ['deploy/audit.mjs'], {
      cwd: root,
      env: {...process.env, npm_config_registry: `http://127.0.0.1:${address.port}/`},
    });
    let said = '';
    child.stdout.on('data', chunk => (said += String(chunk)));
    const code = await new Promise<number | null>(resolve => child.on('close', resolve));
    return {code, said};
  }

  it('is clean, finds something, or gets no answer, and says which', async () => {
    expect(await against(200, {})).toEqual({
      code: 0,
      said: expect.stringMatching(/^audit: none of \d\d+ packages is known to be vulnerable\n$/),
    });
    expect(await against(200, {mysql2: [advisory]})).toEqual({
      code: 1,
      said: expect.stringMatching(/mysql2 \(high\): reads too much https:\/\/example.test\/advisory/),
    });
    expect(await against(405, {})).toEqual({code: 2, said: expect.stringMatching(/did not answer.*405/)});
  });
});
