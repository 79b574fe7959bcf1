/**
 * An error that a server answers to a statement is told apart from a server that cannot be reached, and the
 * connection is good for the next statement.
 */
import {beforeAll, expect, it} from 'vitest';
import type {DatabaseConfig} from '../../src/config.ts';
import {connect, queryRows, type Connection} from '../../src/db/connection.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {eventually} from '../helpers/eventually.ts';
import {withConnection} from '../servers/databases.ts';

const TABLES = `
  CREATE TABLE many (id INT PRIMARY KEY);
  INSERT INTO many WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i FROM n;
  CREATE TABLE gone (id INT); CREATE VIEW broken AS SELECT id FROM gone; DROP TABLE gone;
  CREATE TABLE discarded (id INT PRIMARY KEY); ALTER TABLE discarded DISCARD TABLESPACE`;
const COUNTS_FOR_LONG = 'SELECT SUM(SHA2(a.id * b.id * c.id, 256)) FROM many a, many b, many c';

describeEachFlavour('a read that the source refuses', ({flavour, server, source}) => {
  const config: DatabaseConfig = {
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database: source,
    tls: 'off',
    tlsCa: undefined,
  };
  const kill = (what: 'QUERY' | 'CONNECTION') => async (connection: Connection) => {
    const ended = refusal(connection, COUNTS_FOR_LONG);
    await withConnection(server, source, async other => {
      await eventually(async () => {
        const [rows] = await other.query(
          'SELECT 1 FROM information_schema.processlist WHERE id = ? AND info LIKE ?',
          [connection.threadId, 'SELECT SUM%'],
        );
        return Array.isArray(rows) && rows.length === 1;
      });
      await other.query(`KILL ${what} ${connection.threadId}`);
    });
    return ended;
  };
  const limited =
    flavour === 'mysql'
      ? COUNTS_FOR_LONG.replace('SELECT', 'SELECT /*+ MAX_EXECUTION_TIME(50) */')
      : `SET STATEMENT max_statement_time = 0.05 FOR ${COUNTS_FOR_LONG}`;

  beforeAll(() => withConnection(server, source, connection => connection.query(TABLES)));

  it.each<[string, (connection: Connection) => Promise<unknown>]>([
    ['it was killed', kill('QUERY')],
    ['it took longer than a limit of the server', c => refusal(c, limited)],
    ['the table is missing', c => refusal(c, 'SELECT id FROM nowhere')],
    ['the column is missing', c => refusal(c, 'SELECT nothing FROM many')],
    ['the value leaves its range', c => refusal(c, 'SELECT 18446744073709551615 + id FROM many')],
    ['a subquery has many rows', c => refusal(c, 'SELECT (SELECT id FROM many) FROM many')],
    ['the view reads a table that is gone', c => refusal(c, 'SELECT id FROM broken')],
    ['its table has no data file', c => refusal(c, 'SELECT id FROM discarded')],
    ['the statement cannot be parsed', c => refusal(c, 'SELECT FROM WHERE')],
  ])('because %s', async (_, refused) => {
    const connection = await connect('source', config);
    try {
      expect(await refused(connection)).toMatchObject({
        code: 'source-rejected-read',
        message: expect.stringMatching(/^the source refused a statement \(error \d+\)$/),
      });
      expect(await queryRows('source', connection, "SELECT 'next'")).toEqual([['next']]);
    } finally {
      connection.destroy();
    }
  });

  it('is not one whose connection was killed', async () => {
    const connection = await connect('source', config);
    try {
      expect(await kill('CONNECTION')(connection)).toMatchObject({code: 'source-unreachable'});
    } finally {
      connection.destroy();
    }
  });
});

/** @throws if the server answers without an error */
async function refusal(connection: Connection, sql: string): Promise<unknown> {
  try {
    await queryRows('source', connection, sql);
  } catch (error) {
    return error;
  }
  throw new Error(`the server did not refuse: ${sql}`);
}
