/**
 * The oracle for a target with unique keys: each row equals its source row, or waits for a row that really
 * blocks it.
 */
import {expect} from 'vitest';
import type mysql from 'mysql2/promise';
import {query, type Row} from '../servers/databases.ts';

const KEYS = {
  institute: ['instituteId'],
  user: ['userId'],
  institute_users: ['instituteId', 'userId'],
  user_auth: ['userId'],
} as const;
type Table = keyof typeof KEYS;
const TABLES = ['institute', 'user', 'institute_users', 'user_auth'] as const;
const VALUES: Record<Table, readonly string[]> = {
  institute: ['instituteId', 'name', 'imageUrl'],
  user: ['userId', 'name', 'email', 'password'],
  institute_users: ['instituteId', 'userId', 'role'],
  user_auth: ['userId', 'password'],
};
const ROLES: Record<string, string> = {
  director: 'DIRECTOR',
  admin: 'ADMIN',
  staff: 'STAFF',
  student: 'STUDENT',
};

const cell = (value: unknown) => (value === null ? null : String(value));

/** Every row that the source requires, by table and key. */
async function wantedRows(source: mysql.Connection): Promise<Map<string, Row>> {
  const wanted = new Map<string, Row>();
  const users = await query(source, 'SELECT * FROM users WHERE is_active = 1');
  const institutes = await query(source, 'SELECT * FROM institutes WHERE name IS NOT NULL');
  for (const {id, name, imageUrl} of institutes)
    wanted.set(`institute ${String(id)}`, {instituteId: id, name, imageUrl});
  for (const {id, first_name: name, email, password} of users) {
    wanted.set(`user ${String(id)}`, {userId: id, name, email, password});
    wanted.set(`user_auth ${String(id)}`, {userId: id, password});
  }
  for (const {institute_id: instituteId, user_id: userId, user_type: type} of await query(
    source,
    'SELECT * FROM institute_user',
  )) {
    if (wanted.has(`user ${String(userId)}`) && wanted.has(`institute ${String(instituteId)}`))
      wanted.set(`institute_users ${String(instituteId)}:${String(userId)}`, {
        instituteId,
        userId,
        role: ROLES[String(type)],
      });
  }
  return wanted;
}

/** @throws AssertionError naming the rows that are wrong */
export async function checkTarget(source: mysql.Connection, target: mysql.Connection): Promise<void> {
  const wanted = await wantedRows(source);
  const letters = new Map(
    (await query(target, 'SELECT target_table, row_key, code, detail FROM sync_dead_letter')).map(row => [
      `${String(row['target_table'])} ${String(row['row_key'])}`,
      row,
    ]),
  );
  const faults: unknown[] = [];
  const found = new Map<string, Row>();
  for (const table of TABLES)
    for (const row of await query(target, `SELECT * FROM ${table}`))
      found.set(`${table} ${KEYS[table].map(column => String(row[column])).join(':')}`, row);
  const waits = (name: string): boolean => {
    if (letters.has(name)) return true;
    const [table = '', key = ''] = name.split(' ');
    if (table === 'user_auth') return letters.has(`user ${key}`);
    const [institute = '', user = ''] = key.split(':');
    return (
      table === 'institute_users' && (letters.has(`user ${user}`) || letters.has(`institute ${institute}`))
    );
  };
  for (const [name, row] of wanted) {
    if (waits(name)) continue;
    const columns = VALUES[name.split(' ')[0] as Table];
    const is = found.get(name);
    if (is === undefined || columns.some(column => cell(is[column]) !== cell(row[column])))
      faults.push({name, row, is: is ?? null});
  }
  for (const [name, row] of found) {
    if (name.endsWith(' 90')) continue;
    if (!wanted.has(name)) faults.push({name, extra: row});
    if (JSON.stringify(row).includes('.invalid') || /"~/.test(JSON.stringify(row)))
      faults.push({name, parked: row});
  }
  if (!found.has('user 90')) faults.push({lost: 'the foreign row'});
  for (const [name, letter] of letters) {
    if (!wanted.has(name)) faults.push({letterOfNobody: name});
    if (letter['code'] === 'unique-conflict') {
      const why = await isInTheWay(target, name, String(letter['detail']), wanted.get(name) ?? {});
      const blocker = `${name.split(' ')[0] ?? ''} ${String(letter['detail'])}`;
      if (why !== null) faults.push({letter: name, detail: letter['detail'], why});
      if (blocker !== 'user 90' && waits(blocker)) faults.push({letter: name, staleBlocker: blocker});
    } else if (!['invalid-email'].includes(String(letter['code']))) faults.push({letter});
  }
  expect(faults).toEqual([]);
}

/** Whether the server refuses the row if only the other one exists. */
async function isInTheWay(
  target: mysql.Connection,
  name: string,
  other: string,
  row: Row,
): Promise<string | null> {
  const [table = '', key = ''] = name.split(' ');
  const {[table as Table]: columns} = KEYS;
  const isKey = (one: string) =>
    columns.map((column, i) => `${column} = ${one.split(':')[i] ?? 'NULL'}`).join(' AND ');
  await target.query('SET foreign_key_checks = 0');
  await target.query('START TRANSACTION');
  try {
    const [there] = await query(target, `SELECT COUNT(*) AS n FROM ${table} WHERE ${isKey(other)}`);
    if (Number(there?.['n']) !== 1) return 'it does not exist';
    await target.query(`DELETE FROM ${table} WHERE NOT (${isKey(other)}) AND NOT (${isKey(key)})`);
    const names = Object.keys(row);
    const [own] = await query(target, `SELECT COUNT(*) AS n FROM ${table} WHERE ${isKey(key)}`);
    if (Number(own?.['n']) === 1)
      await target.query(
        `UPDATE ${table} SET ${names.map(column => `${column} = ?`).join(', ')} WHERE ${isKey(key)}`,
        Object.values(row),
      );
    else {
      const more = table === 'institute_users' ? ', isActive' : '';
      await target.query(
        `INSERT INTO ${table} (${names.join(', ')}, createdAt, updatedAt${more}) VALUES (${names.map(() => '?').join(', ')}, NOW(), NOW()${more === '' ? '' : ', 1'})`,
        Object.values(row),
      );
    }
    return 'it does not block';
  } catch (error) {
    if (error instanceof Error && 'errno' in error && error.errno === 1062) return null;
    throw error;
  } finally {
    await target.query('ROLLBACK');
    await target.query('SET foreign_key_checks = 1');
  }
}
