/** A schema that is read as soon as the log has a definition is not older than the log. */
import {expect, it} from 'vitest';
import {connect} from '../../src/db/connection.ts';
import {readSourceSchema} from '../../src/db/schema.ts';
import {loadConfig} from '../../src/config.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {environment} from '../helpers/daemon.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {connect as connectTest, query} from '../servers/databases.ts';
import {startServer} from '../servers/server.ts';

const DEFINITIONS = 60;
const MAPPING = parseMapping(
  JSON.stringify({version: 1, tables: {t: {from: 's', key: 'id', columns: {id: 'id', v: 'v'}}}}),
  'drawn',
);

describeEachFlavour('a definition in the log', ({edition, flavour}) => {
  it('is in the schema that is read next', {timeout: 120_000}, async () => {
    // A server that waits for its disk between the log and the commit.
    const server = await startServer({edition, durable: true});
    try {
      const writer = await connectTest(server);
      await writer.query(
        'CREATE DATABASE laas; USE laas; CREATE TABLE s (id INT PRIMARY KEY, v VARCHAR(9)) CHARSET utf8mb4',
      );
      const watcher = await connectTest(server);
      const {host, port, user, password} = server;
      const at = {host, port, user, password, database: 'laas'};
      const reader = await connect('source', loadConfig(environment(at, at)).source);
      const status = flavour === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';
      const end = async () => JSON.stringify(await query(watcher, status));
      const read: (string | null | undefined)[] = [];
      const written: string[] = [];
      for (let i = 0; i < DEFINITIONS; i++) {
        const charset = i % 2 === 0 ? 'koi8r' : 'utf8mb4';
        const before = await end();
        const altering = writer.query(`ALTER TABLE s CONVERT TO CHARACTER SET ${charset}`);
        while ((await end()) === before);
        const {tables} = await readSourceSchema(reader, 'laas', MAPPING);
        read.push(tables.get('s')?.columns.find(({name}) => name === 'v')?.charset);
        written.push(charset);
        await altering;
      }
      expect(read).toEqual(written);
      reader.destroy();
      await watcher.end();
      await writer.end();
    } finally {
      await server.dispose();
    }
  });
});
