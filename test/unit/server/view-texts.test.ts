/** All numbers of the page are different here, so that a text that shows another number is found. */
import {describe, expect, it} from 'vitest';
import type {Tree} from '../../../src/server/dashboard/assets/rows.js';
import {
  codeItems,
  countRows,
  deadLetterRows,
  reasonItems,
  runRows,
  verdictRows,
} from '../../../src/server/dashboard/assets/rows.js';
import {textsOf, tonesOf} from '../../../src/server/dashboard/assets/view.js';
import {mappingView} from '../../../src/server/mapping-view.ts';
import type {Run, Verdict} from '../../../src/status/operations.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {deadLetter, NOW, run, status} from './recording-operations.ts';

const nowMs = Date.parse(NOW);
const TABLES = mappingView(LAAS);
const ago = (seconds: number) => new Date(nowMs - seconds * 1000).toISOString();
const none = {compared: 0, repaired: 0, deleted: 0, deadLetters: 0};
const textOf = (tree: Tree | string): string =>
  typeof tree === 'string' ? tree : tree.children.map(textOf).join('');
const cellsOf = (row: Tree | undefined) => (row?.children ?? []).map(textOf);

const busy = status(
  {
    lastSync: ago(4000),
    countedAt: ago(30),
    nextRun: new Date(nowMs + 7_260_000).toISOString(),
    deadLetters: 3,
    lastRun: run('run-9', 'failed', {
      trigger: 'cli',
      mode: 'full',
      startedAt: ago(5000),
      durationMs: 61_000,
    }),
    currentRun: run('run-10', 'running', {trigger: 'recovery', startedAt: ago(12)}),
    progress: {runId: 'run-10', table: 'user', rows: 1234, totalRows: 5000, fraction: 0.2468},
  },
  {
    lagSeconds: 2.5,
    lagBytes: 3_500_000,
    position: {tag: 'file', file: 'a', offset: 1},
    sourcePosition: {tag: 'file', file: 'b', offset: 2},
    lastEventAt: ago(11),
    lastContactAt: ago(13),
    lastAppliedAt: ago(17),
    transactionsApplied: 1001,
    rowsApplied: 20_002,
    reconnects: 5,
  },
);

describe('the texts', () => {
  it('each show what their names say', () => {
    const history = {at: [0, 5, 10], lag: [0, 0, 0], rows: [0, 100, 400], transactions: [0, 10, 20]};
    expect(textsOf({status: busy, history, nowMs, maxLagSeconds: 90})).toEqual({
      state: 'Streaming',
      stateHelp: 'Changes are applied as they happen.',
      health: 'Healthy',
      healthNote: 'Changes are applied as they happen. Nothing needs you.',
      lag: '2.5 s',
      lagNote: 'unhealthy past 1 min 30 s',
      behind: '3.3 MiB',
      behindNote: 'of the log to go',
      rate: '40 /s',
      rateNote: '2 transactions/s',
      applied: '17 s ago',
      appliedNote: 'source heard 13 s ago',
      deadLetters: '3',
      deadLettersNote: 'rows need a correction',
      nextRun: 'in 2 h 1 min',
      nextRunNote: 'last success 1 h 6 min ago',
      position: 'file a\noffset 1',
      sourcePosition: 'file b\noffset 2',
      positionNote: '3.3 MiB apart',
      transactionsApplied: '1,001',
      rowsApplied: '20,002',
      reconnects: '5',
      lastEvent: '11 s ago',
      countedAt: 'counted 30 s ago',
      runTitle: 'Diff run, recovery, started 12 s ago',
      runPercent: '24 %',
      runRows: 'user: 1,234 of 5,000 rows in all',
      lastRun: 'Failed',
      lastRunNote: 'Full run, by command line, 1 h 23 min ago, took 1 min 1 s',
    });
  });

  it('never show an end of the log before the applied position', () => {
    const history = {at: [], lag: [], rows: [], transactions: []};
    const ends = (lagBytes: number | null) => {
      const replication = {
        lagBytes,
        position: {kind: 'gtid', gtids: '0-1-9', file: 'a.2', offset: 7},
        sourcePosition: {file: 'a.1', offset: 900},
      };
      const shown = textsOf({status: status({}, replication), history, nowMs, maxLagSeconds: 60});
      return shown['sourcePosition'];
    };
    expect([ends(0), ends(893), ends(null)]).toEqual([
      'file a.2\noffset 7',
      'file a.1\noffset 900',
      'file a.1\noffset 900',
    ]);
  });

  it('are coloured by their meaning', () => {
    expect(tonesOf(busy, 60)).toEqual({
      state: 'ok',
      health: 'ok',
      lag: 'plain',
      deadLetters: 'warn',
      lastRun: 'bad',
    });
    const tones = (...change: Parameters<typeof status>) => tonesOf(status(...change), 60);
    expect(tones({}, {lagSeconds: 61})['lag']).toBe('bad');
    expect(tones({}, {lagSeconds: null})['lag']).toBe('warn');
    expect(tones({isHealthy: false, reasons: ['x']}, {state: 'halted'})).toMatchObject({
      state: 'bad',
      health: 'bad',
    });
    expect(tones({warnings: ['x']}, {state: 'paused'})).toMatchObject({state: 'warn', health: 'warn'});
  });
});

describe('the lists', () => {
  it('the counts, the foreign rows separately, and the differences', () => {
    const counted = status({
      sourceDatabase: {institutes: 10, users: 20, instituteUsers: 30, userAuth: 40},
      organizationService: {institutes: 10, users: 25, instituteUsers: 29, userAuth: 43},
      foreignRows: {institute: 0, user: 5, institute_users: 0, user_auth: 1},
    });
    expect(countRows(counted, TABLES).map(cellsOf)).toEqual([
      ['institute', '10', '10', '0', 'equal'],
      ['user', '20', '25', '5', 'equal'],
      ['institute_users', '30', '29', '0', '1 fewer'],
      ['user_auth', '40', '43', '1', '2 more'],
    ]);
    expect(cellsOf(countRows(status({sourceDatabase: null, foreignRows: null}), TABLES)[1])).toEqual([
      'user',
      'unknown',
      '1,200',
      '–',
      'not counted',
    ]);
  });

  it('a run with its sums, its reason, and its results by table', () => {
    const tables: Run['tables'] = {
      institute: {compared: 1, repaired: 20, deleted: 300, deadLetters: 4000},
      user: {compared: 2, repaired: 30, deleted: 400, deadLetters: 5000},
      institute_users: none,
      user_auth: none,
    };
    const [line, detail] = runRows(
      run('run-7', 'needs-confirmation', {tables, error: 'rows to delete: 500'}),
    );
    expect(cellsOf(line).slice(1)).toEqual([
      'Needs confirmation',
      '4.5 s',
      'schedule',
      'diff',
      '3',
      '50',
      '700',
      '9,000',
    ]);
    expect(cellsOf(line)[0]).toContain('2026-03-01 02:30:00 UTC');
    const text = textOf(detail ?? '');
    expect(text).toContain('Run run-7, diff, by schedule, ended 2026-03-01 02:30');
    expect(text).toContain('rows to delete: 500');
    expect(text).toContain('TableComparedRepairedDeletedDead letters');
    expect(text).toContain('institute1203004,000user2304005,000');
    expect(cellsOf(runRows(run('run-8', 'running'))[0])[2]).toBe('–');
  });

  it('a dead letter with its detail, and the codes, most first', () => {
    const letters = [
      deadLetter('7', {firstSeenAt: ago(90), lastSeenAt: ago(30), attempts: 4}),
      deadLetter('8', {code: 'unique-conflict', detail: 'user 9', lastSeenAt: ago(20)}),
      deadLetter('9', {code: 'unique-conflict', detail: null}),
    ];
    const rows = deadLetterRows(letters, nowMs).map(cellsOf);
    expect(rows[0]).toEqual([
      'user',
      '7',
      'invalid-email',
      '4',
      expect.stringMatching(/11:58:30 UTC$/),
      '30 s ago',
    ]);
    expect(rows[1]?.slice(2, 4)).toEqual(['unique-conflict user 9', '3']);
    expect(codeItems(letters).map(textOf)).toEqual(['unique-conflict2', 'invalid-email1']);
  });

  it('a verdict by kind of drift, with its sample keys', () => {
    const verdict: Verdict = {
      equal: false,
      durationMs: 1,
      tables: Object.fromEntries(
        ['institute', 'user', 'institute_users', 'user_auth'].map(table => [
          table,
          table === 'user'
            ? {
                compared: 9,
                missing: 1,
                different: 2,
                extra: 4,
                deadLetters: 0,
                foreign: 0,
                sampleKeys: ['5', '6'],
              }
            : {compared: 8, missing: 0, different: 0, extra: 0, deadLetters: 0, foreign: 0, sampleKeys: []},
        ]),
      ) as unknown as Verdict['tables'],
    };
    const rows = verdictRows(verdict).map(cellsOf);
    expect(rows[0]).toEqual(['institute', 'equal', '8', '0', '0', '0', '']);
    expect(rows[1]).toEqual(['user', '7 differ', '9', '1', '2', '4', '5, 6']);
  });

  it('the reasons, then what to do, then the warnings', () => {
    const fault = {code: 'access-denied', action: 'Grant what `laas-sync doctor` prints.'} as const;
    const items = reasonItems(
      status({isHealthy: false, reasons: ['it is halted'], warnings: ['2 wait']}, {state: 'halted', fault}),
    );
    expect(items.map(textOf)).toEqual([
      'Reason: it is halted',
      'What to do: Grant what laas-sync doctor prints.',
      'Warning: 2 wait',
    ]);
    expect(JSON.stringify(items[1])).toContain('{"tag":"code","attrs":{},"children":["laas-sync doctor"]}');
  });
});
