/** Queries that are asked together leave together, and are answered as if they had been asked one by one. */
import {beforeAll, expect, it} from 'vitest';
import type {DatabaseConfig} from '../../src/config.ts';
import {connect, queryRows, type Connection} from '../../src/db/connection.ts';
import {SyncError} from '../../src/errors.ts';
import {sendRows} from '../../src/db/send-rows.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {fc} from '../helpers/draws.ts';
import {eventually} from '../helpers/eventually.ts';
import {withConnection} from '../servers/databases.ts';
import {startProxy} from '../servers/proxy.ts';

const RUNS = Number(process.env['RUNS'] ?? 60);

/** A statement with rows, or one without that is pipelined. */
type Asked = {readonly sql: string; readonly values?: readonly unknown[]; readonly hasRows: boolean};

const withRows = (sql: string, values: readonly unknown[] = []): Asked => ({sql, values, hasRows: true});
const anyStatement = fc.oneof(
  fc
    .integer({min: 0, max: 900})
    .map(n => withRows('SELECT id, ? FROM numbers WHERE id <= ?', [`'${n}\\`, n])),
  fc.constantFrom(
    withRows("SELECT REPEAT('long ', 600000)"),
    withRows("SELECT 'one'; SELECT 'two', NULL; SELECT id FROM numbers WHERE id < 3"),
    withRows('SELECT @seen'),
    withRows('DO 1'),
    withRows('SELECT nothing'),
    withRows('SELECT id FROM nowhere'),
    withRows("SELECT 'before'; SELECT nothing; SELECT 'after'"),
    withRows('SELECT FROM'),
    withRows("SELECT 'Gödel 数 🚀'"),
  ),
  fc.integer({min: 0, max: 99}).map(n => withRows(`SET @seen = CONCAT(COALESCE(@seen, ''), ',', ${n})`)),
  fc.integer({min: 0, max: 99}).map(n => ({sql: `SET @seen = 'sent ${n}'`, hasRows: false})),
  fc.constant({sql: 'SET @seen = nothing', hasRows: false}),
);

describeEachFlavour('queries', ({server, source}) => {
  const config: DatabaseConfig = {
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database: source,
    tls: 'preferred',
    tlsCa: undefined,
  };
  const using = async <T>(use: (connection: Connection) => Promise<T>, at = config): Promise<T> => {
    const connection = await connect('target', at);
    try {
      return await use(connection);
    } finally {
      connection.destroy();
    }
  };

  beforeAll(() =>
    withConnection(server, source, connection =>
      connection.query(
        `CREATE TABLE numbers (id INT PRIMARY KEY);
         INSERT INTO numbers WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i FROM n;
         CREATE TABLE written (id INT PRIMARY KEY)`,
      ),
    ),
  );

  it('are answered alike, together and one by one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStatement, {minLength: 2, maxLength: 12}), async statements => {
        const together = await using(connection =>
          Promise.all(statements.map(one => outcome(connection, one))),
        );
        const oneByOne = await using(async connection => {
          const outcomes: unknown[] = [];
          for (const one of statements) outcomes.push(await outcome(connection, one));
          return outcomes;
        });
        expect(together).toEqual(oneByOne);
      }),
      {numRuns: RUNS},
    );
  }, 60_000);

  it('leave before the first of them is answered', async () => {
    await using(writer => queryRows('target', writer, 'DELETE FROM written'));
    const proxy = await startProxy(config);
    try {
      await using(
        async connection => {
          proxy.muffle();
          const answers = Promise.allSettled(
            [1, 2, 3].map(id => queryRows('target', connection, 'INSERT INTO written VALUES (?)', [id])),
          );
          await using(async reader =>
            eventually(
              async () => (await queryRows('target', reader, 'SELECT id FROM written')).length === 3,
            ),
          );
          proxy.restore();
          expect((await answers).map(({status}) => status)).toEqual(Array(3).fill('fulfilled'));
        },
        {...config, host: proxy.host, port: proxy.port},
      );
    } finally {
      await proxy[Symbol.asyncDispose]();
    }
  });

  it('all fail if the connection is cut', async () => {
    const proxy = await startProxy(config);
    try {
      await using(
        async connection => {
          proxy.muffle();
          const answers = Promise.all([1, 2, 3].map(n => outcome(connection, withRows(`SELECT ${n}`))));
          proxy.cut();
          expect(await answers).toEqual(Array(3).fill({code: 'target-unreachable', errno: undefined}));
        },
        {...config, host: proxy.host, port: proxy.port},
      );
    } finally {
      await proxy[Symbol.asyncDispose]();
    }
  });
});

async function outcome(connection: Connection, {sql, values, hasRows}: Asked): Promise<unknown> {
  try {
    if (hasRows) return await queryRows('target', connection, sql, values);
    await sendRows(connection, sql, 10_000);
    return 'sent';
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    return {code: error.code, errno: error.errno};
  }
}
