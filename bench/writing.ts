/** Measures the same users and auth rows, written to the target as text and in bulk, over one connection. */
import {StatementPipeline} from '../src/apply/statement-pipeline.ts';
import {openSession, type Session} from '../src/apply/session.ts';
import type {DatabaseConfig} from '../src/config.ts';
import {connect} from '../src/db/connection.ts';
import {readSourceSchema, readTargetSchema} from '../src/db/schema.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import {loadMapping} from '../src/mapping/file/read.ts';
import {buildPlan} from '../src/mapping/plan.ts';
import {EVERYTHING} from '../src/mapping/sql/ranges.ts';
import type {Row} from '../src/mapping/values.ts';
import {connectionQuery, createSourceReader} from '../src/source/reader.ts';
import type {TestServer} from '../test/servers/server.ts';
import {fillUsers, openStand} from './stand.ts';

const USERS = 200_000;
const USERS_A_TRANSACTION = 8000;
const ROWS_A_STATEMENT = 2000;

export interface Writing {
  readonly asTextMs: number;
  readonly inBulkMs: number;
}

export async function measureWriting(): Promise<Writing> {
  const stand = await openStand({edition: 'mariadb'});
  try {
    await fillUsers(stand.s, 1, USERS);
    const source = await connect('source', configOf(stand.source, 'laas'));
    const session = await openSession(configOf(stand.target, 'organizations'));
    const mapping = loadMapping(undefined);
    const plan = buildPlan(
      mapping,
      await readSourceSchema(source, 'laas', mapping),
      await readTargetSchema(session.connection, 'organizations', mapping),
    );
    const users = plan.entities.find(({name}) => name === 'user');
    if (users === undefined) throw new RangeError('the mapping has no users');
    const rows = await createSourceReader(connectionQuery(source)).range(users, EVERYTHING);
    const asTextMs = await write({...session, prepareRows: () => Promise.resolve(null)}, users, rows);
    await stand.t.query('DELETE FROM user_auth; DELETE FROM user');
    const inBulkMs = await write(session, users, rows);
    session.close();
    source.destroy();
    return {asTextMs, inBulkMs};
  } finally {
    await stand.close();
  }
}

async function write(session: Session, entity: EntityPlan, rows: readonly Row[]): Promise<number> {
  const keyed = rows.map(source => ({key: source[0] ?? '', source}));
  const began = performance.now();
  for (let at = 0; at < keyed.length; at += USERS_A_TRANSACTION) {
    const pipeline = new StatementPipeline(session);
    for (const table of entity.tables)
      await pipeline.upsert(table, keyed.slice(at, at + USERS_A_TRANSACTION), ROWS_A_STATEMENT, {
        newestWins: false,
      });
    await pipeline.commit();
  }
  return performance.now() - began;
}

function configOf({host, port, user, password}: TestServer, database: string): DatabaseConfig {
  return {host, port, user, password, database, tls: 'off', tlsCa: undefined};
}
