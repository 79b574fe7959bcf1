/**
 * The linter refuses each import across a border, and each second importer of a library. This test makes both
 * fail.
 */
import {execFile} from 'node:child_process';
import {existsSync} from 'node:fs';
import {cp, mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {promisify} from 'node:util';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {z} from 'zod';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** The folder of an importing file, and an existing file that it must not import. */
const BORDERS: readonly (readonly [importer: string, imported: string])[] = [
  ['replicator', 'reconciler/diff.ts'],
  ['replicator', 'src/server/app.ts'],
  ['replicator', 'src/apply/statements.ts'],
  ['reconciler', 'replicator/attempt.ts'],
  ['reconciler', 'src/server/app.ts'],
  ['reconciler', 'src/apply/statements.ts'],
  ['src', 'src/apply/statements.ts'],
  ['src/db', 'src/apply/statements.ts'],
  ['src/doctor', 'src/apply/statements.ts'],
  ['src/apply', 'replicator/attempt.ts'],
  ['src/apply', 'reconciler/diff.ts'],
  ['src/apply', 'src/server/app.ts'],
  ['src/mapping', 'src/db/connection.ts'],
  ['src/mapping/file', 'src/db/connection.ts'],
  ['src/mapping/operators', 'src/apply/statements.ts'],
  ['src/mapping/sql', 'src/db/connection.ts'],
  ['src/position', 'src/db/connection.ts'],
  ['src/status', 'src/apply/applier.ts'],
  ['src/status', 'replicator/attempt.ts'],
  ['src/status', 'reconciler/diff.ts'],
  ['src/status', 'src/server/app.ts'],
  ['src/server', 'src/apply/applier.ts'],
  ['src/server', 'src/db/connection.ts'],
  ['src/server', 'replicator/attempt.ts'],
  ['src/server', 'reconciler/diff.ts'],
  ['src/server', 'src/config.ts'],
  ['src/server', 'src/mapping/file/read.ts'],
];
const IMPORTERS: Readonly<Record<string, string>> = {
  '@vlasky/zongji': 'src/position/zongji.ts',
  'node-cron': 'reconciler/schedule.ts',
  'prom-client': 'src/status/metrics.ts',
  pino: 'src/logger.ts',
  mysql2: 'src/db/connection.ts',
  'mysql2/promise': 'src/db/connection.ts',
  yaml: 'src/mapping/file/document.ts',
  'fastest-levenshtein': 'src/mapping/file/faults.ts',
};
const FOLDERS = [...new Set(['src/lifecycle', 'src/source', 'src/cli', ...BORDERS.map(([from]) => from)])];
const report = z.object({
  diagnostics: z.array(z.object({code: z.string().optional(), filename: z.string()})),
});

let folder = '';
let refused: ReadonlySet<string> = new Set();
/** A file of its own for each import, so that each is refused by itself. */
const files = new Map<string, string>();

function add(path: string, imported: string): string {
  files.set(path, `import {it} from '${imported}';\nexport const kept = it;\n`);
  return path;
}

function up(importer: string): string {
  return '../'.repeat(importer.split('/').length);
}

const borders = BORDERS.map(([from, to], i) => ({
  from,
  to,
  file: add(`${from}/border${i}.ts`, `${up(from)}${to}`),
}));
const seconds = Object.keys(IMPORTERS).flatMap((library, i) =>
  FOLDERS.map(from => ({library, from, file: add(`${from}/library${i}.ts`, library)})),
);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'laas-sync-lint-'));
  await cp(join(root, 'oxlint.config.mjs'), join(folder, 'oxlint.config.mjs'));
  for (const importer of new Set(Object.values(IMPORTERS))) {
    const own = Object.keys(IMPORTERS).filter(library => IMPORTERS[library] === importer);
    files.set(importer, own.map((library, i) => `export * as it${i} from '${library}';\n`).join(''));
  }
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), {recursive: true});
    await writeFile(join(folder, path), text);
  }
  const output = await run(
    join(root, 'node_modules/.bin/oxlint'),
    ['-c', 'oxlint.config.mjs', '--format=json'],
    {
      cwd: folder,
      maxBuffer: 1 << 24,
    },
  ).then(
    ({stdout}) => stdout,
    (error: {stdout: string}) => error.stdout,
  );
  refused = new Set(
    report
      .parse(JSON.parse(output))
      .diagnostics.filter(({code}) => code?.includes('no-restricted-imports') === true)
      .map(({filename}) => filename),
  );
}, 60_000);
afterAll(() => rm(folder, {recursive: true, force: true}));

it('every border is between files that exist', () => {
  expect(
    BORDERS.filter(([from, to]) => !existsSync(join(root, from)) || !existsSync(join(root, to))),
  ).toEqual([]);
});

it('no file imports across a border', () => {
  expect(borders.filter(({file}) => !refused.has(file)).map(({from, to}) => `${from} -> ${to}`)).toEqual([]);
});

it('no file but its one importer imports a library', () => {
  expect(
    seconds.filter(({file}) => !refused.has(file)).map(({from, library}) => `${from} -> ${library}`),
  ).toEqual([]);
});

it('the one importer may import its library', () => {
  expect(Object.values(IMPORTERS).filter(file => refused.has(file) || !existsSync(join(root, file)))).toEqual(
    [],
  );
});
