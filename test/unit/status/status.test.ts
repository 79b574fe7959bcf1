import {describe, expect, it} from 'vitest';
import {SyncError} from '../../../src/errors.ts';
import {statusOf, type StatusFacts} from '../../../src/status/status.ts';

const nowMs = Date.parse('2024-01-01T00:00:10.000Z');
const place = {position: {tag: 'mysql-gtid', set: 'a:1-7'}, offset: {file: 'log.7', offset: 70}} as const;
const leading = {isLoading: false, place, currentRun: null, nextRun: new Date(nowMs)};
const well: StatusFacts = {
  name: 'default',
  replicationEnabled: true,
  maxLagSeconds: 60,
  state: 'streaming',
  stateSinceMs: nowMs - 1000,
  fault: null,
  leading,
  lag: {
    lagSeconds: () => 0.0123456,
    knownEnd: {file: 'log.7', offset: 90},
    lastEventMs: nowMs - 2000,
    lastContactMs: nowMs,
  },
  lagBytes: 20,
  applied: {transactions: 3, rows: 5, atMs: nowMs - 1000},
  reconnects: 1,
  unseen: null,
  counted: null,
  foreign: null,
  progress: null,
  bookkeeping: {lastRun: null, lastSync: null, deadLetters: 2, fault: null},
};
const of = (facts: Partial<StatusFacts>) => statusOf({...well, ...facts}, nowMs);

describe('the status', () => {
  it('of a leader shows lag, position and applied counts', () => {
    expect(of({})).toMatchObject({
      isHealthy: true,
      timestamp: '2024-01-01T00:00:10.000Z',
      nextRun: '2024-01-01T00:00:10.000Z',
      deadLetters: 2,
      replication: {
        state: 'streaming',
        lagSeconds: 0.012,
        lagBytes: 20,
        position: {tag: 'mysql-gtid', set: 'a:1-7', file: 'log.7', offset: 70},
        sourcePosition: {file: 'log.7', offset: 90},
        lastAppliedAt: '2024-01-01T00:00:09.000Z',
        transactionsApplied: 3,
        rowsApplied: 5,
        fault: null,
      },
    });
  });

  it('of an instance that does not lead has no lag and no position', () => {
    const {replication, currentRun, nextRun} = of({leading: null, state: 'standby'});
    expect(replication).toMatchObject({state: 'standby', lagSeconds: null, lagBytes: null, position: null});
    expect({currentRun, nextRun}).toEqual({currentRun: null, nextRun: null});
  });

  it('of an instance that does not replicate has none, either, and is healthy', () => {
    const {replication, isHealthy} = of({replicationEnabled: false, state: 'stopped'});
    expect(replication).toMatchObject({state: 'stopped', lagSeconds: null, position: null});
    expect(isHealthy).toBe(true);
  });

  it('says snapshotting only for a stream beside a run that covers a gap', () => {
    const loading = {...leading, isLoading: true};
    expect(of({leading: loading}).replication.state).toBe('snapshotting');
    expect(of({leading: loading, state: 'halted'}).replication.state).toBe('halted');
  });

  it('warns of another mapping than that of the last run, and is healthy', () => {
    const {warnings, isHealthy} = of({mappingChanged: true});
    expect(warnings).toContainEqual(expect.stringMatching(/^mapping-changed: /));
    expect(isHealthy).toBe(true);
    expect(of({mappingChanged: false}).warnings.join()).not.toContain('mapping-changed');
  });

  it('shows the fault that stops it, and what to do', () => {
    const fault = new SyncError('schema-incompatible', 'users.email is gone');
    const {replication, isHealthy, reasons} = of({state: 'halted', fault});
    expect(replication.fault).toMatchObject({
      code: 'schema-incompatible',
      action: expect.stringMatching(/column/),
    });
    expect(replication.position).toMatchObject({set: 'a:1-7'});
    expect({isHealthy, reasons}).toEqual({
      isHealthy: false,
      reasons: ['replication is halted: schema-incompatible, users.email is gone'],
    });
  });
});
