/** Names of the LAAS schema are in its mapping, in tests and in documents, and nowhere in the program. */
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {sourceColumnsOf} from '../../../src/mapping/mapping.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';

const root = join(import.meta.dirname, '../../..');
/** Words that are names of the schema and common words as well. */
const COMMON = new Set(['id', 'user', 'users', 'name', 'email', 'password', 'status', 'role']);

const names = new Set(
  LAAS.tables.flatMap(table => [
    table.target,
    table.source,
    table.label,
    ...table.columns.map(({target}) => target),
    ...sourceColumnsOf(table),
  ]),
);
const word = new RegExp(`\\b(?:${[...names].filter(name => !COMMON.has(name)).join('|')})\\b`);

it('no file of the program names a table or a column of LAAS', () => {
  const files = ['src', 'replicator', 'reconciler', 'migrations'].flatMap(folder =>
    readdirSync(join(root, folder), {recursive: true, encoding: 'utf8'})
      .filter(file => /\.(?:ts|tsx|js)$/.test(file))
      .map(file => join(folder, file)),
  );
  expect(files.length).toBeGreaterThan(100);
  const found = files.flatMap(file =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, i) => (word.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );
  expect(found).toEqual([]);
});
