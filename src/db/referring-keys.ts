/** Reads the foreign keys that refer to the tables of a schema. */
import {queryRows, type Connection, type Side} from './connection.ts';
import {SERVER_SCHEMAS} from './foreign-keys.ts';
import type {Reference} from '../mapping/schema.ts';

/** The schemas whose keys are read. */
export type ReferringSide = 'from its schema' | 'from any schema';

export async function readReferences(
  side: Side,
  connection: Connection,
  database: string,
  from: ReferringSide,
): Promise<Reference[]> {
  const rows = await queryRows(
    side,
    connection,
    `SELECT CONSTRAINT_NAME, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
       FROM information_schema.KEY_COLUMN_USAGE
      WHERE REFERENCED_TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME IS NOT NULL
        AND TABLE_SCHEMA ${from === 'from its schema' ? '= ?' : `NOT IN ${SERVER_SCHEMAS}`}
      ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION`,
    from === 'from its schema' ? [database, database] : [database],
  );
  const references = new Map<
    string,
    {
      schema: string;
      table: string;
      name: string;
      columns: string[];
      referenced: string;
      referencedColumns: string[];
    }
  >();
  for (const [constraint, schema, table, column, referenced, referencedColumn] of rows) {
    const name = JSON.stringify([schema, table, constraint]);
    const reference = references.get(name) ?? {
      schema: schema === database ? '' : String(schema),
      table: String(table),
      name: String(constraint),
      columns: [],
      referenced: String(referenced),
      referencedColumns: [],
    };
    reference.columns.push(String(column));
    reference.referencedColumns.push(String(referencedColumn));
    references.set(name, reference);
  }
  return [...references.values()];
}
