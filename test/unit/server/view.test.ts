import {describe, expect, it} from 'vitest';
import * as format from '../../../src/server/dashboard/assets/format.js';
import {
  announcement,
  ratesOf,
  refusedOf,
  shownOf,
  textsOf,
  tonesOf,
} from '../../../src/server/dashboard/assets/view.js';
import {NOW, run, status} from './recording-operations.ts';

describe('format', () => {
  it.each([
    [0, '0 ms'],
    [12.4, '12 ms'],
    [999, '999 ms'],
    [4200, '4.2 s'],
    [42_900, '42 s'],
    [60_000, '1 min'],
    [725_000, '12 min 5 s'],
    [11_520_000, '3 h 12 min'],
    [183_600_000, '2 d 3 h'],
    [null, 'unknown'],
  ])('writes %s ms as %s', (ms, text) => {
    expect(format.duration(ms)).toBe(text);
  });

  it.each([
    [0, '0 B'],
    [1023, '1,023 B'],
    [1536, '1.5 KiB'],
    [4_812_331, '4.6 MiB'],
    [null, 'unknown'],
  ])('writes %s bytes as %s', (bytes, text) => {
    expect(format.bytes(bytes)).toBe(text);
  });

  it('shows ages and due times in whole units', () => {
    const now = Date.parse(NOW);
    const at = (ms: number) => new Date(now + ms).toISOString();
    expect([
      format.ago(null, now),
      format.ago(at(-200), now),
      format.ago(at(-59_900), now),
      format.ago(at(-185_000), now),
    ]).toEqual(['never', 'just now', '59 s ago', '3 min ago']);
    expect([format.until(null, now), format.until(at(-1), now), format.until(at(3_660_000), now)]).toEqual([
      'none due',
      'due now',
      'in 1 h 1 min',
    ]);
  });

  it('writes a position of any kind, without its tag', () => {
    expect(format.position({tag: 'file', file: 'mysql-bin.000004', offset: 1234})).toBe(
      'file mysql-bin.000004\noffset 1234',
    );
    expect(format.position(null)).toBe('unknown');
  });
});

describe('rates', () => {
  it('are averaged over some seconds, and not across a restart of the counter', () => {
    expect(ratesOf([0, 5, 5.02, 10, 15], [0, 50, 60, 100, 20])).toEqual([
      null,
      10,
      60 / 5.02,
      40 / 4.98,
      null,
    ]);
  });

  it('are not guessed from the first sample', () => {
    const history = {at: [100], lag: [0], rows: [7], transactions: [7]};
    const texts = textsOf({status: status(), history, nowMs: Date.parse(NOW), maxLagSeconds: 60});
    expect([texts['rate'], texts['rateNote']]).toEqual(['–', 'measuring']);
  });
});

it('announces state, health and reasons, and nothing that changes all the time', () => {
  const halted = status(
    {isHealthy: false, reasons: ['users.email is gone', 'lag is 91 s']},
    {state: 'halted'},
  );
  expect(announcement(halted)).toBe('Halted. Not healthy: users.email is gone; lag is 91 s.');
  expect(announcement(status({}, {lagSeconds: 1}))).toBe(announcement(status({}, {lagSeconds: 2})));
});

describe('a standby', () => {
  const standby = status(
    {deadLetters: 2, warnings: ['2 dead letters wait']},
    {state: 'standby', lagSeconds: null, lagBytes: null},
  );
  const history = {at: [], lag: [], rows: [], transactions: []};
  const texts = textsOf({status: standby, history, nowMs: Date.parse(NOW), maxLagSeconds: 60});

  it('says that another leads, whatever the warnings, and that it knows the lag', () => {
    expect(texts['healthNote']).toContain('Another instance leads');
    expect([texts['lagNote'], texts['behindNote']]).toEqual(Array(2).fill('known to the leader'));
    expect(tonesOf(standby, 60)['lag']).toBe('plain');
  });

  it('offers no operation of the leader', () => {
    expect(Object.values(refusedOf(standby))).toEqual(Array(5).fill(true));
    expect(refusedOf(status({deadLetters: 2}))).toMatchObject({trigger: false, pause: false, retry: false});
    expect(refusedOf(status({deadLetters: 0}))['retry']).toBe(true);
  });
});

it('offers to confirm deletes only while a run waits for it and none is active', () => {
  const shown = (change: Parameters<typeof status>[0]) => shownOf(status(change))['confirm-deletes'];
  const waiting = run('1', 'needs-confirmation');
  expect(shown({lastRun: waiting})).toBe(true);
  expect(shown({lastRun: waiting, currentRun: run('2', 'running')})).toBe(false);
  expect(shown({lastRun: run('2')})).toBe(false);
});
