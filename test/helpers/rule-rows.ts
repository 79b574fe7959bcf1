/** A stream for the tests of docs/rules.md, and the rows that they write and read. */
import {SURROGATE, Stand} from './fault-stand.ts';
import type {FlavourContext} from './flavours.ts';

/** Wide columns, so that the source can hold what the target cannot; addresses may repeat. */
export const WIDE = {
  surrogate: true,
  create: SURROGATE.create
    .replace(', UNIQUE KEY email (email)', '')
    .replace('email VARCHAR(190)', 'email VARCHAR(400)')
    .replace('password VARCHAR(255)', 'password VARCHAR(400)')
    .replace('name VARCHAR(255)', 'name VARCHAR(400)'),
};

/**
 * Starts a stream with two institutes.
 *
 * @param onTarget a statement that changes the target before the start
 */
export async function openRuleStand(
  {server, source, target}: Pick<FlavourContext, 'server' | 'source' | 'target'>,
  onTarget?: string,
): Promise<Stand> {
  const stand = await Stand.open({
    source: {server, database: source},
    target: {server, database: target},
    schema: WIDE,
    env: {USER_SYNC_BATCH_SIZE: '200'},
  });
  if (onTarget !== undefined) await stand.target.query(onTarget);
  await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two')");
  await stand.start();
  await stand.caughtUp();
  return stand;
}

export function rowsOf(stand: () => Stand) {
  const user = (
    id: string | number,
    email: string | null,
    more: {name?: string; password?: string; active?: number} = {},
  ) =>
    stand().source.query(
      'INSERT INTO users (id, first_name, email, password, is_active) VALUES (?, ?, ?, ?, ?)',
      [id, more.name ?? `User ${id}`, email, more.password ?? `pw-${id}`, more.active ?? 1],
    );
  const foreignUser = (id: number, email: string) =>
    stand().target.query(
      "INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (?, 'Foreign', ?, 'theirs', '2020-01-01', '2020-01-01')",
      [id, email],
    );
  const member = (
    institute: number,
    userId: string | number,
    more: {role?: string; status?: string; updated?: string | null} = {},
  ) =>
    stand().source.query(
      'INSERT INTO institute_user (institute_id, user_id, user_type, status, updated_at) VALUES (?, ?, ?, ?, ?)',
      [institute, userId, more.role ?? 'student', more.status ?? 'active', more.updated ?? null],
    );
  const transaction = async (work: () => Promise<void>) => {
    await stand().source.query('START TRANSACTION');
    await work();
    await stand().source.query('COMMIT');
  };
  const emails = async (low: number, high: number) =>
    Object.fromEntries(
      (
        await stand().targetRows('SELECT userId, email FROM user WHERE userId BETWEEN ? AND ? ORDER BY 1', [
          low,
          high,
        ])
      ).map(row => [row['userId'], row['email']]),
    );
  const users = async (low: number, high: number) => ({
    user: (
      await stand().targetRows('SELECT userId FROM user WHERE userId BETWEEN ? AND ? ORDER BY 1', [low, high])
    ).map(row => Number(row['userId'])),
    auth: (
      await stand().targetRows('SELECT userId FROM user_auth WHERE userId BETWEEN ? AND ? ORDER BY 1', [
        low,
        high,
      ])
    ).map(row => Number(row['userId'])),
    memberships: (
      await stand().targetRows(
        'SELECT instituteId, userId, role FROM institute_users WHERE userId BETWEEN ? AND ? ORDER BY 1, 2',
        [low, high],
      )
    ).map(row => `${row['instituteId']}:${row['userId']} ${row['role']}`),
  });
  return {user, foreignUser, member, transaction, emails, users};
}
