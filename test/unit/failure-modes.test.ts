/** Each of the 57 failures of docs/failure-modes.md has a test with its number, and each number is one of them. */
import {readdirSync, readFileSync} from 'node:fs';
import {basename, join} from 'node:path';
import {describe, expect, it} from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const COUNT = 57;

/** The numbers in the names of the tests and suites of a file, as `#7` at their beginning. */
function numbersIn(text: string): number[] {
  const names = [...text.matchAll(/(?:\bit|describe\w*|skipIf\([^)]*\))\(\s*(['"`])((?:#\d+ )+)/g)];
  return names.flatMap(([, , numbers = '']) =>
    numbers
      .trim()
      .split(' ')
      .map(one => Number(one.slice(1))),
  );
}

/** Which files test each failure. */
function testsByNumber(): Map<number, string[]> {
  const tests = new Map<number, string[]>();
  for (const kind of ['fault', 'db', 'property', 'unit/mapping', 'unit/position', 'unit/replicator']) {
    const folder = join(ROOT, 'test', kind);
    for (const name of readdirSync(folder)
      .filter(file => file.endsWith('.test.ts'))
      .toSorted()) {
      for (const number of new Set(numbersIn(readFileSync(join(folder, name), 'utf8'))))
        tests.set(number, [...(tests.get(number) ?? []), `${kind}/${basename(name, '.test.ts')}`]);
    }
  }
  return tests;
}

describe('the failures that others reported', () => {
  const numbers = Array.from({length: COUNT}, (_, i) => i + 1);

  it('each have a test, and no test has another number', () => {
    expect([...testsByNumber().keys()].toSorted((a, b) => a - b)).toEqual(numbers);
  });

  it('are in docs/failure-modes.md with the files that test them', () => {
    const rows = readFileSync(join(ROOT, 'docs/failure-modes.md'), 'utf8')
      .split('\n')
      .filter(line => /^\| \d/.test(line))
      .map(line => line.split('|').map(cell => cell.trim()));
    expect(rows.map(([, number]) => Number(number))).toEqual(numbers);
    const tests = testsByNumber();
    for (const [, number, seen, ours, files] of rows) {
      expect(seen).not.toBe('');
      expect(ours).not.toBe('');
      expect({number, files: files?.split(', ')}).toEqual({number, files: tests.get(Number(number))});
    }
  });

  it('are named by the words at the beginning of a test', () => {
    expect(
      numbersIn(
        "it('#7 #10 resumed', …); describeEachFlavour(`#17 two`); it.skipIf(a)('#29 of'); it('no #3')",
      ),
    ).toEqual([7, 10, 17, 29]);
  });
});
