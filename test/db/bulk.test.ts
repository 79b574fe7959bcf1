/**
 * Rows by COM_STMT_BULK_EXECUTE, and several packets sent at once: all of them arrive, and nothing of a failed
 * transaction stays.
 */
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {IDLE_SECONDS, END_ROWS, openSession, rollBack, type Session} from '../../src/apply/session.ts';
import {BulkRows} from '../../src/db/bulk.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {untilWaiting} from '../helpers/lock-waits.ts';
import {configOf} from '../property/stand.ts';
import {connect, query} from '../servers/databases.ts';
import {startServer} from '../servers/server.ts';

const INSERT = 'INSERT INTO t (id, s) VALUES (?, ?)';
const UPSERT = `${INSERT} ON DUPLICATE KEY UPDATE s = VALUES(s)`;
const GONE = {code: 'target-unreachable'};
/** Below {@link IDLE_SECONDS}, so that the client ends the wait. */
const SHORT_MS = 500;
expect(SHORT_MS).toBeLessThan(IDLE_SECONDS * 1000);

type Pairs = readonly (readonly [id: number, s: string | null])[];

function packet(statementId: number, rows: Pairs): BulkRows {
  const packed = new BulkRows();
  packed.begin(statementId, 2);
  for (const [id, s] of rows) {
    packed.value(String(id));
    packed.value(s);
  }
  return packed;
}

describeEachFlavour('rows in bulk', ({flavour, edition, server, target}) => {
  const bulk = it.skipIf(flavour !== 'mariadb');
  let other: mysql.Connection;
  let session: Session;
  const opened: Session[] = [];
  const open = async (statementMs?: number) => {
    const made = await openSession(configOf(server, target), statementMs);
    opened.push(made);
    return made;
  };
  const prepare = async (on: Session, sql: string): Promise<number> => {
    const id = await on.prepareRows(sql);
    if (id === null) throw new Error('it was not prepared');
    return id;
  };
  /** Sends packets in one turn, in a transaction. */
  const sendAtOnce = (on: Session, statementId: number, packets: readonly Pairs[]) => {
    const begun = on.beginRows();
    const sent = packets.map(rows => on.writeRows(packet(statementId, rows)));
    return Promise.allSettled([begun, ...sent]);
  };
  const seenByOthers = async (where = 'TRUE') => {
    const [row] = await query(other, `SELECT COUNT(*) AS n FROM t WHERE ${where}`);
    return Number(row?.['n']);
  };
  const idOf = async (on: Session) => Number((await on.query('SELECT CONNECTION_ID()'))[0]?.[0]);

  beforeAll(async () => {
    other = await connect(server, target);
  });
  afterAll(() => other?.end());
  beforeEach(async () => {
    await other.query(
      'DROP TABLE IF EXISTS t; CREATE TABLE t (id INT PRIMARY KEY, s LONGTEXT) ENGINE = InnoDB DEFAULT CHARSET utf8mb4',
    );
    session = await open();
  });
  afterEach(() => {
    for (const made of opened.splice(0)) made.close();
  });

  it('are prepared if the server accepts them, and otherwise sent as text', async () => {
    expect(typeof (await session.prepareRows(UPSERT))).toBe(flavour === 'mariadb' ? 'number' : 'object');
    // The text form reports the fault.
    const unknown = 'INSERT INTO unknown (id) VALUES (?)';
    expect(await session.prepareRows(unknown)).toBeNull();
    await expect(session.query(unknown.replace('?', '1'))).rejects.toMatchObject({errno: 1146});
  });

  bulk('are sent as text to a server whose log holds statements', async () => {
    await using own = await startServer({edition, options: ['--binlog-format=STATEMENT']});
    const logging = await openSession(configOf(own, 'mysql'));
    try {
      expect(await logging.prepareRows('INSERT INTO time_zone (Time_zone_id) VALUES (?)')).toBeNull();
    } finally {
      logging.close();
    }
  });

  bulk('arrive as they were', async () => {
    const lengths = [0, 1, 127, 128, 249, 250, 251, 252, 253, 65_534, 65_535, 65_536, 65_537, 200_000];
    const texts: (string | null)[] = [
      null,
      ...lengths.map(length => 'x'.repeat(length)),
      // Two, three and four bytes a character, each filled to the exact length.
      ...['é', '漢', '🙂'].flatMap(character =>
        lengths.map(length => {
          const bytes = Buffer.byteLength(character);
          return character
            .repeat(Math.floor(length / bytes))
            .padEnd(length, 'x')
            .slice(-length || length);
        }),
      ),
      ...[250, 251, 65_535, 65_536].map(
        bytes => `${'é'.repeat((bytes - (bytes % 2)) / 2)}${'x'.repeat(bytes % 2)}`,
      ),
      ...[250, 251, 65_535, 65_536].map(bytes => 'x'.repeat(bytes - 4) + '🙂'),
      `a'b"c\\d\\'e\`f%_;--#/*`,
      'a\0b\0',
      '\0',
      '\n\r\t\u001a\b',
      'NULL',
      '🙂👩‍👩‍👧\u{10ffff}',
      ' before and after ',
    ];
    const rows = texts.map((s, i) => [i, s] as const);
    const id = await prepare(session, UPSERT);
    // One packet grows, and is reused.
    const packed = packet(id, rows.slice(0, 3));
    await session.writeRows(packed);
    packed.begin(id, 2);
    for (const [key, s] of rows.slice(3)) {
      packed.value(String(key));
      packed.value(s);
    }
    await session.writeRows(packed);
    const stored = await query(other, 'SELECT id, s FROM t ORDER BY id');
    expect(stored.length).toBe(rows.length);
    for (const [i, s] of texts.entries())
      expect(stored[i]?.['s'] === s, `text ${i} of ${s?.length ?? 0} units`).toBe(true);
  });

  bulk('are accepted after the table was changed', async () => {
    const id = await prepare(session, UPSERT);
    await session.writeRows(packet(id, [[1, 'a']]));
    await other.query('ALTER TABLE t ADD COLUMN f INT NULL FIRST');
    await session.writeRows(packet(id, [[1, 'b'], [2, 'c']])); // prettier-ignore
    expect(await query(other, 'SELECT id, s FROM t ORDER BY id')).toEqual([
      {id: 1, s: 'b'},
      {id: 2, s: 'c'},
    ]);
  });

  bulk('are rolled back with their transaction if one of its packets is refused', async () => {
    await other.query('ALTER TABLE t MODIFY s VARCHAR(3)');
    const id = await prepare(session, UPSERT);
    const sent = await sendAtOnce(session, id, [[[1, 'a']], [[2, 'b'], [3, 'long'], [4, 'd']], [[5, 'e']]]); // prettier-ignore
    expect(sent.map(({status}) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(sent[2]).toMatchObject({reason: {code: 'target-rejected-batch', errno: 1406}});
    // The packet was rolled back, and only this session sees the others.
    expect(await session.query('SELECT id FROM t ORDER BY id')).toEqual([[1], [5]]);
    expect(await seenByOthers()).toBe(0);
    await rollBack(session);
    expect(await seenByOthers()).toBe(0);
    expect(await session.query('SELECT @@autocommit')).toEqual([['1']]);
    await session.query("INSERT INTO t VALUES (6, 'f')");
    expect(await seenByOthers()).toBe(1);
    await sendAtOnce(session, id, [[[7, 'g']], [[8, 'h']]]);
    await session.query(END_ROWS);
    expect(await seenByOthers()).toBe(3);
    expect(await session.query('SELECT @@autocommit')).toEqual([['1']]);
  });

  bulk('sent behind one that a deadlock ends are not committed by themselves', async () => {
    await other.query(
      `INSERT INTO t VALUES (0, ''), ${Array.from({length: 500}, (_, i) => `(${i + 1}, '')`).join(',')}`,
    );
    const rival = await connect(server, target);
    try {
      const id = await prepare(session, UPSERT);
      await session.beginRows();
      await session.writeRows(packet(id, [[0, 'ours']]));
      // The transaction that changed less is the victim.
      await rival.query(
        // By its key: a server that prefers to read the whole table would wait for row 0, too.
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION; UPDATE t FORCE INDEX (PRIMARY) SET s = 'theirs' WHERE id BETWEEN 1 AND 500",
      );
      const blocked = rival.query("UPDATE t SET s = 'theirs' WHERE id = 0");
      await untilWaiting(other, id => id === rival.threadId);
      const sent = await Promise.allSettled(
        [1, 1001, 1002].map(key => session.writeRows(packet(id, [[key, 'ours']]))),
      );
      await blocked;
      expect(sent[0]).toMatchObject({status: 'rejected', reason: {errno: 1213}});
      expect(sent.slice(1).map(({status}) => status)).toEqual(['fulfilled', 'fulfilled']);
      expect(await seenByOthers("s = 'ours'")).toBe(0);
      await rollBack(session);
      await rival.query('COMMIT');
      expect(await seenByOthers("s = 'ours'")).toBe(0);
      expect(await seenByOthers("s = 'theirs'")).toBe(501);
    } finally {
      rival.destroy();
    }
  });

  bulk('all fail when the connection is killed', async () => {
    await other.query("INSERT INTO t VALUES (1, '')");
    const id = await prepare(session, UPSERT);
    const connectionId = await idOf(session);
    await other.query('START TRANSACTION; SELECT * FROM t WHERE id = 1 FOR UPDATE');
    try {
      const sending = sendAtOnce(session, id, [[[1, 'a']], [[2, 'b']], [[3, 'c']]]);
      await untilWaiting(other, id => id === connectionId);
      await other.query(`KILL ${connectionId}`);
      const [begun, ...sent] = await sending;
      expect(begun?.status).toBe('fulfilled');
      for (const one of sent) expect(one).toMatchObject({status: 'rejected', reason: GONE});
    } finally {
      await other.query('COMMIT');
    }
    await expect(session.query('DO 1')).rejects.toMatchObject(GONE);
    expect(await seenByOthers()).toBe(1);
  });

  bulk('fail if the server does not answer in time', async () => {
    await other.query("INSERT INTO t VALUES (1, '')");
    const hasty = await open(SHORT_MS);
    const id = await prepare(hasty, UPSERT);
    await other.query('START TRANSACTION; SELECT * FROM t WHERE id = 1 FOR UPDATE');
    try {
      const [begun, ...sent] = await sendAtOnce(hasty, id, [[[1, 'a']], [[2, 'b']], [[3, 'c']]]);
      expect(begun?.status).toBe('fulfilled');
      for (const one of sent) expect(one).toMatchObject({status: 'rejected', reason: GONE});
      await expect(hasty.query('DO 1')).rejects.toMatchObject(GONE);
      await expect(hasty.writeRows(packet(id, [[4, 'd']]))).rejects.toMatchObject(GONE);
    } finally {
      await other.query('COMMIT');
    }
    expect(await seenByOthers()).toBe(1);
  });

  bulk('do not wait for a PREPARE that takes too long', async () => {
    const hasty = await open(SHORT_MS);
    const owner = await connect(server, target);
    try {
      // The ALTER waits for the reader of the table, and the PREPARE waits for the ALTER.
      await other.query('START TRANSACTION; SELECT * FROM t');
      const altering = owner.query('ALTER TABLE t ADD COLUMN f INT');
      await eventually(
        async () =>
          (
            await query(
              other,
              `SELECT 1 FROM information_schema.processlist WHERE id = ${owner.threadId} AND state LIKE 'Waiting for table metadata lock%'`,
            )
          ).length > 0,
        {what: 'a wait for the table'},
      );
      let fate: unknown;
      hasty.prepareRows(UPSERT).then(
        id => (fate = {id}),
        (error: unknown) => (fate = error),
      );
      await eventually(() => fate !== undefined, {what: 'the time limit', timeoutMs: 5000});
      expect(fate).toMatchObject(GONE);
      await expect(hasty.query('DO 1')).rejects.toMatchObject(GONE);
      await other.query('COMMIT');
      await altering;
    } finally {
      await other.query('ROLLBACK');
      owner.destroy();
    }
  });

  bulk('keep their place among queries', async () => {
    const id = await prepare(session, UPSERT);
    const count = () => session.query('SELECT COUNT(*) FROM t');
    let next = 1;
    const write = () => session.writeRows(packet(id, [[next++, 'a']]));
    const inOneTurn = [count(), write(), write(), count(), write(), count(), count(), write(), write(), write(), count()]; // prettier-ignore
    const answers = await Promise.all(inOneTurn);
    expect(answers.filter(answer => answer !== undefined)).toEqual([
      [['0']],
      [['2']],
      [['3']],
      [['3']],
      [['6']],
    ]);
    const again = await Promise.all([write(), session.prepareRows(INSERT), write(), count(), write()]);
    expect(again[3]).toEqual([['8']]);
    expect(await count()).toEqual([['9']]);
  });
});
