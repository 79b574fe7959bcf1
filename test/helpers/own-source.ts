/** A stand whose source is a server of its own, for tests that change the server's settings or its log. */
import {connect, createDatabases, withConnection, type Reachable} from '../servers/databases.ts';
import {startServer, type StartOptions, type TestServer} from '../servers/server.ts';
import {Stand, type StandOptions} from './fault-stand.ts';

export const SOURCE_DATABASE = 'laas';

export interface OwnSource extends AsyncDisposable {
  readonly server: TestServer;
  readonly stand: Stand;
}

/** @param target the shared server; the target database is created again and dropped at the end */
export async function openWithOwnSource(
  start: StartOptions,
  target: Reachable,
  options: Pick<StandOptions, 'schema' | 'env'> = {},
): Promise<OwnSource> {
  const server = await startServer(start);
  const databases = await createDatabases(target, 'own');
  const end = async () => {
    await databases.drop();
    await server.dispose();
  };
  try {
    await withConnection(server, undefined, connection =>
      connection.query(`CREATE DATABASE ${SOURCE_DATABASE} CHARACTER SET utf8mb4`),
    );
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
