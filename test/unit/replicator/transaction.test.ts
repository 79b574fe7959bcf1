import {describe, expect, it} from 'vitest';
import type {RowChange, SourceEvent} from '../../../replicator/events.ts';
import {
  PositionTracker,
  TransactionBuilder,
  type SourceTransaction,
} from '../../../replicator/transaction/transaction.ts';
import {PackedRows} from '../../../src/mapping/packed.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {columnsOf, unpacked, user} from '../plan-fixture.ts';

const offset = (at: number) => ({file: 'bin.000001', offset: at});
const gtid = (name: string, begins = false): SourceEvent => ({tag: 'gtid', gtid: name, begins});
const statement = (sql: string, at = 50, database = 'laas'): SourceEvent => ({
  tag: 'statement',
  database,
  databases: null,
  sql,
  offset: offset(at),
  executedAtMs: 2000,
});
const commit = (at = 99): SourceEvent => ({tag: 'commit', offset: offset(at), committedAtMs: 1000});
const rows = (id: string, bytes = 10): SourceEvent => ({
  tag: 'rows',
  rows: {
    bytes,
    read: () => [
      {table: 'users', before: null, after: user(id), partial: false, unchecked: false} satisfies RowChange,
    ],
  },
});

function built(events: readonly SourceEvent[], maxBytes = 1000): SourceTransaction[] {
  const builder = new TransactionBuilder({database: 'laas', mapping: LAAS, maxBytes});
  return events.flatMap(event => builder.add(event) ?? []);
}
const idsOf = ({rows: blocks}: SourceTransaction) =>
  blocks
    .flatMap(block => block.read(new PackedRows(0)))
    .map(({after}) => unpacked('users', after)?.[columnsOf('users').indexOf('id')]);

describe('a transaction', () => {
  it('is returned at its commit, as a whole', () => {
    const [transaction, ...others] = built([gtid('0-1-7', true), rows('1'), rows('2'), commit()]);
    expect(others).toEqual([]);
    expect(transaction).toMatchObject({
      gtid: '0-1-7',
      offset: offset(99),
      committedAtMs: 1000,
      complete: true,
      bytes: 20,
      unseen: null,
      defined: new Set(),
    });
    expect(transaction && idsOf(transaction)).toEqual(['1', '2']);
  });

  it('may begin and end with statements', () => {
    const [transaction] = built([gtid('x'), statement('BEGIN'), rows('1'), statement('COMMIT')]);
    expect(transaction).toMatchObject({complete: true, committedAtMs: 2000});
    expect(transaction && idsOf(transaction)).toEqual(['1']);
  });

  it('contains nothing of the previous one', () => {
    const [, second] = built([gtid('1'), rows('1'), commit(), gtid('2'), rows('2'), commit()]);
    expect(second && [idsOf(second), second.gtid, second.bytes]).toEqual([['2'], '2', 10]);
  });

  it('that was rolled back has no rows, and moves the position', () => {
    for (const end of [{tag: 'rollback', offset: offset(99)} as const, statement('ROLLBACK', 99)]) {
      const [transaction] = built([gtid('1'), statement('BEGIN'), rows('1'), end]);
      expect(transaction).toMatchObject({
        rows: [],
        gtid: '1',
        offset: offset(99),
        committedAtMs: null,
        unseen: null,
      });
    }
  });

  it('of which a part was rolled back is read again', () => {
    const [transaction] = built([
      gtid('1'),
      statement('BEGIN'),
      statement('SAVEPOINT a'),
      rows('1'),
      statement('ROLLBACK TO `a`'),
      rows('2'),
      commit(),
    ]);
    expect(transaction?.doubtful).toBe(true);
  });

  it('#25 that is too large comes in parts, of which only the last is complete', () => {
    const parts = built(
      [gtid('0-1-7', true), rows('1', 600), rows('2', 600), rows('3', 600), commit()],
      1000,
    );
    expect(parts.map(part => [idsOf(part), part.complete, part.gtid, part.offset])).toEqual([
      [['1', '2'], false, '0-1-7', null],
      [['3'], true, '0-1-7', offset(99)],
    ]);
  });

  it('requests a reconcile if it is rolled back after a part was passed on', () => {
    const begin = [gtid('1', true), rows('1', 2000)];
    expect(built([...begin, statement('ROLLBACK')], 1000).at(-1)).toMatchObject({unseen: 'all'});
    expect(built([...begin, statement('ROLLBACK TO a'), commit()], 1000).at(-1)).toMatchObject({
      unseen: 'all',
      complete: true,
    });
    expect(built([...begin, {tag: 'xa-prepared', offset: null}], 1000).at(-1)).toMatchObject({unseen: 'all'});
    expect(built([...begin, commit()], 1000).at(-1)).toMatchObject({unseen: null});
  });

  it('of XA counts when it is committed, which requests a reconcile', () => {
    const [prepared] = built([
      gtid('1'),
      statement("XA START 'a'"),
      rows('1'),
      statement("XA END 'a'"),
      {tag: 'xa-prepared', offset: offset(60)},
    ]);
    expect(prepared).toMatchObject({rows: [], unseen: null, complete: true});
    expect(built([gtid('2'), statement("XA COMMIT 'a'")])).toMatchObject([{unseen: 'all', gtid: '2'}]);
    expect(built([gtid('2'), statement("XA ROLLBACK 'a'")])).toMatchObject([{unseen: null, gtid: '2'}]);
  });

  it('of XA without mapped rows when it was prepared requests none', () => {
    const prepare = (xid: string, ...events: SourceEvent[]): SourceEvent[] => [
      // As MariaDB writes it; MySQL has an XA START as well.
      gtid('1', true),
      ...events,
      statement(`XA END ${xid}`),
      {tag: 'xa-prepared', offset: offset(60)},
    ];
    const commit = (xid: string) => [gtid('2'), statement(`XA COMMIT ${xid}`)];
    const asked = (...events: SourceEvent[]) => built(events).map(({unseen}) => unseen);
    const [a, b] = ["X'61',X'',1", "X'62',X'',1"];
    expect(asked(...prepare(a), ...prepare(b, rows('1')), ...commit(a), ...commit(b))).toEqual([
      null,
      null,
      null,
      'all',
    ]);
    // Reported once, for the last transaction of that name; one that was rolled back does not affect the next.
    expect(asked(...prepare(a), ...commit(a), ...commit(a)).at(-1)).toBe('all');
    expect(asked(...prepare(a), ...prepare(a, rows('1')), ...commit(a)).at(-1)).toBe('all');
    expect(asked(...prepare(a), gtid('2'), statement(`XA ROLLBACK ${a}`), ...commit(a)).at(-1)).toBe('all');
    expect(asked(...prepare(a, statement('UPDATE users SET x = 1')), ...commit(a)).at(-1)).toBe('all');
    const unreadable: SourceEvent = {tag: 'unreadable-rows', table: 'users'};
    expect(asked(...prepare(a, unreadable), ...commit(a)).at(-1)).toBe('all');
  });

  it('of XA without mapped rows is remembered, for the last thousand', () => {
    const events = Array.from({length: 1001}, (_, i) => [
      gtid('1'),
      statement(`XA END X'${i}'`),
      {tag: 'xa-prepared', offset: null} satisfies SourceEvent,
    ]).flat();
    expect(built([...events, gtid('2'), statement("XA COMMIT X'1'")]).at(-1)).toMatchObject({unseen: null});
    expect(built([...events, gtid('2'), statement("XA COMMIT X'0'")]).at(-1)).toMatchObject({unseen: 'all'});
  });

  it('with images without a key requests a reconcile', () => {
    const [transaction] = built([gtid('1'), {tag: 'unreadable-rows', table: 'users'}, commit()]);
    expect(transaction?.unseen).toEqual(new Set(['users']));
  });
});

describe('a statement', () => {
  it('that changes the definition of a mapped table is a transaction of its own', () => {
    expect(built([gtid('1'), statement('ALTER TABLE users ADD phone INT')])).toMatchObject([
      {defined: new Set(['users']), unseen: null, gtid: '1'},
    ]);
    expect(built([gtid('1'), statement('ALTER TABLE users MODIFY email TEXT')])).toMatchObject([
      {defined: new Set(['users']), unseen: 'all'},
    ]);
    expect(built([gtid('1'), statement('TRUNCATE users')])).toMatchObject([
      {defined: new Set(['users']), unseen: 'all'},
    ]);
    expect(built([gtid('1'), statement('ALTER TABLE other ADD x INT')])).toMatchObject([
      {defined: new Set(), unseen: null},
    ]);
    expect(built([gtid('1'), statement('TRUNCATE users', 50, 'elsewhere')])).toMatchObject([
      {defined: new Set(), unseen: null},
    ]);
  });

  it('that changes rows of a mapped table requests a reconcile in its transaction', () => {
    const [transaction, ...others] = built([
      gtid('1', true),
      statement('UPDATE users SET id = 1'),
      rows('2'),
      commit(),
    ]);
    expect(transaction).toMatchObject({unseen: 'all', complete: true});
    expect(transaction && idsOf(transaction)).toEqual(['2']);
    expect(others).toEqual([]);
  });
});

describe('an advance of the log', () => {
  it('counts between transactions and not within', () => {
    const advance: SourceEvent = {tag: 'advance', offset: offset(5)};
    expect(built([advance])).toMatchObject([{rows: [], offset: offset(5), committedAtMs: null, gtid: null}]);
    expect(built([gtid('1'), advance, rows('1'), advance, commit()])).toHaveLength(1);
  });
});

describe('the position', () => {
  const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
  it('grows by each transaction of MySQL', () => {
    const tracker = new PositionTracker({tag: 'mysql-gtid', set: `${A}:1-5`}, offset(4));
    tracker.advance({gtid: `${A}:7`, offset: offset(9)});
    tracker.advance({gtid: `${A}:6`, offset: null});
    expect([tracker.position, tracker.offset]).toEqual([{tag: 'mysql-gtid', set: `${A}:1-7`}, offset(9)]);
  });

  it('moves by domain on MariaDB', () => {
    const tracker = new PositionTracker({tag: 'mariadb-gtid', gtids: '0-1-5,1-1-9'}, null);
    tracker.advance({gtid: '0-2-6', offset: offset(9)});
    tracker.advance({gtid: '2-1-18446744073709551615', offset: offset(10)});
    expect(tracker.position).toEqual({tag: 'mariadb-gtid', gtids: '0-2-6,1-1-9,2-1-18446744073709551615'});
  });

  it('is the offset if there are no GTIDs', () => {
    const tracker = new PositionTracker({tag: 'file', ...offset(4)}, null);
    tracker.advance({gtid: null, offset: {file: 'bin.000002', offset: 4}});
    tracker.advance({gtid: null, offset: null});
    expect(tracker.position).toEqual({tag: 'file', file: 'bin.000002', offset: 4});
  });
});
