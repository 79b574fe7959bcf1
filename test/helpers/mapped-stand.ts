/** A daemon in this process, under a mapping of the test's own, between two schemas of a real server. */
import type {Knex} from 'knex';
import type mysql from 'mysql2/promise';
import {expect} from 'vitest';
import {loadConfig, type Config} from '../../src/config.ts';
import {Daemon} from '../../src/daemon.ts';
import {migrateUp} from '../../src/db/migrate.ts';
import {openKnex} from '../../src/db/models.ts';
import {silentLogger} from './silent-logger.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {createMetrics} from '../../src/status/metrics.ts';
import type {Verdict} from '../../src/status/operations.ts';
import {connect, query} from '../servers/databases.ts';
import {environment} from './daemon.ts';
import {eventually} from './eventually.ts';
import type {FlavourContext} from './flavours.ts';

type Places = Pick<FlavourContext, 'server' | 'source' | 'target'>;

/**
 * The table `marks` of the source, which is mapped, too: when a row of it arrives, the stream has applied
 * everything before it.
 */
const MARKS = 'CREATE TABLE IF NOT EXISTS marks (id INT AUTO_INCREMENT PRIMARY KEY)';

export class MappedStand implements AsyncDisposable {
  readonly source: mysql.Connection;
  readonly target: mysql.Connection;
  readonly daemon: Daemon;
  readonly config: Config;
  readonly #knex: Knex;
  readonly #stop = new AbortController();
  readonly #serving: Promise<void>;

  private constructor(source: mysql.Connection, target: mysql.Connection, config: Config, knex: Knex) {
    this.source = source;
    this.target = target;
    this.config = config;
    this.#knex = knex;
    const metrics = createMetrics(config.name, config.mapping, {version: 'test'});
    this.daemon = new Daemon({config, knex, logger: silentLogger, metrics, holder: 'test'});
    this.#serving = this.daemon.serve(this.#stop.signal);
  }

  /**
   * @param tables of the mapping; the SQL makes them, and the rows before the start
   * @param settings of the daemon; its batches are small by default
   */
  static async open(
    {server, source, target}: Places,
    {
      tables,
      from,
      to,
      settings = {},
    }: {
      tables: Readonly<Record<string, unknown>>;
      from: string;
      to: string;
      settings?: Readonly<Record<string, string>>;
    },
  ): Promise<MappedStand> {
    const open = async (database: string) => {
      const connection = await connect(server, database);
      await connection.query("SET time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES'");
      return connection;
    };
    const [onSource, onTarget] = [await open(source), await open(target)];
    await onSource.query(`${MARKS}; ${from}`);
    await onTarget.query(`${MARKS}; ${to}`);
    const env = environment(
      {...server, database: source},
      {...server, database: target},
      {USER_SYNC_ENABLED: 'false', USER_SYNC_BATCH_SIZE: '3', ...settings},
    );
    const file = {version: 1, tables: {...tables, marks: {from: 'marks', key: 'id', columns: {id: 'id'}}}};
    const config = {...loadConfig(env), mapping: parseMapping(JSON.stringify(file), 'drawn')};
    const knex = await openKnex(config.target, silentLogger);
    await migrateUp(knex, config.mapping);
    return new MappedStand(onSource, onTarget, config, knex);
  }

  get fault() {
    return this.daemon.status().replication.fault;
  }

  /** Waits until the stream runs or has a fault. */
  async started(): Promise<void> {
    const isThere = () => this.daemon.status().replication.state === 'streaming' || this.fault !== null;
    await eventually(isThere, {timeoutMs: 60_000, what: 'the first load'});
  }

  /** Waits until the stream, which had a fault, runs by itself. */
  async resumed(): Promise<void> {
    await eventually(() => this.fault === null, {timeoutMs: 40_000, what: 'the end of the fault'});
  }

  /** Waits until the stream has applied everything written so far, and no reconcile is due. */
  async streamed(): Promise<void> {
    // The first mark may be in the batch of the last rows: rows that wait for a value which that batch frees are
    // written after it, and a reconcile is requested after it. The second mark comes after both.
    for (let i = 0; i < 2; i++) await this.#marked();
    expect(this.fault).toBeNull();
  }

  async #marked(): Promise<void> {
    await this.source.query('INSERT INTO marks VALUES ()');
    const [mark] = await query(this.source, 'SELECT MAX(id) AS id FROM marks');
    const isThere = async () =>
      this.fault !== null ||
      ((await query(this.target, 'SELECT 1 FROM marks WHERE id = ?', [mark?.['id']])).length === 1 &&
        this.daemon.status().replication.state === 'streaming');
    await eventually(isThere, {
      timeoutMs: 20_000,
      what: `the mark, ${JSON.stringify(this.daemon.status().replication)}`,
    });
  }

  async reconcile(): Promise<void> {
    const {ended} = await this.daemon.trigger({mode: 'diff', allowDeletes: true});
    const {state, error} = await ended;
    expect({state, error}).toEqual({state: 'succeeded', error: null});
  }

  verify(): Promise<Verdict> {
    return this.daemon.verify(this.#stop.signal);
  }

  /** The dead letters, as `table key code`. */
  async letters(): Promise<string[]> {
    const rows = await query(
      this.target,
      'SELECT target_table AS t, row_key AS k, code AS c FROM sync_dead_letter ORDER BY 1, 2',
    );
    return rows.map(({t, k, c}) => `${String(t)} ${String(k)} ${String(c)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#serving;
    for (const connection of [this.source, this.target]) {
      const tables = await query(connection, "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'");
      const names = tables.map(table => `\`${String(Object.values(table)[0])}\``);
      await connection.query(`SET foreign_key_checks = 0; DROP TABLE ${names.join(', ')}`);
      await connection.end();
    }
    await this.#knex.destroy();
  }
}
