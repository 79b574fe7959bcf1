/**
 * An administrator's work on servers that replicate, by the statements of docs/runbook.md, and an application
 * that writes meanwhile.
 */
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import type mysql from 'mysql2/promise';
import {eventually} from '../helpers/eventually.ts';
import {connect, query, type Reachable, withConnection} from '../servers/databases.ts';
import type {TestServer} from '../servers/server.ts';

/** The statements of one block of the runbook, `NAME` parts filled in. */
export function runbookSql(block: string, values: Readonly<Record<string, string>> = {}): string {
  const text = readFileSync(join(import.meta.dirname, '../../docs/runbook.md'), 'utf8');
  const found = new RegExp(`^ *\`\`\`sql ${block}\\n(.*?)^ *\`\`\``, 'ms').exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/runbook.md has no block ${block}`);
  return Object.entries(values).reduce((sql, [name, value]) => sql.replaceAll(`<${name}>`, value), found);
}

/** Runs a block on a server; the rows of its last statement. */
export function runBlock(
  server: TestServer,
  block: string,
  values: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>[]> {
  return withConnection(server, undefined, async connection => {
    let rows: Record<string, unknown>[] = [];
    const statements = runbookSql(`${block} ${server.flavour}`, values).split(/;\s*$/m);
    for (const sql of statements.filter(part => part.trim() !== '')) {
      const [answer] = await connection.query(sql);
      rows = Array.isArray(answer) ? (answer as Record<string, unknown>[]) : [];
    }
    return rows;
  });
}

/** Lets `replica` follow `primary` by GTID, from the end of its own data. */
export async function follow(replica: TestServer, primary: TestServer): Promise<void> {
  await runBlock(replica, 'follow', {
    host: primary.host,
    port: String(primary.port),
    user: primary.user,
    password: primary.password,
  });
}

/** Returns the position of a primary that accepts no writes; waits until the replica has reached it. */
export async function untilReplicaHasAll(primary: TestServer, replica: TestServer): Promise<void> {
  const [end] = await runBlock(primary, 'where');
  const [answer] = await runBlock(replica, 'has all', {
    position: String(end?.['position']).replaceAll('\n', ''),
  });
  if (Number(answer?.['answer']) !== 0)
    throw new Error(`the replica does not catch up: ${JSON.stringify(answer)}`);
}

/** The account of the application: it may only write rows, so that a read-only server refuses it. */
export async function createApplication(server: Reachable, database: string): Promise<void> {
  await withConnection(server, undefined, connection =>
    connection.query(
      `CREATE USER 'application'@'%' IDENTIFIED BY 'application'; GRANT SELECT, INSERT, UPDATE, DELETE ON \`${database}\`.* TO 'application'@'%'`,
    ),
  );
}

/**
 * Writes users and memberships, one statement after the other, to its current server; a refused statement is
 * retried.
 */
export class Application {
  #endpoint = {host: '', port: 0};
  readonly #database: string;
  readonly #stop = new AbortController();
  #connection: mysql.Connection | undefined;
  #ended: Promise<void> = Promise.resolve();
  #next: number;
  written = 0;
  refused = 0;

  constructor(endpoint: {host: string; port: number}, database: string, firstId: number) {
    this.moveTo(endpoint);
    this.#database = database;
    this.#next = firstId;
  }

  start(): void {
    this.#ended = this.#run();
    this.#ended.catch(() => undefined);
  }

  /** From the next statement on. */
  moveTo(endpoint: {host: string; port: number}): void {
    this.#endpoint = {host: endpoint.host, port: endpoint.port};
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  /** Waits until so many more statements have succeeded. */
  async writes(count: number): Promise<void> {
    const until = this.written + count;
    await eventually(() => this.written >= until, {what: `${count} statements of the application`});
  }

  async untilRefused(): Promise<void> {
    const before = this.refused;
    await eventually(() => this.refused > before, {what: 'a refusal'});
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    this.#connection?.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const id = this.#next++;
      // Each may be tried twice: after a lost connection, it is not known whether the statement succeeded.
      for (const sql of [
        `INSERT IGNORE INTO users (id, first_name, email, password) VALUES (${id}, 'New', 'a${id}@example.test', 'p')`,
        `INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1, ${id}, 'student', 'active' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM institute_user WHERE user_id = ${id})`,
        `UPDATE users SET first_name = 'Updated ${id}' WHERE id IN (${id}, ${id - 7})`,
        `DELETE FROM users WHERE id = ${id - 20}`,
      ])
        await this.#write(sql);
    }
  }

  async #write(sql: string): Promise<void> {
    await eventually(
      async () => {
        if (this.#stop.signal.aborted) return true;
        try {
          this.#connection ??= await this.#connect();
          await this.#connection.query(sql);
          this.written++;
          return true;
        } catch {
          this.refused++;
          this.#connection?.destroy();
          this.#connection = undefined;
          return false;
        }
      },
      {timeoutMs: 60_000, what: 'a server that accepts writes'},
    );
  }

  async #connect(): Promise<mysql.Connection> {
    const connection = await connect(
      {...this.#endpoint, user: 'application', password: 'application'},
      this.#database,
    );
    connection.on('error', () => undefined);
    return connection;
  }
}

/** A logical dump and load: the rows, and not the history. The load may be left out of the new server's log. */
export async function dumpAndLoad(
  from: Reachable,
  to: Reachable,
  {database, create, logged}: {database: string; create: string; logged: boolean},
): Promise<void> {
  await withConnection(from, database, source =>
    withConnection(to, undefined, async target => {
      await target.query(
        `SET sql_log_bin = ${logged ? 1 : 0}; SET FOREIGN_KEY_CHECKS = 0; CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4; USE \`${database}\`; ${create}`,
      );
      for (const table of ['institutes', 'users', 'institute_user']) {
        const rows = await query(source, `SELECT * FROM ${table}`);
        if (rows.length === 0) continue;
        const columns = Object.keys(rows[0] ?? {});
        await target.query(`INSERT INTO ${table} (${columns.join(', ')}) VALUES ?`, [
          rows.map(row => columns.map(name => row[name])),
        ]);
      }
    }),
  );
}
