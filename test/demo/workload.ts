/**
 * People at work in LAAS: a few small transactions per second, of every kind that the replicator must handle.
 */
import {setInterval as ticks} from 'node:timers/promises';
import type {Connection} from 'mysql2/promise';
import {query} from '../servers/databases.ts';
import {makePerson, makeRole} from './sample-data.ts';
import type {Random} from './random.ts';

const INTERVAL_MS = 250;

type Change = (connection: Connection, random: Random, serial: number) => Promise<void>;

/** Changes rows until the signal is set. */
export async function runWorkload(
  connection: Connection,
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  let serial = 100_000;
  try {
    for await (const _ of ticks(INTERVAL_MS, undefined, {signal})) {
      serial += 1;
      const change = random.pick(CHANGES);
      await connection.beginTransaction();
      await change(connection, random, serial);
      await connection.commit();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

const joins: Change = async (connection, random, serial) => {
  const {firstName, lastName, email, password} = makePerson(random, serial);
  await connection.query(
    `INSERT INTO users (first_name, last_name, email, password, created_at, updated_at)
     VALUES (?, ?, ?, ?, UTC_TIMESTAMP(), UTC_TIMESTAMP())`,
    [firstName, lastName, email, password],
  );
  await connection.query(
    `INSERT INTO institute_user (institute_id, user_id, user_type, status, created_at, updated_at)
     SELECT id, LAST_INSERT_ID(), ?, 'active', UTC_TIMESTAMP(), UTC_TIMESTAMP() FROM institutes ORDER BY RAND() LIMIT 2`,
    [makeRole(random)],
  );
};

const leaves: Change = async connection => {
  const [id] = await someUsers(connection, 1);
  await connection.query('DELETE FROM users WHERE id = ?', [id]); // a cascade deletes the memberships
};

const isRenamed: Change = async (connection, random, serial) => {
  const {firstName, lastName} = makePerson(random, serial);
  const [id] = await someUsers(connection, 1);
  await connection.query(
    'UPDATE users SET first_name = ?, last_name = ?, updated_at = UTC_TIMESTAMP() WHERE id = ?',
    [firstName, lastName, id],
  );
};

const isToggled: Change = async connection => {
  const [id] = await someUsers(connection, 1);
  await connection.query(
    'UPDATE users SET is_active = 1 - is_active, updated_at = UTC_TIMESTAMP() WHERE id = ?',
    [id],
  );
};

const changesPassword: Change = async (connection, random, serial) => {
  const [id] = await someUsers(connection, 1);
  const {password} = makePerson(random, serial);
  await connection.query('UPDATE users SET password = ?, updated_at = UTC_TIMESTAMP() WHERE id = ?', [
    password,
    id,
  ]);
};

const moves: Change = async (connection, random) => {
  await connection.query(
    `UPDATE institute_user
     SET institute_id = (SELECT id FROM institutes ORDER BY RAND() LIMIT 1), user_type = ?, updated_at = UTC_TIMESTAMP()
     ORDER BY RAND() LIMIT 1`,
    [makeRole(random)],
  );
};

/** Two users exchange their addresses, which must never be reported as a conflict. */
const swapAddresses: Change = async (connection, _random, serial) => {
  const [one, other] = await someUsers(connection, 2);
  const rows = await query(connection, 'SELECT id, email FROM users WHERE id IN (?, ?)', [one, other]);
  const [first, second] = rows;
  if (first === undefined || second === undefined) return;
  const set = 'UPDATE users SET email = ? WHERE id = ?';
  await connection.query(set, [`swap${serial}@example.org`, first['id']]);
  await connection.query(set, [first['email'], second['id']]);
  await connection.query(set, [second['email'], first['id']]);
};

const instituteIsRenamed: Change = async (connection, _random, serial) => {
  await connection.query(
    `UPDATE institutes SET name = CONCAT(SUBSTRING_INDEX(name, ' №', 1), ' №', ?), updated_at = UTC_TIMESTAMP()
     WHERE name IS NOT NULL ORDER BY RAND() LIMIT 1`,
    [serial % 100],
  );
};

/**
 * A user gets another id: for the target a delete and an insert, memberships included (a cascade updates them).
 */
const changesKey: Change = async (connection, _random, serial) => {
  const [id] = await someUsers(connection, 1);
  await connection.query('UPDATE users SET id = ? WHERE id = ?', [5_000_000 + serial, id]);
};

/** Gives a user an invalid address: a dead letter, until the address is corrected. */
const mistypesAddress: Change = async (connection, _random, serial) => {
  const [id] = await someUsers(connection, 1);
  await connection.query('UPDATE users SET email = ? WHERE id = ?', [`person${serial} at example.org`, id]);
};

const addressIsMended: Change = connection =>
  connection
    .query("UPDATE users SET email = REPLACE(email, ' at ', '@') WHERE email LIKE '% at %' LIMIT 2")
    .then(() => undefined);

/** From time to time, one statement changes every user, which the charts show. */
const everybodyIsTouched: Change = async connection => {
  await connection.query('UPDATE users SET updated_at = UTC_TIMESTAMP()');
};

/** The more common ones are listed more often. */
const CHANGES: readonly [Change, ...Change[]] = [
  joins,
  joins,
  joins,
  leaves,
  leaves,
  isRenamed,
  isRenamed,
  isRenamed,
  isToggled,
  isToggled,
  changesPassword,
  moves,
  moves,
  moves,
  swapAddresses,
  instituteIsRenamed,
  changesKey,
  changesKey,
  mistypesAddress,
  addressIsMended,
  everybodyIsTouched,
];

async function someUsers(connection: Connection, count: number): Promise<unknown[]> {
  const rows = await query(
    connection,
    "SELECT id FROM users WHERE email LIKE '%@example.org' ORDER BY RAND() LIMIT ?",
    [count],
  );
  return rows.map(row => row['id']);
}
