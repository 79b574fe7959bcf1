/**
 * Flights that were sent before those ahead of them were answered: if one fails, the whole transaction fails,
 * COMMIT included.
 */
import {expect, it} from 'vitest';
import {StatementPipeline} from '../../src/apply/statement-pipeline.ts';
import {rollBack} from '../../src/apply/session.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {user} from '../unit/plan-fixture.ts';
import {ApplierStand, MANY} from './applier-stand.ts';

const insert = (id: number, email: string, name = 'n') =>
  `INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (${id}, '${name}', '${email}', 'p', NOW(), NOW())`;
/** Fills a flight. */
const COMMENT = `/* ${'x'.repeat(300_000)} */`;

describeEachFlavour('flights of a transaction', context => {
  const stand = new ApplierStand(context);
  const users = () => stand.inShort().then(({users: ids}) => ids);
  /**
   * Runs `send` while another transaction has locked a row with this address and then commits it: a statement
   * that waits for it fails.
   */
  const whileHeld = async (send: (pipeline: StatementPipeline) => Promise<void>): Promise<unknown> => {
    const {session} = stand.writer;
    await stand.other.query(`START TRANSACTION; ${insert(99, 'held@x.org')}`);
    let isHeld = true;
    try {
      const pipeline = new StatementPipeline(session);
      const sent = send(pipeline).then(
        () => null,
        (error: unknown) => error,
      );
      await stand.untilWaiting(session);
      // The first flight is not answered, and COMMIT has left.
      await pipeline.allLeft;
      isHeld = false;
      await stand.other.query('COMMIT');
      return await sent;
    } finally {
      if (isHeld) await stand.other.query('ROLLBACK');
    }
  };

  it('are committed together', async () => {
    const pipeline = new StatementPipeline(stand.writer.session);
    for (let id = 1; id <= 8; id++) await pipeline.add(`${insert(id, `u${id}@x.org`)}${COMMENT}`);
    await pipeline.commit();
    expect((await users()).length).toBe(8);
  });

  it('as text fail with the one that fails', async () => {
    const fault = await whileHeld(async pipeline => {
      await pipeline.add(insert(1, 'u1@x.org'));
      await pipeline.add(`${insert(2, 'held@x.org')}${COMMENT}`);
      await pipeline.add(insert(3, 'u3@x.org'));
      await pipeline.commit();
    });
    expect(fault).toMatchObject({errno: 1062});
    expect(await users()).toEqual(['99']);
    await rollBack(stand.writer.session);
    expect(await users()).toEqual(['99']);
  });

  it('of many rows fail with the one that fails', async () => {
    const table = stand.plan.tables.find(({target}) => target === 'user');
    if (table === undefined) throw new Error('there is no table of users');
    const rows = Array.from({length: MANY}, (_, i) => {
      const key = String(2000 + i);
      return {key, source: user(key, i === MANY >> 1 ? {email: 'held@x.org'} : {})};
    });
    const fault = await whileHeld(async pipeline => {
      await pipeline.add(insert(1000, 'before@x.org'));
      await pipeline.upsert(table, rows, 1000, {newestWins: false});
      await pipeline.add(insert(1001, 'after@x.org'));
      await pipeline.commit();
    });
    expect(fault).toMatchObject({errno: 1242});
    expect(await users()).toEqual(['99']);
    await rollBack(stand.writer.session);
    expect(await users()).toEqual(['99']);
    // The session can still be used.
    const pipeline = new StatementPipeline(stand.writer.session);
    await pipeline.add(insert(1, 'u1@x.org'));
    await pipeline.commit();
    expect(await users()).toEqual(['1', '99']);
  });

  it('do not mistake the state of an earlier transaction for their own', async () => {
    const {session} = stand.writer;
    const first = new StatementPipeline(session);
    await first.add(`${insert(1, 'u1@x.org')}${COMMENT}`);
    await first.commit();
    const fault = await whileHeld(async pipeline => {
      await pipeline.add(`${insert(2, 'held@x.org')}${COMMENT}`);
      await pipeline.commit();
    });
    expect(fault).toMatchObject({errno: 1062});
    expect(await users()).toEqual(['1', '99']);
  });
});
