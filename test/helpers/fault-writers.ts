/** Writers that contend for few rows, so that every race can happen. */
import type mysql from 'mysql2/promise';
import {connect} from '../servers/databases.ts';
import type {Place} from './fault-stand.ts';
import {randomFrom} from './workload.ts';

const HOT_USERS = 30;
const HOT_INSTITUTES = 6;
/** Duplicate, no parent, has children, cascade clash, lock wait, deadlock, changed since read. */
const EXPECTED = new Set([1062, 1452, 1451, 1761, 1205, 1213, 1020]);

export interface Writers {
  /** The number of statements that succeeded so far. */
  readonly written: number;
  /** Ends after the current statements. */
  stop(): Promise<void>;
}

/**
 * Starts `count` writers.
 *
 * Users with ids 9001 and 9002 are only ever updated together, to the same first name: a reader that sees
 * different names has seen half a transaction. They exist from the start.
 *
 * @param pause called between statements; the default keeps a writer busy
 */
export async function startWriters(place: Place, count: number, seed: number): Promise<Writers> {
  const stop = new AbortController();
  let written = 0;
  const connections = await Promise.all(
    Array.from({length: count}, () => connect(place.server, place.database)),
  );
  const [first] = connections;
  if (first !== undefined) await insertPair(first);
  const run = async (connection: mysql.Connection, random: () => number) => {
    while (!stop.signal.aborted) {
      try {
        await connection.query(statement(random));
        written++;
      } catch (error) {
        if (stop.signal.aborted) return;
        if (!isExpected(error)) throw error;
        await rollBack(connection);
      }
    }
  };
  const runs = Promise.all(connections.map((connection, i) => run(connection, randomFrom(seed + i))));
  // stop() reports a writer's fault.
  runs.catch(() => undefined);
  return {
    get written() {
      return written;
    },
    async stop() {
      stop.abort();
      await runs;
      for (const connection of connections) await connection.end();
    },
  };
}

/** A transaction that a node of Galera had rejected reports that once more, as a deadlock, and is rolled back. */
async function rollBack(connection: mysql.Connection): Promise<void> {
  try {
    await connection.query('ROLLBACK');
  } catch (error) {
    if (!isExpected(error)) throw error;
  }
}

/** Other writers may hold the rows already, and another node of Galera rejects the statement then. */
async function insertPair(connection: mysql.Connection): Promise<void> {
  for (;;) {
    try {
      await connection.query(
        "INSERT IGNORE INTO users (id, first_name, email, password) VALUES (9001, 'pair', 'p1@example.test', 'p'), (9002, 'pair', 'p2@example.test', 'p')",
      );
      return;
    } catch (error) {
      if (!isExpected(error)) throw error;
    }
  }
}

function isExpected(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && EXPECTED.has(Number(error.errno));
}

/** The first of the rows that {@link startCounter} counts, and how many. */
export const COUNTED = {first: 8001, rows: 14};

/**
 * Starts one more writer, whose rows keep every change: numbers that only grow, and users that are inserted or
 * deleted once. A wrong value in the rows of the other writers is soon overwritten; here it stays visible.
 */
export async function startCounter({server, database}: Place): Promise<{stop(): Promise<void>}> {
  const {first, rows} = COUNTED;
  const connection = await connect(server, database);
  const insert = (id: number, name: string) =>
    `INSERT INTO users (id, first_name, email, password) VALUES (${id}, '${name}', 'counted${id}@example.test', 'p')`;
  for (let id = first; id < first + rows; id++) await connection.query(insert(id, '1'));
  let stopped = false;
  const run = (async () => {
    for (let id = first + 20_000; !stopped; id++) {
      await connection.query(
        `UPDATE users SET first_name = first_name + 1 WHERE id BETWEEN ${first} AND ${first + rows - 1}`,
      );
      await connection.query(insert(id, 'comes'));
      await connection.query(`DELETE FROM users WHERE id = ${id - 5}`);
    }
  })();
  run.catch(() => undefined);
  return {
    async stop() {
      stopped = true;
      await run;
      await connection.end();
    },
  };
}

function statement(random: () => number): string {
  const below = (limit: number) => Math.floor(random() * limit);
  const user = 1 + below(HOT_USERS);
  const other = 1 + below(HOT_USERS);
  const institute = 1 + below(HOT_INSTITUTES);
  const value = below(1_000_000);
  const role = ['admin', 'teacher', 'student', 'staff'][below(4)];
  const status = below(2) === 0 ? 'active' : 'inactive';
  const at = `'2024-01-${String(1 + below(28)).padStart(2, '0')} 00:00:00'`;
  const insertUser = `INSERT INTO users (id, first_name, email, password, is_active, updated_at) VALUES (${user}, 'n${value}', 'u${user}.${below(3)}@example.test', 'p${value}', ${below(4) > 0 ? 1 : 0}, ${at})`;
  const insertMember = `INSERT INTO institute_user (institute_id, user_id, user_type, status, updated_at) VALUES (${institute}, ${user}, '${role}', '${status}', ${at})`;
  const statements = [
    insertUser,
    insertUser,
    `UPDATE users SET first_name = 'n${value}', password = 'p${value}' WHERE id = ${user}`,
    `UPDATE users SET first_name = 'n${value}' WHERE id IN (${user}, ${other})`,
    `UPDATE users SET is_active = 1 - is_active WHERE id = ${user}`,
    `UPDATE users SET email = IF(email IS NULL, 'u${user}.9@example.test', NULL) WHERE id = ${user}`,
    `DELETE FROM users WHERE id = ${user}`,
    `UPDATE users SET id = ${other} WHERE id = ${user}`,
    insertMember,
    insertMember,
    insertMember,
    `UPDATE institute_user SET user_type = '${role}', status = '${status}' WHERE user_id = ${user} AND institute_id = ${institute}`,
    `UPDATE institute_user SET user_id = ${other} WHERE user_id = ${user} AND institute_id = ${institute}`,
    `DELETE FROM institute_user WHERE user_id = ${user} AND institute_id = ${institute}`,
    `INSERT INTO institutes (id, name) VALUES (${institute}, 'i${value}')`,
    `UPDATE institutes SET name = IF(${below(4)} = 0, NULL, 'i${value}') WHERE id = ${institute}`,
    ...(below(4) === 0 ? [`DELETE FROM institutes WHERE id = ${institute}`] : []),
    `START TRANSACTION; UPDATE users SET first_name = 'both${value}' WHERE id = 9001; UPDATE users SET first_name = 'both${value}' WHERE id = 9002; COMMIT`,
    `START TRANSACTION; DELETE FROM users WHERE id = ${user}; ${insertUser}; ${insertMember}; COMMIT`,
    `START TRANSACTION; ${insertUser}; SAVEPOINT s; UPDATE users SET first_name = 'undone' WHERE id = ${other}; ROLLBACK TO s; COMMIT`,
    `START TRANSACTION; UPDATE users SET first_name = 'never' WHERE id = ${user}; ROLLBACK`,
  ];
  return statements[below(statements.length)] ?? insertUser;
}
