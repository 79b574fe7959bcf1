/**
 * The oracle for the built-in mapping: computes what the target must hold from the source's rows. It implements
 * docs/rules.md a second time, and shares no code with the tested mapping.
 */
import type mysql from 'mysql2/promise';
import {query, type Row} from '../servers/databases.ts';

export interface Expected {
  readonly institute: string[];
  readonly user: string[];
  readonly institute_users: string[];
  readonly user_auth: string[];
}

/** Rows as sorted text, so that two sides compare as wholes. */
export async function expectedTarget(
  source: mysql.Connection,
  database: string,
  surrogate: boolean,
): Promise<Expected> {
  const table = (name: string, extra = '') =>
    query(source, `SELECT * ${extra} FROM \`${database}\`.\`${name}\``);
  const users = (await table('users', ', is_active + 0 AS active')).filter(
    row => Number(row['active']) === 1 && row['email'] !== null && row['password'] !== null,
  );
  const valid = users.filter(row => /^[^@\s]+@[^@\s]+$/u.test(cut(row['email'])) && row['password'] !== '');
  const institutes = (await table('institutes')).filter(row => row['name'] !== null);
  const userIds = new Set(valid.map(row => String(row['id'])));
  const instituteIds = new Set(institutes.map(row => String(row['id'])));
  const memberships = (await table('institute_user')).filter(
    row => userIds.has(String(row['user_id'])) && instituteIds.has(String(row['institute_id'])),
  );
  return {
    institute: institutes
      .map(row => line(row['id'], row['name'], row['imageUrl'] ?? null, ...dates(row)))
      .sort(),
    user: valid
      .map(row =>
        line(
          row['id'],
          [cut(row['first_name']), cut(row['last_name'])].filter(part => part !== '').join(' '),
          cut(row['email']),
          row['password'],
          ...dates(row),
        ),
      )
      .sort(),
    institute_users: winners(memberships, surrogate)
      .map(row =>
        line(
          row['institute_id'],
          row['user_id'],
          role(row['user_type']),
          isActive(row) ? 1 : 0,
          ...dates(row),
        ),
      )
      .sort(),
    user_auth: valid.map(row => line(row['id'], row['password'], ...dates(row))).sort(),
  };
}

export async function actualTarget(target: mysql.Connection, database: string): Promise<Expected> {
  const read = async (table: string, columns: string) => {
    const [rows] = await target.query<mysql.RowDataPacket[][]>({
      sql: `SELECT ${columns} FROM \`${database}\`.\`${table}\``,
      rowsAsArray: true,
    });
    return rows.map(row => line(...(row as unknown[]))).sort();
  };
  return {
    institute: await read('institute', 'instituteId, name, imageUrl, createdAt, updatedAt'),
    user: await read('user', 'userId, name, email, password, createdAt, updatedAt'),
    institute_users: await read(
      'institute_users',
      'instituteId, userId, role, isActive + 0, createdAt, updatedAt',
    ),
    user_auth: await read('user_auth', 'userId, password, createdAt, updatedAt'),
  };
}

function winners(rows: readonly Row[], surrogate: boolean): Row[] {
  const best = new Map<string, Row>();
  for (const row of rows) {
    const key = `${String(row['institute_id'])}:${String(row['user_id'])}`;
    const other = best.get(key);
    if (other === undefined || (surrogate && beats(row, other))) best.set(key, row);
  }
  return [...best.values()];
}

function beats(a: Row, b: Row): boolean {
  if (isActive(a) !== isActive(b)) return isActive(a);
  const [left, right] = [a['updated_at'] ?? '', b['updated_at'] ?? ''].map(String);
  if (left !== right) return String(left) > String(right);
  return Number(a['id']) > Number(b['id']);
}

function role(value: unknown): string {
  const name = cut(value).toUpperCase();
  if (name === 'TEACHER' || name === 'INSTRUCTOR') return 'FACULTY';
  return ['ADMIN', 'STUDENT', 'STAFF', 'DIRECTOR'].includes(name) ? name : 'STUDENT';
}

function isActive(row: Row): boolean {
  return cut(row['status']).toUpperCase() === 'ACTIVE';
}

function dates(row: Row): [string, string] {
  const real = (value: unknown) =>
    value === null || value === undefined || String(value).startsWith('0000') ? null : String(value);
  const [created, updated] = [real(row['created_at']), real(row['updated_at'])];
  return [
    milliseconds(created ?? updated ?? '1970-01-01 00:00:00'),
    milliseconds(updated ?? created ?? '1970-01-01 00:00:00'),
  ];
}

/** Microseconds rounded half up, by integers. */
function milliseconds(text: string): string {
  const [whole = '', fraction = ''] = text.split('.');
  const micros =
    BigInt(Date.parse(`${whole.replace(' ', 'T')}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0') || '0');
  const rounded = Number((micros + 500n - (((micros % 1000n) + 1500n) % 1000n)) / 1000n);
  return new Date(rounded).toISOString().replace('T', ' ').replace('Z', '');
}

function cut(value: unknown): string {
  return value === null || value === undefined ? '' : String(value).replace(/^ +| +$/g, '');
}

function line(...values: readonly unknown[]): string {
  return values.map(value => (value === null || value === undefined ? '∅' : String(value))).join(' | ');
}
