/** Foreign keys as the server defines them. */
import type {CascadingKey} from '../mapping/cascades.ts';
import type {Definition, TableName} from './definitions.ts';

/** What happens to a child when its parent is deleted or gets another key; empty if the server refuses that. */
export type Action = CascadingKey['onDelete'];

export interface ForeignKey extends CascadingKey {
  readonly name: string;
}

/**
 * Schemas that hold no table of a user. A search for foreign keys leaves them out: MariaDB opens each table and
 * view that it searches, and `sys` has a hundred views over temporary tables.
 */
export const SERVER_SCHEMAS = `('mysql', 'sys', 'performance_schema', 'information_schema')`;

/** Errors: access to the schema or the table denied; no such schema or table. */
const UNSEEN: ReadonlySet<number> = new Set([1044, 1142, 1049, 1146]);

const NAME = '`(?:[^`]|``)+`|"(?:[^"]|"")+"|[\\w$]+';
const LIST = `\\(([^)]*)\\)`;
const FOREIGN_KEY = new RegExp(
  `CONSTRAINT (${NAME}) FOREIGN KEY ${LIST} REFERENCES (?:(${NAME})\\.)?(${NAME}) ${LIST}((?: ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT|NO ACTION|RESTRICT))*)`,
  'g',
);
const ACTION = {
  DELETE: / ON DELETE (CASCADE|SET NULL|SET DEFAULT)/,
  UPDATE: / ON UPDATE (CASCADE|SET NULL|SET DEFAULT)/,
};

/**
 * Finds the foreign keys in a table's definition: on MariaDB, information_schema shows them only to accounts with more
 * than SELECT.
 *
 * @returns null if the table does not exist, or the account may not read it
 * @throws SyncError any other refusal of the server
 */
export function foreignKeysIn(definition: Definition, {schema, table}: TableName): ForeignKey[] | null {
  if ('text' in definition) return parseForeignKeys(definition.text, schema, table);
  if (UNSEEN.has(definition.refusal.errno ?? 0)) return null;
  throw definition.refusal;
}

export function parseForeignKeys(definition: string, schema: string, table: string): ForeignKey[] {
  return [...definition.matchAll(FOREIGN_KEY)].map(
    ([
      ,
      name = '',
      columns = '',
      referencedSchema,
      referencedTable = '',
      referencedColumns = '',
      actions = '',
    ]) => ({
      schema,
      table,
      name: unquote(name),
      columns: names(columns),
      referencedSchema: referencedSchema === undefined ? schema : unquote(referencedSchema),
      referencedTable: unquote(referencedTable),
      referencedColumns: names(referencedColumns),
      onDelete: actionIn(actions, 'DELETE'),
      onUpdate: actionIn(actions, 'UPDATE'),
    }),
  );
}

function actionIn(actions: string, on: keyof typeof ACTION): Action {
  return (ACTION[on].exec(actions)?.[1] ?? '') as Action;
}

function names(list: string): string[] {
  return (list.match(new RegExp(NAME, 'g')) ?? []).map(unquote);
}

function unquote(name: string): string {
  const quoted = name[0];
  return quoted === '`' || quoted === '"' ? name.slice(1, -1).replaceAll(`${quoted}${quoted}`, quoted) : name;
}
