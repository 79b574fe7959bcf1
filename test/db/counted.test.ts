/** Reads that were truncated by anything end with an error: rows that seem to be missing are never deleted. */
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {Ownership, type Want} from '../../src/apply/ownership.ts';
import {connect, queryRows, type Connection} from '../../src/db/connection.ts';
import {onlyRow, readClosed, readCounted} from '../../src/db/counted.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import type {Edge} from '../../src/mapping/entities.ts';
import {EVERYTHING} from '../../src/mapping/sql/ranges.ts';
import {readServerInfo, type ServerInfo} from '../../src/db/server.ts';
import {
  createSourceReader,
  keySelections,
  rangeSelection,
  type SourceReader,
} from '../../src/source/reader.ts';
import {readInSnapshot} from '../../src/source/snapshot-read.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {SURROGATE} from '../helpers/fault-stand.ts';
import {configOf, planOf, sessionsFor} from '../property/stand.ts';
import {withConnection} from '../servers/databases.ts';
import {entityOf} from '../unit/plan-fixture.ts';

const USERS = ['1', '2', '3', '4', '5'];
const CUT = {code: 'read-incomplete'};
interface Reading {
  readonly reader: SourceReader;
  readonly plan: Plan;
  readonly connection: Connection;
  readonly info: ServerInfo;
}

/** Each way in which rows are read. */
const READS: Readonly<Record<string, (reading: Reading) => Promise<unknown>>> = {
  'users by id': ({reader, plan}) => reader.byKeys(entityOf(plan, 'user'), USERS),
  'institutes by id': ({reader, plan}) => reader.byKeys(entityOf(plan, 'institute'), ['1', '2', '9']),
  'memberships of users': ({reader, plan}) => reader.children(edgeTo(plan, 'user'), USERS, null, 100),
  'memberships of an institute': ({reader, plan}) =>
    reader.children(edgeTo(plan, 'institute'), ['1'], null, 100),
  pairs: ({reader, plan}) => reader.byKeys(entityOf(plan, 'institute_users'), ['1:1', '1:2', '2:1']),
  'a range of users': ({reader, plan}) => reader.range(entityOf(plan, 'user'), EVERYTHING),
  'a range of memberships': ({reader, plan}) => reader.range(entityOf(plan, 'institute_users'), EVERYTHING),
  'several selections in a snapshot': async ({plan, connection, info}) => {
    const users = entityOf(plan, 'user');
    const selections = [rangeSelection(users, EVERYTHING), ...keySelections(users, USERS)];
    return (await readInSnapshot(connection, info, selections, NEVER)).rows;
  },
};
const NEVER = new AbortController().signal;

function edgeTo(plan: Plan, parent: 'user' | 'institute'): Edge {
  const edge = entityOf(plan, parent).children.find(({child}) => child.name === 'institute_users');
  if (edge === undefined) throw new RangeError(`${parent} has no memberships`);
  return edge;
}

describeEachFlavour('#33 a read', ({server, source, target}) => {
  const sessions = sessionsFor({server, source, target});
  let plan: Plan;
  let connection: Connection;
  let info: ServerInfo;
  const query = (sql: string) => queryRows('source', connection, sql);
  const limit = (rows: string) => query(`SET sql_select_limit = ${rows}`);
  beforeAll(async () => {
    await sessions().sql.query(SURROGATE.create);
    await sessions().sql.query(
      `INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two');
       INSERT INTO users (id, email, password) VALUES ${USERS.map(id => `(${id}, 'u${id}@x.org', 'p')`).join(', ')};
       INSERT INTO institute_user (institute_id, user_id) SELECT i.id, u.id FROM institutes i, users u`,
    );
    plan = await planOf(sessions().reading, sessions().writing, {source, target});
    connection = await connect('source', configOf(server, source));
    info = await readServerInfo('source', connection);
  });
  afterAll(() => connection?.destroy());
  beforeEach(() => limit('18446744073709551615'));

  it('returns all rows, and none if there are none', async () => {
    const users = {columns: 'id', from: 'users', order: 'id'};
    expect((await readCounted(query, {...users, where: 'id > 1'})).flat().map(String)).toEqual(
      USERS.slice(1),
    );
    expect(await readCounted(query, {...users, where: 'id > 5'})).toEqual([]);
    const closed = {columns: ['id', 'email'], from: 'users'};
    expect(await readClosed(query, {...closed, where: 'id > 5'})).toEqual([]);
    expect((await readClosed(query, {...closed, where: 'id = 3'})).map(row => String(row[0]))).toEqual(['3']);
  });

  for (const [what, read] of Object.entries(READS))
    it(`of ${what} fails if rows are missing, whatever their number`, async () => {
      const reader = createSourceReader(query);
      const reading = {reader, plan, connection, info};
      const whole = await read(reading);
      for (const rows of ['0', '1', '2']) {
        await limit(rows);
        // The read may ask for as few rows as the limit allows.
        const outcome = await read(reading).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toMatchObject(CUT);
        else expect(outcome).toEqual(whole);
      }
      await limit('1');
      await expect(read(reading)).rejects.toMatchObject(CUT);
    });

  it('of rows without an order, and of an aggregate, fails, too', async () => {
    const closed = {columns: ['id'], from: 'users', where: '1 = 1'};
    for (const rows of ['0', '1', '5']) {
      await limit(rows);
      await expect(readClosed(query, closed)).rejects.toMatchObject(CUT);
    }
    await limit('0');
    await expect(query('SELECT COUNT(*) FROM users').then(onlyRow)).rejects.toMatchObject(CUT);
  });

  it('of ownership fails, and no owned row counts as foreign', async () => {
    const memberships = entityOf(plan, 'institute_users');
    const keys = ['1:1', '2:1'];
    const each = (want: Want) => keys.forEach(key => want(memberships, key));
    const view = await new Ownership('s').view(each, sql => queryRows('target', sessions().writing, sql));
    for (const key of keys) view.add(memberships, key);
    await withConnection(server, target, own => own.query(view.statements().join(';')));
    const reading = await connect('target', configOf(server, target));
    try {
      await queryRows('target', reading, 'SET sql_select_limit = 1');
      await expect(
        new Ownership('s').view(each, sql => queryRows('target', reading, sql)),
      ).rejects.toMatchObject(CUT);
    } finally {
      reading.destroy();
    }
  });
});
