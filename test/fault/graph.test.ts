/**
 * A graph of five levels with keys of text, UUIDs, bytes and ENUM, under random work and kill -9: the stream
 * alone keeps the target equal to what the oracle computes from the source, and a reconcile repairs what others
 * did.
 */
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect, it} from 'vitest';
import {loadMapping} from '../../src/mapping/file/read.ts';
import {eventually} from '../helpers/eventually.ts';
import {Stand, TIMEOUT_MS} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphOracle} from '../helpers/graph-oracle.ts';
import {ShopWorkload, WHOLE_ORDER_ROWS} from '../helpers/shop-workload.ts';
import {randomFrom} from '../helpers/workload.ts';
import {connect, query} from '../servers/databases.ts';

/** The seed determines what each writer does, but not how writers and kills interleave. */
const SEED = Number(process.env['SEED'] ?? 12);
const KILLS = Number(process.env['KILLS'] ?? 1);
const WRITERS = Number(process.env['WRITERS'] ?? 1);
const MAPPINGS = join(import.meta.dirname, '../mappings');
const SHOP = join(MAPPINGS, 'shop.yaml');

/**
 * Rows below a parent that a cascade deletes may stay until the next reconcile (docs/mapping.md, Keys and indexes).
 * Everything else must be right by the stream alone.
 */
const isNoLeftover = (difference: string) => !difference.includes(': must not be there:');

describeEachFlavour(`a graph of five levels (seed ${SEED})`, ({server, source, target}) => {
  it('stays right under random work and kills, and is repaired', {timeout: TIMEOUT_MS}, async () => {
    const random = randomFrom(SEED);
    const places = {source: {server, database: source}, target: {server, database: target}};
    await using stand = await Stand.open({
      ...places,
      schema: {create: readFileSync(join(MAPPINGS, 'shop.sql'), 'utf8'), surrogate: false},
      env: {SYNC_MAPPING: SHOP, USER_SYNC_ENABLED: 'false'},
    });
    await using oracle = await GraphOracle.open(loadMapping(SHOP), places.source, places.target);
    await new ShopWorkload(stand.source, SEED).fill();
    const caughtUp = async () => {
      await stand.source.query('INSERT INTO marks VALUES ()');
      const [mark] = await query(stand.source, 'SELECT MAX(id) AS id FROM marks');
      const isThere = async () =>
        (await query(stand.target, 'SELECT 1 FROM mark WHERE id = ?', [mark?.['id']])).length === 1;
      await stand.explained(eventually(isThere, {timeoutMs: 60_000, what: 'the mark'}));
    };
    const equal = (timeoutMs: number) =>
      stand.explained(
        eventually(
          async () => {
            expect((await oracle.differences('lenient')).filter(isNoLeftover)).toEqual([]);
            return true;
          },
          {timeoutMs, intervalMs: 100, what: 'equality with the oracle'},
        ),
      );
    const reconciles = async () =>
      Number((await stand.targetRows('SELECT COUNT(*) AS n FROM sync_run'))[0]?.['n']);

    await stand.start();
    await stand.until('the first load', status => status['lastRun'] !== null);
    const working = new AbortController();
    const writers = Array.from({length: WRITERS}, async (_, i) => {
      const connection = await connect(server, source);
      const work = new ShopWorkload(connection, SEED + 1 + i);
      while (!working.signal.aborted) await work.transaction();
      await connection.end();
    });
    try {
      for (let i = 0; i < KILLS; i++) {
        await sleep(300 + random() * 700);
        await stand.daemon.kill();
        await stand.start();
      }
      await sleep(1000);
    } finally {
      working.abort();
      await Promise.all(writers);
    }
    // Random work may leave no order and no courier, and the rest of the test needs both.
    await new ShopWorkload(stand.source, SEED).addWholeOrder();
    await caughtUp();
    await equal(30_000);
    expect(await reconciles()).toBe(1);
    expect(await oracle.rows()).toBeGreaterThan(WHOLE_ORDER_ROWS);

    // A server sets references to null without logging it.
    await stand.source.query("UPDATE couriers SET retired = b'0'; DELETE FROM couriers WHERE id % 2 = 0");
    await caughtUp();
    await equal(30_000);
    expect(await stand.daemon.stop()).toBe(0);
    expect(await stand.cli(['sync'])).toMatchObject({code: 0});
    expect(await oracle.differences('lenient')).toEqual([]);
    expect(await stand.cli(['verify'])).toMatchObject({code: 0});

    await stand.target.query(`
      SET foreign_key_checks = 0;
      UPDATE customer SET name = 'drift', credit = 1 LIMIT 2; DELETE FROM customer_note LIMIT 1;
      DELETE FROM order_line ORDER BY line LIMIT 3; UPDATE \`order\` SET courier = NULL, placed = NULL;
      DELETE FROM region LIMIT 1; UPDATE offer SET price = -1; DELETE FROM delivery;
      SET foreign_key_checks = 1`);
    expect(await oracle.differences()).not.toEqual([]);
    expect(await stand.cli(['sync'])).toMatchObject({code: 0});
    expect(await oracle.differences()).toEqual([]);
    expect(await stand.cli(['verify'])).toMatchObject({code: 0});

    // Parents that were deleted on both sides without an entry in the log: their children are equal on both.
    const lines = await stand.targetRows('SELECT orderNumber, kind, line FROM order_line LIMIT 3');
    expect(lines).toHaveLength(3);
    const keys = lines.map(({orderNumber, kind, line}) => [orderNumber, kind, line]);
    for (const key of keys)
      await stand.source.query(
        'INSERT INTO deliveries (id, order_number, kind, line) VALUES (RANDOM_BYTES(16), ?, ?, ?)',
        key,
      );
    expect(await stand.cli(['sync'])).toMatchObject({code: 0});
    await stand.source.query('SET sql_log_bin = 0');
    await stand.source.query('DELETE FROM order_lines WHERE (order_number, kind, line) IN (?)', [keys]);
    await stand.source.query('SET sql_log_bin = 1');
    await stand.target.query('DELETE FROM order_line WHERE (orderNumber, kind, line) IN (?)', [keys]);
    expect(await stand.cli(['verify'])).toMatchObject({code: 1});
    expect(await stand.cli(['sync', '--allow-deletes'])).toMatchObject({code: 0});
    expect(await oracle.differences()).toEqual([]);
    expect(await stand.cli(['verify'])).toMatchObject({code: 0});
  });
});
