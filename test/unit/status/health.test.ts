import {describe, expect, it} from 'vitest';
import {SyncError} from '../../../src/errors.ts';
import {
  healthOf,
  oneMoreUnseen,
  unseenWarnings,
  type HealthFacts,
  type Unseen,
} from '../../../src/status/health.ts';
import type {Run, RunState} from '../../../src/status/operations.ts';
import {noOutcomes} from '../../../src/status/runs.ts';

const well: HealthFacts = {
  replicationEnabled: true,
  state: 'streaming',
  fault: null,
  stateForMs: 1000,
  lagSeconds: 0,
  maxLagSeconds: 60,
  lastRun: null,
  deadLetters: 0,
  bookkeepingFault: null,
  warnings: [],
};
const of = (facts: Partial<HealthFacts>) => healthOf({...well, ...facts});
const run = (state: RunState, error: string | null = null): Run => ({
  runId: 'r',
  trigger: 'schedule',
  mode: 'diff',
  state,
  startedAt: '',
  endedAt: null,
  durationMs: null,
  tables: noOutcomes(['user']),
  error,
});
const fault = new SyncError('source-unreachable', 'the source is gone');

describe('health', () => {
  it('is good while it streams, loads or stands by', () => {
    for (const state of ['streaming', 'snapshotting', 'standby'] as const)
      expect(of({state})).toEqual({reasons: [], warnings: []});
  });

  it('is bad above the allowed lag, not at it, and not if the lag is unknown', () => {
    expect(of({lagSeconds: 60}).reasons).toEqual([]);
    expect(of({lagSeconds: 61}).reasons).toEqual(['the target is 61 s behind, more than 60 s']);
    expect(of({lagSeconds: null}).reasons).toEqual([]);
  });

  it('is bad while halted or stopped, and says why', () => {
    expect(of({state: 'halted', fault}).reasons).toEqual([
      'replication is halted: source-unreachable, the source is gone',
    ]);
    expect(of({state: 'stopped'}).reasons).toEqual(['replication is stopped']);
  });

  it('is bad at once if the target refuses a whole batch', () => {
    const refused = new SyncError('target-rejected-batch', 'the disk is full');
    expect(of({state: 'starting', fault: refused, stateForMs: 1}).reasons).toEqual([
      'replication is not running: target-rejected-batch, the disk is full',
    ]);
  });

  it('is good for a while without a connection, with a warning', () => {
    expect(of({state: 'starting', fault, stateForMs: 5000})).toMatchObject({
      reasons: [],
      warnings: [expect.stringContaining('reconnecting')],
    });
    expect(of({state: 'starting', fault, stateForMs: 11_000}).reasons).toEqual([
      expect.stringContaining('not running'),
    ]);
  });

  it('is bad as long as the last event is a lost position', () => {
    const lost = new SyncError('position-lost', 'the log of the source was reset');
    expect(of({state: 'starting', fault: lost, stateForMs: 0}).reasons).toEqual([
      'replication restarted from a new position; a full reconcile is running: position-lost, the log of the source was reset',
    ]);
  });

  it('does not mind replication that was switched off, and warns of a pause', () => {
    expect(of({replicationEnabled: false, state: 'stopped', lagSeconds: 100})).toEqual({
      reasons: [],
      warnings: [],
    });
    expect(of({state: 'paused'})).toMatchObject({
      reasons: [],
      warnings: ['replication is paused by an operator'],
    });
  });

  it('is bad after a run that failed or awaits confirmation', () => {
    expect(of({lastRun: run('failed', 'run-failed: why')}).reasons).toEqual([
      'the last reconcile failed: run-failed: why',
    ]);
    expect(of({lastRun: run('needs-confirmation', 'rows to delete: 500 of user')}).reasons).toEqual([
      expect.stringContaining('500 of user'),
    ]);
    expect(of({lastRun: run('succeeded')}).reasons).toEqual([]);
  });

  it('is good with dead letters, and warns of them', () => {
    expect(of({deadLetters: 3, warnings: ['other']})).toEqual({
      reasons: [],
      warnings: ['other', expect.stringContaining('3 dead letters')],
    });
  });

  it('warns for an hour of changes that the log did not show', () => {
    const atMs = Date.parse('2026-03-01T10:00:00Z');
    const unseen = oneMoreUnseen(null, 'a mapped table was truncated', atMs);
    expect(unseenWarnings(null, atMs)).toEqual([]);
    expect(unseenWarnings(unseen, atMs + 3_600_000)).toEqual([
      'changes at 2026-03-01T10:00:00.000Z were logged without row images (a mapped table was truncated); a reconcile has been scheduled',
    ]);
    expect(unseenWarnings(unseen, atMs + 3_600_001)).toEqual([]);
  });

  it('warns of a source whose settings make this frequent', () => {
    let unseen: Unseen | null = null;
    for (let i = 0; i < 5; i++) unseen = oneMoreUnseen(unseen, 'a change in statement format', i * 1000);
    expect(unseenWarnings(unseen, 4000).join()).toMatch(
      /5 times since 1970-01-01T00:00:00.*binlog_format = ROW/,
    );
    expect(oneMoreUnseen(unseen, 'x', 4000 + 3_600_001)).toMatchObject({times: 1});
  });
});

it('says that no reconcile can run if the bookkeeping refuses to be read', () => {
  const missing = new SyncError('target-incompatible', 'a table is missing');
  expect(of({bookkeepingFault: missing}).reasons).toEqual([
    'no reconcile can run: target-incompatible, a table is missing',
  ]);
  // The stream reports the same fault, or a lost server explains it better.
  expect(of({bookkeepingFault: missing, state: 'halted', fault: missing}).reasons).toHaveLength(1);
  expect(of({bookkeepingFault: new SyncError('target-unreachable', 'away')}).reasons).toEqual([]);
});
