/** A daemon between a source and a target, with the actions of the fault tests. */
import {randomUUID} from 'node:crypto';
import {expect} from 'vitest';
import type mysql from 'mysql2/promise';
import {connect, query, type Reachable, type Row} from '../servers/databases.ts';
import type {Endpoint} from '../servers/proxy.ts';
import {
  cli,
  type CliResult,
  DaemonProcess,
  environment,
  type Environment,
  type StatusBody,
} from './daemon.ts';
import {eventually} from './eventually.ts';
import {migrate} from './in-process.ts';
import {actualTarget, expectedTarget} from './oracle.ts';
import {SOURCE_SCHEMAS, type SourceSchemaCase} from './schemas.ts';

export const SURROGATE = SOURCE_SCHEMAS[0] as SourceSchemaCase;
export const COMPOSITE = SOURCE_SCHEMAS[1] as SourceSchemaCase;

/** The seed of a test's random choices; SEED in the environment repeats a run. */
export const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

/** The time limit of tests that the soak makes longer. */
export const TIMEOUT_MS = Number(process.env['FAULT_TIMEOUT_MS'] ?? 120_000);

export interface Place {
  readonly server: Reachable;
  readonly database: string;
}

export interface StandOptions {
  /** The address that the tests themselves use. */
  readonly source: Place;
  readonly target: Place;
  /** The address for the daemon, if it is another one: a proxy's. */
  readonly via?: {readonly source?: Endpoint; readonly target?: Endpoint};
  readonly schema?: Pick<SourceSchemaCase, 'create' | 'surrogate'>;
  readonly env?: Environment;
}

export class Stand implements AsyncDisposable {
  readonly env: Environment;
  readonly #options: StandOptions;
  #source: mysql.Connection | undefined;
  #target: mysql.Connection | undefined;
  #daemon: DaemonProcess | undefined;
  readonly #daemons: DaemonProcess[] = [];

  private constructor(options: StandOptions) {
    this.#options = options;
    const {source, target, via} = options;
    this.env = environment(
      {...pick(source.server), ...at(via?.source), database: source.database},
      {...pick(target.server), ...at(via?.target), database: target.database},
      {...options.env},
    );
  }

  /** Creates the source's tables and migrates the target; starts no daemon. */
  static async open(options: StandOptions): Promise<Stand> {
    const stand = new Stand(options);
    await stand.connect();
    await stand.source.query((options.schema ?? SURROGATE).create);
    await migrate(stand.env);
    return stand;
  }

  /** Reconnects after a server has ended its connections. */
  async connect(): Promise<void> {
    this.#source?.destroy();
    this.#target?.destroy();
    const {source, target} = this.#options;
    this.#source = quiet(await connect(source.server, source.database));
    this.#target = quiet(await connect(target.server, target.database));
  }

  get source(): mysql.Connection {
    if (this.#source === undefined) throw new Error('not connected');
    return this.#source;
  }

  get target(): mysql.Connection {
    if (this.#target === undefined) throw new Error('not connected');
    return this.#target;
  }

  get daemon(): DaemonProcess {
    if (this.#daemon === undefined) throw new Error('no daemon');
    return this.#daemon;
  }

  /** Starts a daemon, which becomes {@link daemon}. */
  async launch(extra: Environment = {}): Promise<DaemonProcess> {
    this.#daemon = await DaemonProcess.start({...this.env, ...extra});
    this.#daemons.push(this.#daemon);
    return this.#daemon;
  }

  async start(extra: Environment = {}): Promise<DaemonProcess> {
    const daemon = await this.launch(extra);
    await daemon.until('streaming');
    return daemon;
  }

  cli(args: readonly string[]): Promise<CliResult> {
    return cli(args, this.env);
  }

  sourceRows(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return query(this.source, sql, values);
  }

  targetRows(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return query(this.target, sql, values);
  }

  /** Resolves when the stream has applied everything that was committed before. */
  async caughtUp(timeoutMs = 20_000): Promise<void> {
    const name = `mark-${randomUUID()}`;
    const [row] = await query(this.source, 'SELECT COALESCE(MAX(id), 0) + 1 AS id FROM institutes');
    await this.source.query('INSERT INTO institutes (id, name) VALUES (?, ?)', [row?.['id'], name]);
    await this.explained(
      eventually(
        async () => (await query(this.target, 'SELECT 1 FROM institute WHERE name = ?', [name])).length === 1,
        {timeoutMs, what: 'the mark'},
      ),
    );
    await this.source.query('DELETE FROM institutes WHERE name = ?', [name]);
    await this.explained(
      eventually(
        async () => (await query(this.target, 'SELECT 1 FROM institute WHERE name = ?', [name])).length === 0,
        {timeoutMs, what: "the mark's end"},
      ),
    );
  }

  /** Waits until every row of the target is as the oracle says. */
  async equal(timeoutMs = 20_000): Promise<void> {
    const {source, target, schema = SURROGATE} = this.#options;
    await this.explained(
      eventually(
        async () => {
          expect(await actualTarget(this.target, target.database)).toEqual(
            await expectedTarget(this.source, source.database, schema.surrogate),
          );
          return true;
        },
        {timeoutMs, intervalMs: 100, what: 'equality'},
      ),
    );
  }

  /** Waits for a status; a failure shows the daemon's log. */
  until(what: string, condition: (status: StatusBody) => boolean, timeoutMs = 20_000): Promise<StatusBody> {
    return this.explained(
      eventually(
        async () => {
          const status = await this.daemon.status();
          return condition(status) ? status : false;
        },
        {timeoutMs, what},
      ),
    );
  }

  /** Waits for the end of a run that was started automatically after `since`. */
  recovery(since: number, timeoutMs = 30_000): Promise<Record<string, unknown>> {
    return this.explained(
      eventually(
        async () => {
          const {items} = (await this.daemon.get('/sync/runs')) as {items: Record<string, unknown>[]};
          return (
            items.find(
              run =>
                run['trigger'] === 'recovery' &&
                run['state'] !== 'running' &&
                Date.parse(String(run['startedAt'])) >= since,
            ) ?? false
          );
        },
        {timeoutMs, what: 'an automatic reconcile'},
      ),
    );
  }

  /** Dead letters as `table key code detail`. */
  async letters(): Promise<string[]> {
    const rows = await this.targetRows(
      'SELECT target_table, row_key, code, detail FROM sync_dead_letter ORDER BY 1, row_key + 0, 2',
    );
    return rows.map(row =>
      [row['target_table'], row['row_key'], row['code'], row['detail']]
        .filter(part => part !== null)
        .join(' '),
    );
  }

  /** Returns the daemon's log without its requests. */
  logText(): string {
    return (this.#daemon?.log() ?? '')
      .split('\n')
      .filter(line => !line.includes('"http.request"'))
      .join('\n');
  }

  async explained<T>(wait: Promise<T>): Promise<T> {
    try {
      return await wait;
    } catch (error) {
      const status = await this.#daemon?.status().catch(() => null);
      throw new Error(
        `${String(error)}\n${String((error as Error).cause ?? '')}\n${JSON.stringify(status)}\n${this.logText().slice(-4000)}`,
        {cause: error},
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#daemons) {
      daemon.signal('SIGCONT');
      await daemon.kill();
    }
    this.#source?.destroy();
    this.#target?.destroy();
  }
}

/** A proxy's port is a getter, so that spreading the object would lose it. */
function at(endpoint: Endpoint | undefined): Partial<Reachable> {
  return endpoint === undefined ? {} : {host: endpoint.host, port: endpoint.port};
}

function pick({host, port, user, password}: Reachable): Reachable {
  return {host, port, user, password};
}

/** A connection that its server ends must not end the test run. */
function quiet(connection: mysql.Connection): mysql.Connection {
  connection.on('error', () => undefined);
  return connection;
}
