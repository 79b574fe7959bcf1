import {expect, it} from 'vitest';
import {connect} from '../../src/db/connection.ts';
import {readLogEnd, readLogFiles, readServerInfo} from '../../src/db/server.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';

describeEachFlavour('the end of the log', ({server, source}) => {
  const open = ({user, password} = server) =>
    connect('source', {
      host: server.host,
      port: server.port,
      user,
      password,
      database: source,
      tls: 'preferred',
      tlsCa: undefined,
    });

  it('#28 is read by the statement that this server has', async () => {
    const connection = await open();
    try {
      const info = await readServerInfo('source', connection);
      // Other suites write to this server.
      const [before] = (await readLogFiles(connection)).slice(-1);
      const end = await readLogEnd(connection, info);
      const after = (await readLogFiles(connection)).find(({file}) => file === end?.file);
      expect([before?.file, after?.file]).toContain(end?.file);
      if (end?.file === before?.file) expect(end?.offset).toBeGreaterThanOrEqual(before?.offset ?? NaN);
      expect(end?.offset).toBeLessThanOrEqual(after?.offset ?? NaN);
    } finally {
      connection.destroy();
    }
  });

  it('is not shown to an account without the privilege', async () => {
    const few = {...server, user: `few_${source}`.slice(0, 32), password: 'few'};
    await withConnection(server, undefined, connection =>
      connection.query(
        `CREATE USER '${few.user}'@'%' IDENTIFIED BY 'few'; GRANT SELECT ON \`${source}\`.* TO '${few.user}'@'%'`,
      ),
    );
    const connection = await open(few);
    try {
      const info = await readServerInfo('source', connection);
      await expect(readLogEnd(connection, info)).rejects.toMatchObject({code: 'access-denied'});
    } finally {
      connection.destroy();
      await withConnection(server, undefined, other => other.query(`DROP USER '${few.user}'@'%'`));
    }
  });
});
