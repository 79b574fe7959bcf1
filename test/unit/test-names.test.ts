/** A test's name is one behaviour that a report shows in one line. */
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, it} from 'vitest';

const TESTS = join(import.meta.dirname, '..');
const NAME = /\b(?:it|test)(?:\.\w+)*(?:\([^()]*\))?\(\s*(['"`])((?:\\.|(?!\1)[^])*?)\1/g;

it('every test’s name has fewer than 80 characters', () => {
  const names = readdirSync(TESTS, {recursive: true, encoding: 'utf8'})
    .filter(file => file.endsWith('.test.ts'))
    .flatMap(file =>
      [...readFileSync(join(TESTS, file), 'utf8').matchAll(NAME)].map(match => ({
        file,
        name: match[2] ?? '',
      })),
    );
  expect(names.length).toBeGreaterThan(800);
  expect(names.filter(({name}) => name.length >= 80)).toEqual([]);
});
