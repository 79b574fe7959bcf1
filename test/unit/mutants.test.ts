/** Each mutant can be made and names a test that exists, and every failure and subject has one. */
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {judge} from '../mutants/bench.ts';
import {mutate} from '../mutants/edit.ts';
import {chosen, MUTANTS, SUBJECTS} from '../mutants/mutant.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const answered = new Set<string>(MUTANTS.flatMap(({answers}) => answers));
const count = (last: number, name: string) => Array.from({length: last}, (_, i) => `${name}${i + 1}`);

describe('the mutants', () => {
  it('can be made, and name tests that exist', () => {
    const faults = MUTANTS.flatMap(({name, edits, test: [file, words]}) => {
      try {
        const texts = new Map<string, string>();
        for (const edit of edits) texts.set(edit[0], mutate(texts.get(edit[0]) ?? read(edit[0]), edit));
        return read(file).includes(words) ? [] : [`${name}: there is no ${words} in ${file}`];
      } catch (error) {
        return [`${name}: ${String(error)}`];
      }
    });
    expect(faults).toEqual([]);
  });

  it('have names of their own', () => {
    expect(new Set(MUTANTS.map(({name}) => name)).size).toBe(MUTANTS.length);
  });

  it('answer each of the thirty failures, each subject and each invariant', () => {
    const wanted = [...count(30, '#'), ...SUBJECTS, ...count(9, 'invariant ')];
    expect(wanted.filter(one => !answered.has(one))).toEqual([]);
    expect([...answered].filter(one => !wanted.includes(one))).toEqual([]);
  });

  it('are found by name, by number and by subject', () => {
    expect(chosen([])).toEqual(MUTANTS);
    expect(chosen(['21']).every(({answers}) => answers.includes('#21'))).toBe(true);
    expect(chosen(['21'])).toEqual(chosen(['#21']));
    expect(chosen(['privacy']).length).toBeGreaterThan(1);
    expect(chosen(['no-brake']).map(({name}) => name)).toEqual(['no-brake']);
  });
});

describe('a mutant', () => {
  it('is not made if its code is twice in the declaration, or not at all', () => {
    expect(mutate('a b', ['file', null, 'a', 'c'])).toBe('c b');
    expect(() => mutate('a a', ['file', null, 'a', 'c'])).toThrow('2 times');
    expect(() => mutate('b', ['file', null, 'a', 'c'])).toThrow('0 times');
  });

  const SOURCE = `
const limit = 1;
class Queue {
  async push(
    rows: Rows,
  ): Promise<void> {
    if (this.#isFull(
      rows,
      limit,
    ))
      return;
  }

  #isFull(rows: Rows): boolean {
    return rows.size > limit;
  }
}
const CODES = {
  'log-purged': {
    reaction: 'retry',
  },
  'log-lost': {
    reaction: 'retry',
  },
};
`;

  it('changes the code of one function, method, constant or key', () => {
    const change = (declaration: string, from: string) =>
      mutate(SOURCE, ['file', declaration, from, 'X'])
        .split('\n')
        .flatMap((line, i) => (line.includes('X') ? [i] : []));
    expect(change('limit', '1')).toEqual([1]);
    expect(change('push', 'return;')).toEqual([10]);
    expect(change('#isFull', 'limit')).toEqual([14]);
    expect(change('log-lost', "'retry'")).toEqual([22]);
    expect(change('Queue', 'return rows.size')).toEqual([14]);
    expect(() => change('push', 'rows.size')).toThrow('push in file holds "rows.size" 0 times');
    expect(() => change('missing', 'limit')).toThrow('0 times');
  });

  it('does not depend on how lines are wrapped', () => {
    const changed = mutate(SOURCE, ['file', 'push', 'if (this.#isFull(rows, limit)) return;', 'void limit;']);
    expect(changed).toContain('Promise<void> {\n    void limit;\n  }');
  });

  const report = (...results: [status: string, message?: string][]) => ({
    testResults: [
      {
        message: 'the hook failed\nat',
        assertionResults: results.map(([status, message]) => ({
          status,
          failureMessages: message === undefined ? [] : [message],
        })),
      },
    ],
  });

  it('is killed by an expectation, not by a time limit, a hook or a missing test', () => {
    expect(judge(report(['failed', 'AssertionError: expected 1\n at'], ['skipped']))).toEqual({
      fate: 'killed',
      why: 'AssertionError: expected 1',
    });
    expect(judge(report(['failed', 'Error: STACK_TRACE_ERROR\n at'])).fate).toBe('timed out');
    expect(judge(report(['passed'], ['skipped'])).fate).toBe('survived');
    expect(judge(report(['skipped']))).toEqual({fate: 'broken', why: 'no test was run: the hook failed'});
  });
});
