/** The server's own replication, for tests whose source is led to a replica. */
import {withConnection, type Reachable} from './databases.ts';
import type {Edition} from './provision.ts';
import {startServer, type TestServer} from './server.ts';

/** Starts a server that replicates all of `source`, and can be a source itself. */
export async function startReplica(edition: Edition, source: Reachable): Promise<TestServer> {
  const options = edition === 'mysql' ? [] : ['--log-slave-updates=ON'];
  const replica = await startServer({edition, options});
  const {port, user, password} = source;
  const follow =
    edition === 'mysql'
      ? `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${port}, SOURCE_USER='${user}', SOURCE_PASSWORD='${password}', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1`
      : `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${port}, MASTER_USER='${user}', MASTER_PASSWORD='${password}', MASTER_USE_GTID=slave_pos`;
  await withConnection(replica, undefined, connection => connection.query(follow));
  await replicate(edition, replica, true);
  return replica;
}

/** Starts or stops a replica's threads. */
export async function replicate(edition: Edition, replica: Reachable, isOn: boolean): Promise<void> {
  const name = edition === 'mysql' ? 'REPLICA' : 'SLAVE';
  await withConnection(replica, undefined, connection =>
    connection.query(`${isOn ? 'START' : 'STOP'} ${name}`),
  );
}
