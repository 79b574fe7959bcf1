/** The character sets that a server has. */
import {query, withConnection, type Reachable} from '../servers/databases.ts';

/** The names of all character sets of a server but `binary`, which is none. */
export async function charsetsHeldBy(server: Reachable): Promise<string[]> {
  return withConnection(server, undefined, async connection =>
    (
      await query(
        connection,
        "SELECT CHARACTER_SET_NAME AS name FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME <> 'binary'",
      )
    ).map(({name}) => String(name)),
  );
}
