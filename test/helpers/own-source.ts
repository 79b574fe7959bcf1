/**
 * A stand whose source is a server of its own, for tests that change the server's settings or its log. A statement that
 * is logged without rows is one of them: on MariaDB, every stream that reads this log runs a reconcile then.
 */
import {connect, createDatabases, withConnection, type Reachable} from '../servers/databases.ts';
import {startServer, type StartOptions, type TestServer} from '../servers/server.ts';
import {Stand, type StandOptions} from './fault-stand.ts';

export const SOURCE_DATABASE = 'laas';

export interface OwnSource extends AsyncDisposable {
  readonly server: TestServer;
  readonly stand: Stand;
}

/** Starts a server with an empty schema for the source. */
export async function startSource(start: StartOptions): Promise<TestServer> {
  const server = await startServer(start);
  await withConnection(server, undefined, connection =>
    connection.query(`CREATE DATABASE ${SOURCE_DATABASE} CHARACTER SET utf8mb4`),
  );
  return server;
}

/** @param target the shared server; the target database is created again and dropped at the end */
export async function openWithOwnSource(
  start: StartOptions,
  target: Reachable,
  options: Pick<StandOptions, 'schema' | 'env'> = {},
): Promise<OwnSource> {
  const server = await startSource(start);
  const databases = await createDatabases(target, 'own');
  const end = async () => {
    await databases.drop();
    await server.dispose();
  };
  try {
    const stand = await Stand.open({
      ...options,
      source: {server, database: SOURCE_DATABASE},
      target: {server: target, database: databases.target},
    });
    return {
      server,
      stand,
      async [Symbol.asyncDispose]() {
        await stand[Symbol.asyncDispose]();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** One more session on the source, for settings of its own. */
export function session({server}: OwnSource) {
  return connect(server, SOURCE_DATABASE);
}
