/** The base of every check: a connection to one server, and queries whose refusal is an answer. */
import {queryRows, type Connection, type Side} from '../db/connection.ts';
import {readVariables, type ServerInfo} from '../db/server.ts';
import {SyncError} from '../errors.ts';

/** Who operates the server, which determines how a setting is changed. */
export type Platform = 'own' | 'rds' | 'aurora';

export interface Probe {
  readonly side: Side;
  readonly connection: Connection;
  readonly database: string;
  readonly info: ServerInfo;
  readonly platform: Platform;
}

/** Rows, or the number of the error with which the server refused. */
export type Answer =
  | {readonly rows: readonly (readonly unknown[])[]; readonly errno?: never}
  | {readonly rows: null; readonly errno: number};

/** The statement is unknown to the server, or forbidden to the account; that is an answer, too. */
export async function ask(
  {side, connection}: Probe,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Answer> {
  try {
    return {rows: await queryRows(side, connection, sql, values)};
  } catch (error) {
    if (error instanceof SyncError && error.errno !== undefined && error.errno > 0)
      return {rows: null, errno: error.errno};
    throw error;
  }
}

/** Tries several statements in turn: the name of one thing differs by version. */
export async function askAny(probe: Probe, statements: readonly string[]): Promise<Answer> {
  let answer: Answer = {rows: null, errno: 0};
  for (const sql of statements) {
    answer = await ask(probe, sql);
    if (answer.rows !== null) return answer;
  }
  return answer;
}

export function variables({side, connection}: Probe, names: readonly string[]): Promise<Map<string, string>> {
  return readVariables(side, connection, names);
}

/** RDS and Aurora can be recognised by a variable or by their base directory. */
export async function readPlatform(side: Side, connection: Connection): Promise<Platform> {
  const found = await readVariables(side, connection, ['aurora_version', 'basedir']);
  if (found.has('aurora_version')) return 'aurora';
  return (found.get('basedir') ?? '').startsWith('/rdsdbbin') ? 'rds' : 'own';
}

/** How a server's setting is changed on its platform. */
export function settingFix(
  probe: Pick<Probe, 'platform' | 'info'>,
  variable: string,
  value: string,
  {restart = false} = {},
): string {
  if (probe.platform === 'aurora')
    return `in the DB cluster parameter group: ${variable} = ${value}${restart ? ', then reboot the writer' : ''}`;
  if (probe.platform === 'rds')
    return `in the DB parameter group: ${variable} = ${value}${restart ? ', then reboot the instance' : ''}`;
  if (restart)
    return `under [mysqld] in the server's option file: ${variable} = ${value}; then restart the server`;
  if (probe.info.flavour === 'mysql') return `SET PERSIST ${variable} = ${value};`;
  return `SET GLOBAL ${variable} = ${value}; -- and ${variable} = ${value} under [mysqld] in the server's option file`;
}
