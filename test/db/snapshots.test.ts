/**
 * Rows of the source are read at a known position: none before the stream's, and none that the stream has not
 * reached is written.
 */
import {beforeAll, expect, it} from 'vitest';
import {readBatch} from '../../reconciler/batch.ts';
import {EVERYTHING} from '../../src/mapping/sql/ranges.ts';
import {repairBatch, type RepairOptions, type RepairOutcome} from '../../reconciler/repair.ts';
import type {WriterContext} from '../../src/apply/writer-context.ts';
import {StreamTap} from '../../src/apply/stream-tap.ts';
import {readServerInfo} from '../../src/db/server.ts';
import type {LogOffset, Position} from '../../src/position/position.ts';
import {endSnapshot, openSnapshot, waitUntilVisible} from '../../src/source/watermark.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {SURROGATE} from '../helpers/fault-stand.ts';
import {planOf, sessionsFor} from '../property/stand.ts';
import {entityOf} from '../unit/plan-fixture.ts';

const NEVER = new AbortController().signal;

describeEachFlavour('a read of the source', ({flavour, server, source, target}) => {
  const sessions = sessionsFor({server, source, target});
  beforeAll(async () => {
    await sessions().sql.query(SURROGATE.create);
  });

  let next = 1;
  /**
   * A position behind a transaction that no SELECT shows yet, in a file that does not exist yet, and the
   * function that creates both.
   */
  async function ahead() {
    const {sql, reading} = sessions();
    const info = await readServerInfo('source', reading);
    const {low, high} = await openSnapshot(reading, info, NEVER);
    await endSnapshot(reading);
    if (high === null) throw new Error('the server reports no position');
    const id = next++;
    const gtid = `aaaaaaaa-bbbb-cccc-dddd-000000000001:${id}`;
    const position: Position = low.tag === 'mysql-gtid' ? {...low, set: `${low.set},${gtid}`} : low;
    const file = high.file.replace(/\d+$/, number => String(Number(number) + 1).padStart(number.length, '0'));
    const offset: LogOffset = {file, offset: 4};
    const insert = () =>
      sql.query(`INSERT INTO users (id, email, password) VALUES (${id}, 'a${id}@x.test', 'p')`);
    // The variable with the position comes last: a GTID on MySQL, the file on MariaDB.
    const appear = async () => {
      if (flavour === 'mariadb') await insert();
      await sql.query('FLUSH BINARY LOGS');
      if (flavour === 'mariadb') return;
      await sql.query(`SET gtid_next = '${gtid}'`);
      await insert();
      await sql.query("SET gtid_next = 'AUTOMATIC'");
    };
    return {info, position, offset, appear};
  }
  const stays = (probe: () => boolean) =>
    expect(eventually(() => !probe(), {timeoutMs: 200})).rejects.toThrow();

  it('for a batch shows what the stream has applied, and waits for the stream', async () => {
    const {sql, reading, writing} = sessions();
    const plan = await planOf(reading, writing, {source, target});
    const {info, position, offset, appear} = await ahead();
    const tap = new StreamTap();
    tap.applied(position, offset);
    let isRead = false;
    const reads = readBatch(
      {source: reading, info},
      {entity: entityOf(plan, 'user'), range: EVERYTHING, keys: null},
      tap,
      NEVER,
    );
    void reads.then(() => (isRead = true));
    await stays(() => !isRead);

    await appear();
    // A later transaction, which the stream has not reached.
    await sql.query("INSERT INTO users (id, email, password) VALUES (1000, 'b@x.test', 'p')");
    const batch = await reads;
    expect(batch.rows.length).toBeGreaterThan(0);
    let isWritten = false;
    const lock = {
      shared: () => {
        isWritten = true;
        return Promise.resolve({} as RepairOutcome);
      },
    };
    const repair = repairBatch({} as WriterContext, batch, {tap, lock} as unknown as RepairOptions, NEVER);
    await stays(() => !isWritten);
    tap.applied(position, {...offset, offset: 1_000_000_000});
    await repair;
    expect(isWritten).toBe(true);
  });

  it('for a batch is refused, or not written, if the stream reads from another server', async () => {
    const {reading, writing} = sessions();
    const plan = await planOf(reading, writing, {source, target});
    const info = await readServerInfo('source', reading);
    const tap = new StreamTap();
    const reader = {source: reading, info};
    const users = {entity: entityOf(plan, 'user'), range: EVERYTHING, keys: null};
    const read = () => readBatch(reader, users, tap, NEVER);
    tap.reads(info.identity);
    const batch = await read();
    tap.stopped();
    tap.reads('another');
    await expect(read()).rejects.toThrow('another server');
    const repair = repairBatch({} as WriterContext, batch, {tap} as unknown as RepairOptions, NEVER);
    await expect(repair).rejects.toThrow('another server');
  });

  it('of current rows waits until a SELECT sees what the stream received', async () => {
    const {reading} = sessions();
    const {info, position, offset, appear} = await ahead();
    let isSeen = false;
    const seen = waitUntilVisible(reading, info, {position, offset, openGtid: null}, NEVER);
    void seen.then(() => (isSeen = true));
    await stays(() => !isSeen);
    await appear();
    await seen;
  });
});
