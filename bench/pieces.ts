/** Alternatives to compare with, besides the replica: a script that writes by an ORM, and zongji alone. */
import knexModule from 'knex';
import {Model} from 'objection';
import {ZongJi} from '../src/position/zongji.ts';
import {fillUsers, openStand, scalar} from './stand.ts';

const ORM_USERS = 2000;
const STREAM_ROWS = 200_000;

export interface Pieces {
  readonly ormUsersPerSecond: number;
  readonly zongjiRowsPerSecond: number;
}

export async function measurePieces(): Promise<Pieces> {
  const stand = await openStand({edition: 'mariadb'});
  try {
    const start = await scalar(stand.s, 'SELECT @@gtid_current_pos');
    await fillUsers(stand.s, 1, STREAM_ROWS);
    return {ormUsersPerSecond: await orm(stand), zongjiRowsPerSecond: await zongjiAlone(stand, start)};
  } finally {
    await stand.close();
  }
}

/** Upserts one row at a time, the user and then its auth row, as most such scripts do. */
async function orm({target, s}: Awaited<ReturnType<typeof openStand>>): Promise<number> {
  const knex = knexModule.knex({
    client: 'mysql2',
    connection: {
      host: target.host,
      port: target.port,
      user: target.user,
      password: target.password,
      database: 'organizations',
    },
  });
  class User extends Model {
    static override tableName = 'user';
    static override idColumn = 'userId';
  }
  class UserAuth extends Model {
    static override tableName = 'user_auth';
    static override idColumn = 'userId';
  }
  const [rows] = await s.query(
    `SELECT id, first_name, last_name, email, password, created_at, updated_at FROM users ORDER BY id LIMIT ${ORM_USERS}`,
  );
  const began = performance.now();
  for (const row of rows as Record<string, string>[]) {
    const dates = {createdAt: row['created_at'], updatedAt: row['updated_at']};
    const user = {
      userId: row['id'],
      name: `${row['first_name']} ${row['last_name']}`,
      email: row['email'],
      password: row['password'],
      ...dates,
    };
    await User.query(knex)
      .insert(user as object)
      .onConflict('userId')
      .merge();
    await UserAuth.query(knex)
      .insert({userId: row['id'], password: row['password'], ...dates} as object)
      .onConflict('userId')
      .merge();
  }
  const seconds = (performance.now() - began) / 1000;
  await knex('user_auth').delete();
  await knex('user').delete();
  await knex.destroy();
  return Math.round(ORM_USERS / seconds);
}

function zongjiAlone({source}: Awaited<ReturnType<typeof openStand>>, gtidSet: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const zongji = new ZongJi({
      host: source.host,
      port: source.port,
      user: source.user,
      password: source.password,
      dateStrings: true,
    });
    let rows = 0;
    let began = 0;
    zongji.on('error', reject);
    zongji.on('ready', () => (began = performance.now()));
    zongji.on('binlog', event => {
      if (event.getTypeName() !== 'WriteRows' || !('rows' in event)) return;
      rows += event.rows.length;
      if (rows < STREAM_ROWS) return;
      zongji.once('stopped', () => resolve(Math.round((rows / (performance.now() - began)) * 1000)));
      zongji.stop();
    });
    zongji.start({serverId: 4_000_000_001, gtidSet, includeSchema: {laas: ['users']}});
  });
}
