/** A batch of a reconcile is of a known place in the log: none that the stream has left behind, none that it has not come to. */
import {expect, it} from 'vitest';
import {reconcileBatch, type BatchOptions, type BatchOutcome} from '../../reconciler/batch.ts';
import type {Hands} from '../../src/apply/applier.ts';
import type {ApplyLock} from '../../src/apply/mutex.ts';
import {StreamTap} from '../../src/apply/stream-tap.ts';
import {readServerInfo} from '../../src/db/server.ts';
import type {Position} from '../../src/position/position.ts';
import {endSnapshot, openSnapshot} from '../../src/source/watermark.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {SURROGATE} from '../helpers/fault-stand.ts';
import {planOf, readerOf, sessionsFor} from '../property/stand.ts';

const LATER = 1_000_000_000;
const OTHERS_GTID = 'aaaaaaaa-bbbb-cccc-dddd-000000000001:1';

describeEachFlavour('a batch', ({flavour, server, source, target}) => {
  const sessions = sessionsFor({server, source, target});

  it('is read when a snapshot shows what the stream has passed, and written when the stream is there', async () => {
    const {sql, reading, writing} = sessions();
    await sql.query(SURROGATE.create);
    const plan = await planOf(reading, writing, {source, target});
    const info = await readServerInfo('source', reading);
    const never = new AbortController().signal;
    const {low, high} = await openSnapshot(reading, info, never);
    await endSnapshot(reading);
    if (high === null) throw new Error('the server tells no place');

    // The stream was sent a transaction that no snapshot shows yet, in a file that is not there yet.
    const ahead: Position = low.tag === 'mysql-gtid' ? {...low, set: `${low.set},${OTHERS_GTID}`} : low;
    const tap = new StreamTap();
    const file = high.file.replace(/\d+$/, number => String(Number(number) + 1).padStart(number.length, '0'));
    tap.applied(ahead, {file, offset: 4});

    const reader = readerOf(plan, reading);
    const done: string[] = [];
    const counted = {
      ...reader,
      idRange: (...range: Parameters<typeof reader.idRange>) => {
        done.push('read');
        return reader.idRange(...range);
      },
    };
    const lock = {
      chunk: () => {
        done.push('written');
        return Promise.resolve({} as BatchOutcome);
      },
    };
    const batch = reconcileBatch(
      {hands: {reader: counted} as unknown as Hands, source: reading, info},
      'users',
      {after: null, to: null},
      {tap, lock: lock as unknown as ApplyLock, applier: {plan}} as unknown as BatchOptions,
      never,
    );
    await expect(eventually(() => done.length > 0, {timeoutMs: 200})).rejects.toThrow();

    // Now it is there for all to see, and more behind it, which the stream has not come to.
    await sql.query('FLUSH BINARY LOGS');
    if (flavour === 'mysql') await sql.query(`SET gtid_next = '${OTHERS_GTID}'`);
    await sql.query("INSERT INTO users (id, email, password) VALUES (1, 'a@x.test', 'p')");
    if (flavour === 'mysql') await sql.query("SET gtid_next = 'AUTOMATIC'");
    await sql.query("INSERT INTO users (id, email, password) VALUES (2, 'b@x.test', 'p')");
    await eventually(() => done.includes('read'), {what: 'the read'});
    await expect(eventually(() => done.length > 1, {timeoutMs: 200})).rejects.toThrow();

    tap.applied(ahead, {file, offset: LATER});
    await batch;
    expect(done).toEqual(['read', 'written']);
  });
});
