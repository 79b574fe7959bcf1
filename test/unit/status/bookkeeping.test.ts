/** A late read of the bookkeeping never replaces newer state. */
import {describe, expect, it} from 'vitest';
import {silentLogger} from '../../helpers/silent-logger.ts';
import {Bookkeeping} from '../../../src/status/bookkeeping.ts';
import type {Run} from '../../../src/status/operations.ts';
import {noOutcomes} from '../../../src/status/runs.ts';

const run = (minute: string): Run => ({
  runId: minute,
  trigger: 'api',
  mode: 'diff',
  state: 'succeeded',
  startedAt: `2024-01-01T00:${minute}:00.000Z`,
  endedAt: `2024-01-01T00:${minute}:30.000Z`,
  durationMs: 30_000,
  tables: noOutcomes(['user']),
  error: null,
});

/** Tables whose answers show the state at the time of the query, and come when the test releases them. */
function tables() {
  let recorded: {run: Run; letters: number} = {run: run('01'), letters: 1};
  const waiting: (() => void)[] = [];
  const asked = <T>(answer: T) => new Promise<T>(resolve => waiting.push(() => resolve(answer)));
  const metric: number[] = [];
  const bookkeeping = new Bookkeeping({
    store: {
      deadLetterCounts: () => asked(new Map([['unique-conflict', recorded.letters]])),
      last: () => asked(recorded.run),
      lastSuccess: () => asked(recorded.run.endedAt),
    },
    metrics: {
      deadLetters: (code, count) => {
        if (code === 'unique-conflict') metric.push(count);
      },
    },
    logger: silentLogger,
  });
  /** Answers the `nth` waiting query, and lets its consequences happen. */
  const answer = async (nth = 0) => {
    waiting.splice(nth, 1)[0]?.();
    await new Promise(setImmediate);
  };
  return {
    bookkeeping,
    metric,
    answer,
    record: (last: Run, letters: number) => {
      recorded = {run: last, letters};
    },
    answerAll: async () => {
      while (waiting.length > 0) await answer();
    },
  };
}

describe('the bookkeeping', () => {
  it('that was read before a run ended and answers after it does not hide that run', async () => {
    const {bookkeeping, record, answer, answerAll} = tables();
    const reading = bookkeeping.read();
    await answer(); // its dead letters; then it reads the last run
    record(run('02'), 1);
    bookkeeping.ended(run('02'));
    await answer(); // from before the end
    expect(bookkeeping.facts).toMatchObject({lastRun: {runId: '02'}, lastSync: run('02').endedAt});
    await answer(); // the last success
    expect(bookkeeping.facts).toMatchObject({lastRun: {runId: '02'}, lastSync: run('02').endedAt});
    await answerAll();
    await reading;
    expect(bookkeeping.facts).toMatchObject({lastRun: {runId: '02'}, lastSync: run('02').endedAt});
  });

  it('that was read first and answered last does not restore dead letters', async () => {
    const {bookkeeping, metric, record, answer, answerAll} = tables();
    const reading = bookkeeping.read();
    record(run('02'), 0);
    bookkeeping.ended(run('02'));
    await answer(1);
    await answerAll();
    await reading;
    expect(bookkeeping.facts.deadLetters).toBe(0);
    expect(metric.at(-1)).toBe(0);
  });
});
