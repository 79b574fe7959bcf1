/** The status shows the run that just ended, whatever is read from the bookkeeping meanwhile. */
import {expect, it} from 'vitest';
import type {Run} from '../../../src/status/operations.ts';
import {laterRun, laterTime, noOutcomes} from '../../../src/status/runs.ts';

const run = (minute: string, state: Run['state'] = 'succeeded'): Run => ({
  runId: minute,
  trigger: 'api',
  mode: 'diff',
  state,
  startedAt: `2024-01-01T00:${minute}:00.000Z`,
  endedAt: `2024-01-01T00:${minute}:30.000Z`,
  durationMs: 30_000,
  tables: noOutcomes(['user']),
  error: null,
});

it('an older run from the bookkeeping does not replace the one that just ended', () => {
  expect(laterRun(run('05', 'failed'), run('04'))).toEqual(run('05', 'failed'));
  expect(laterRun(run('05'), null)).toEqual(run('05'));
  expect(laterTime('2024-01-01T00:05:00.000Z', '2024-01-01T00:04:00.000Z')).toBe('2024-01-01T00:05:00.000Z');
  expect(laterTime('2024-01-01T00:05:00.000Z', null)).toBe('2024-01-01T00:05:00.000Z');
});

it('a newer one does, as does the record of the same run', () => {
  expect(laterRun(run('05'), run('06'))).toEqual(run('06'));
  expect(laterRun(run('05'), run('05', 'failed'))).toEqual(run('05', 'failed'));
  expect(laterRun(null, run('05'))).toEqual(run('05'));
  expect(laterTime('2024-01-01T00:05:00.000Z', '2024-01-01T00:06:00.000Z')).toBe('2024-01-01T00:06:00.000Z');
  expect(laterTime(null, null)).toBeNull();
});
