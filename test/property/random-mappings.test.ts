/**
 * Any mapping of any tables: the first load, a reconcile and the stream each make the target equal to what the
 * oracle computes from the source. SEED and RUNS in the environment repeat a run or make it longer.
 */
import {fc} from '../helpers/draws.ts';
import type {Knex} from 'knex';
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {loadConfig, type Config} from '../../src/config.ts';
import {Daemon} from '../../src/daemon.ts';
import {openKnex} from '../../src/db/models.ts';
import {migrateUp} from '../../src/db/migrate.ts';
import {silentLogger} from '../helpers/silent-logger.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {createMetrics} from '../../src/status/metrics.ts';
import {environment} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphOracle} from '../helpers/graph-oracle.ts';
import {connect, query} from '../servers/databases.ts';
import {statementOf, workDraw, worldDraw, worldOf, type WorkDraw, type World} from './mapping-draws.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 8);

/** Errors that random work causes: a key that exists already, and a missing parent. */
const REFUSALS = new Set([1062, 1451, 1452, 1761, 1762]);
/** A batch is visible, with the reconcile that it asks for, before the daemon knows that it is applied. */
const ARRIVED = "SELECT 1 FROM mark JOIN sync_checkpoint WHERE id = ? AND reconcile_owed = ''";

describeEachFlavour(`a mapping (seed ${SEED})`, ({server, source, target}) => {
  const places = {source: {server, database: source}, target: {server, database: target}};
  let from: mysql.Connection;
  let to: mysql.Connection;
  let knex: Knex;
  const configOf = (mapping: string): Config => ({
    ...loadConfig(
      environment(
        {...server, database: source},
        {...server, database: target},
        {USER_SYNC_ENABLED: 'false', USER_SYNC_BATCH_SIZE: '3'},
      ),
    ),
    mapping: parseMapping(mapping, 'drawn'),
  });

  beforeAll(async () => {
    from = await connect(server, source);
    to = await connect(server, target);
    await from.query("SET time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES'");
    const {target: config} = configOf(
      worldOf({collation: 'utf8mb4_bin', cascades: false, tables: []}).mapping,
    );
    knex = await openKnex(config, silentLogger);
    await migrateUp(knex, {tables: []});
  });
  afterAll(async () => {
    await knex?.destroy();
    await from?.end();
    await to?.end();
  });

  async function furnish(world: World): Promise<void> {
    for (const [connection, sql] of [
      [from, world.source],
      [to, world.target],
    ] as const) {
      const tables = await query(connection, 'SHOW FULL TABLES');
      for (const table of tables) {
        const name = String(Object.values(table)[0]);
        const isOurs = name.startsWith('sync_');
        await connection.query(
          `SET foreign_key_checks = 0; ${isOurs ? 'DELETE FROM' : 'DROP TABLE'} \`${name}\``,
        );
      }
      await connection.query(`SET foreign_key_checks = 1; ${sql}`);
    }
  }

  async function work(world: World, transactions: WorkDraw): Promise<string[]> {
    const done: string[] = [];
    for (const steps of transactions) {
      await from.query('START TRANSACTION');
      for (const step of steps) {
        const [sql, values] = statementOf(world, step);
        try {
          await from.query(sql, values);
          done.push(from.format(sql, values));
        } catch (error) {
          if (!(error instanceof Error && 'errno' in error && REFUSALS.has(Number(error.errno)))) throw error;
        }
      }
      await from.query('COMMIT');
      done.push('COMMIT');
    }
    return done;
  }

  it('is followed by first load, reconcile and stream alike', {timeout: 3_600_000}, async () => {
    const check = async (
      world: World,
      before: WorkDraw,
      between: WorkDraw,
      after: WorkDraw,
    ): Promise<void> => {
      await furnish(world);
      const done = await work(world, before);
      const config = configOf(world.mapping);
      await using oracle = await GraphOracle.open(config.mapping, places.source, places.target);
      const stop = new AbortController();
      const metrics = createMetrics(config.name, config.mapping, {version: 'test'});
      const daemon = new Daemon({config, knex, logger: silentLogger, metrics, holder: 'test'});
      const serving = daemon.serve(stop.signal);
      const equal = async (what: string, letters: 'exact' | 'lenient') => {
        const isEqual = async () => {
          expect(await oracle.differences(letters), `${what}\n${done.join(';\n')}`).toEqual([]);
          return true;
        };
        await eventually(isEqual, {timeoutMs: 2500, intervalMs: 50, what});
      };
      const streamed = async () => {
        await from.query('INSERT INTO marks VALUES ()');
        const [mark] = await query(from, 'SELECT MAX(id) AS id FROM marks');
        const isThere = async () => (await query(to, ARRIVED, [mark?.['id']])).length === 1;
        await eventually(isThere, {
          timeoutMs: 20_000,
          what: `the mark, ${JSON.stringify(daemon.status().replication)}`,
        });
        await eventually(() => daemon.status().replication.state === 'streaming', {
          timeoutMs: 20_000,
          what: 'no reconcile',
        });
      };
      const reconcile = async () => {
        const {ended} = await daemon.trigger({mode: 'diff', allowDeletes: true});
        const {state, error} = await ended;
        expect({state, error}).toEqual({state: 'succeeded', error: null});
      };
      try {
        await eventually(
          () =>
            daemon.status().replication.state === 'streaming' || daemon.status().replication.fault !== null,
          {timeoutMs: 20_000, what: 'the first load'},
        );
        expect(daemon.status().replication.fault).toBeNull();
        await equal('the first load', 'exact');
        await daemon.pause();
        done.push(...(await work(world, between)));
        await reconcile();
        await equal('a reconcile', 'exact');
        await daemon.resume();
        await streamed();
        await equal('the stream after a reconcile', 'lenient');
        done.push('-- streamed', ...(await work(world, after)));
        await streamed();
        await equal('the stream', 'lenient');
        expect(await daemon.verify(stop.signal)).toMatchObject({equal: true});
        await reconcile();
        await equal('a second reconcile', 'exact');
      } finally {
        stop.abort();
        await serving;
      }
    };
    await fc.assert(
      fc.asyncProperty(worldDraw, workDraw, workDraw, workDraw, async (draw, before, between, after) => {
        const world = worldOf(draw);
        try {
          await check(world, before, between, after);
        } catch (error) {
          throw new Error(`${String(error)}\n${world.mapping}\n${world.source}\n${world.target}`, {
            cause: error,
          });
        }
      }),
      {
        numRuns: RUNS,
        seed: SEED,
        endOnFailure: process.env['SHRINK'] === undefined,
        ...(process.env['REPLAY'] === undefined ? {} : {path: process.env['REPLAY']}),
      },
    );
  });
});
