/** A source schema on a real server, read by SELECT and from its log: what the properties compare. */
import fc from 'fast-check';
import {afterAll, beforeAll} from 'vitest';
import type mysql from 'mysql2/promise';
import {BinlogSource} from '../../replicator/source/binlog-source.ts';
import type {RowChange} from '../../replicator/events.ts';
import type {DatabaseConfig} from '../../src/config.ts';
import {connect, settledOptions, type Connection} from '../../src/db/connection.ts';
import {migrateUp} from '../../src/db/migrate.ts';
import {openKnex} from '../../src/db/models.ts';
import {readSourceSchema, readTargetSchema} from '../../src/db/schema.ts';
import {readServerInfo} from '../../src/db/server.ts';
import {silentLogger} from '../helpers/silent-logger.ts';
import {PackedRows} from '../../src/mapping/packed.ts';
import {buildPlan, type Plan} from '../../src/mapping/plan.ts';
import {connectionQuery, createSourceReader} from '../../src/source/reader.ts';
import {charsetsOf, readCharsetTables, type CharsetTable} from '../../src/source/charset-tables.ts';
import {readCollations} from '../../src/source/collations.ts';
import {anchorPosition, endSnapshot, openSnapshot} from '../../src/source/watermark.ts';
import type {FlavourContext} from '../helpers/flavours.ts';
import {LAAS} from '../helpers/laas-mapping.ts';
import {connect as connectForTests, type Reachable} from '../servers/databases.ts';
import {productAccount} from '../servers/profile.ts';

// No result may depend on the zone of the process.
process.env['TZ'] = 'America/New_York';

/** The test's own session on the source, in a zone of its own, and ours as the program opens them; the target is migrated. */
export interface Sessions {
  readonly sql: mysql.Connection;
  readonly reading: Connection;
  readonly writing: Connection;
}

/** Opened before the suite's tests, closed after them. */
export function sessionsFor({
  server,
  source,
  target,
}: Pick<FlavourContext, 'server' | 'source' | 'target'>): () => Sessions {
  let sessions: Sessions | undefined;
  beforeAll(async () => {
    const knex = await openKnex(configOf(server, target), silentLogger);
    await migrateUp(knex, LAAS);
    await knex.destroy();
    const sql = await connectForTests(server, source);
    await sql.query("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+05:30'");
    sessions = {
      sql,
      reading: await connect('source', configOf(server, source)),
      writing: await connect('target', configOf(server, target)),
    };
  });
  afterAll(async () => {
    sessions?.reading.destroy();
    sessions?.writing.destroy();
    await sessions?.sql.end();
  });
  return () => {
    if (sessions === undefined) throw new Error('not open yet');
    return sessions;
  };
}

export function nullable<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.option(arbitrary, {freq: 6});
}

export function configOf(server: Reachable, database: string): DatabaseConfig {
  const {host, port} = server;
  const {user, password} = productAccount(server);
  return {host, port, user, password, database, tls: 'preferred', tlsCa: undefined};
}

export async function planOf(
  source: Connection,
  target: Connection,
  names: {source: string; target: string},
): Promise<Plan> {
  return buildPlan(
    LAAS,
    await readSourceSchema(source, names.source, LAAS),
    await readTargetSchema(target, names.target, LAAS),
  );
}

/** Runs `work` and returns the row changes that it left in the log, as the replicator decodes them. */
export async function changesOf(
  server: DatabaseConfig,
  plan: Plan,
  serverId: number,
  work: () => Promise<void>,
): Promise<RowChange[]> {
  const control = await connect('source', server);
  try {
    const never = new AbortController().signal;
    const info = await readServerInfo('source', control);
    const position = await anchorPosition(control, info, await openSnapshot(control, info, never));
    await endSnapshot(control);
    await work();
    const collations = await readCollations(control, info);
    const charsets = new Map<string, CharsetTable>();
    await readCharsetTables(control, charsetsOf(plan.sources), charsets);
    const end = await openSnapshot(control, info, never);
    await endSnapshot(control);
    const changes: RowChange[] = [];
    const packed = new PackedRows(0);
    const binlog = await settledOptions('source', server);
    await new Promise<void>((resolve, reject) => {
      const source = new BinlogSource({
        connection: binlog,
        database: server.database,
        serverId,
        position,
        plan: () => plan,
        collations,
        charsets,
        now: Date.now,
        onFault: error => reject(error),
        onEvent: event => {
          if (event.tag === 'rows') changes.push(...event.rows.read(packed));
          const offset = 'offset' in event ? event.offset : null;
          if (offset === null || end.high === null) return;
          if (offset.file === end.high.file && offset.offset >= end.high.offset)
            void source.stop().then(resolve, reject);
        },
      });
    });
    return changes;
  } finally {
    control.destroy();
  }
}

export function readerOf(connection: Connection) {
  return createSourceReader(connectionQuery(connection));
}

/** Inserts rows of named values; the server may change values that it cannot store. */
export async function insert(
  connection: mysql.Connection,
  table: string,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  for (const row of rows) {
    const names = Object.keys(row);
    await connection.query(
      `INSERT IGNORE INTO \`${table}\` (${names.map(name => `\`${name}\``).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
      Object.values(row),
    );
  }
}

/** Text of the kinds that go wrong: spaces of all sorts, quotes, escapes, wide characters, several scripts. */
export const text = fc.oneof(
  {weight: 3, arbitrary: fc.string({maxLength: 12})},
  {weight: 2, arbitrary: fc.string({unit: 'binary', maxLength: 8})},
  {
    weight: 3,
    arbitrary: fc.string({
      unit: fc.constantFrom(
        ...Array.from(' \t\n\0\\\'"`%,;@.aAzZ09éßñÅøЖяюΩ漢字かなカ가힣אבกขşğ€‘’–™ŠžŸ'),
        '🙂',
        '\u00a0',
        '\u3000',
        '\u0301',
        '\u0085',
      ),
      maxLength: 12,
    }),
  },
  fc.constantFrom('', ' ', '  a  ', '\u00a0a\u00a0', 'a ', ' a', '0', 'NULL', '\u001f', '\u0000'),
);

const pad = (value: number, length: number) => String(value).padStart(length, '0');

/** Moments with six digits of a second, at the ends of years and around the changes of summer time. */
export const moment = fc
  .tuple(
    fc.constantFrom(
      '1970-01-02',
      '1999-12-31',
      '2023-12-31',
      '2024-02-29',
      '2024-03-10',
      '2024-03-31',
      '2024-11-03',
      '2037-12-31',
    ),
    fc.constantFrom('00:00:00', '01:30:00', '02:30:00', '06:59:59', '07:00:00', '12:34:56', '23:59:59'),
    fc.oneof(
      fc.integer({min: 0, max: 999_999}),
      fc.constantFrom(0, 499, 500, 499_999, 500_000, 999_499, 999_500, 999_999),
    ),
  )
  .map(([day, time, micros]) => `${day} ${time}.${pad(micros, 6)}`);

export const zeroDate = fc.constantFrom('0000-00-00 00:00:00', '0000-00-00');

/** Dates that count as missing: a part that is never zero in a real date is zero. */
export const noDate = fc.oneof(
  zeroDate,
  fc.constantFrom(
    '2024-00-00',
    '2024-02-00 01:02:03.5',
    '2024-00-17',
    '0000-05-01',
    '2023-12-00 23:59:59.999999',
  ),
);
