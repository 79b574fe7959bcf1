/** Reads how tables are defined (SHOW CREATE TABLE): many tables in one round trip. */
import {queryRows, type Connection, type Side} from './connection.ts';
import {SyncError} from '../errors.ts';
import {settled} from '../lifecycle/settled.ts';
import {quoteName} from '../mapping/quote.ts';

/** The most definitions that one statement asks for: an answer of some hundred kilobytes. */
const TABLES_PER_READ = 100;

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** A table's definition, or the server's refusal: no such table, or a missing privilege. */
export type Definition = {readonly text: string} | {readonly refusal: SyncError};

/**
 * Returns the definition of each of these tables, in their order.
 *
 * @throws SyncError if the server fails, instead of refusing
 */
export async function readDefinitions(
  side: Side,
  connection: Connection,
  tables: readonly TableName[],
): Promise<Definition[]> {
  const reads: Promise<Definition[]>[] = [];
  for (let from = 0; from < tables.length; from += TABLES_PER_READ)
    reads.push(readAtOnce(side, connection, tables.slice(from, from + TABLES_PER_READ)));
  return (await settled(reads)).flat();
}

/** The same, by the name of each table. */
export async function readDefinitionsOf(
  side: Side,
  connection: Connection,
  schema: string,
  tables: readonly string[],
): Promise<Map<string, Definition>> {
  const definitions = await readDefinitions(
    side,
    connection,
    tables.map(table => ({schema, table})),
  );
  return new Map(definitions.map((definition, i) => [tables[i] ?? '', definition]));
}

/** A refusal ends the statements behind it, so it is searched for in halves. */
async function readAtOnce(
  side: Side,
  connection: Connection,
  tables: readonly TableName[],
): Promise<Definition[]> {
  const statements = tables.map(
    ({schema, table}) => `SHOW CREATE TABLE ${quoteName(schema)}.${quoteName(table)}`,
  );
  try {
    const answers = await queryRows(side, connection, statements.join(';'));
    const rows = tables.length === 1 ? [answers] : (answers as unknown[][][]);
    return rows.map(([row]) => ({text: String(row?.[1] ?? '')}));
  } catch (error) {
    if (!(error instanceof SyncError) || error.errno === undefined) throw error;
    if (tables.length === 1) return [{refusal: error}];
    const middle = tables.length >> 1;
    return [
      ...(await readAtOnce(side, connection, tables.slice(0, middle))),
      ...(await readAtOnce(side, connection, tables.slice(middle))),
    ];
  }
}
