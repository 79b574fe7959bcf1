/**
 * The settings of our sessions: the source's only reads, and the target's refuses values that it would have to
 * change.
 */
import {expect, it} from 'vitest';
import type {DatabaseConfig} from '../../src/config.ts';
import {connect, queryRows} from '../../src/db/connection.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';

const CANNOT_WRITE_IN_A_READ_ONLY_TRANSACTION = 1792;

describeEachFlavour('#33 a session', ({server, source, target}) => {
  const config = (database: string): DatabaseConfig => ({
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database,
    tls: 'off',
    tlsCa: undefined,
  });

  it('refuses to write the source even if the account may', async () => {
    await withConnection(server, source, connection =>
      connection.query('CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(3))'),
    );
    const session = await connect('source', config(source));
    try {
      for (const sql of ["INSERT INTO t (s) VALUES ('a')", 'UPDATE t SET s = 1', 'DELETE FROM t'])
        await expect(queryRows('source', session, sql)).rejects.toMatchObject({
          errno: CANNOT_WRITE_IN_A_READ_ONLY_TRANSACTION,
        });
    } finally {
      session.destroy();
    }
  });

  it('of the target truncates nothing, and accepts 0 as an id', async () => {
    await withConnection(server, target, connection =>
      connection.query('CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(3))'),
    );
    const session = await connect('target', config(target));
    try {
      await expect(queryRows('target', session, "INSERT INTO t (s) VALUES ('long')")).rejects.toMatchObject({
        errno: 1406,
      });
      await queryRows('target', session, "INSERT INTO t (id, s) VALUES (0, 'a')");
      expect(await queryRows('target', session, 'SELECT id, @@time_zone FROM t')).toEqual([[0, '+00:00']]);
    } finally {
      session.destroy();
    }
  });
});
