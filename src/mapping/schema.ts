/** The tables of both sides, as their servers describe them. */
import type {Cascades} from './cascades.ts';
import type {ParentJoin} from './mapping.ts';

/** A column as information_schema describes it, of either server. */
export interface ColumnSchema {
  readonly name: string;
  /** Lower case, without length: `varchar`, `bigint`, `datetime`. */
  readonly type: string;
  readonly unsigned: boolean;
  readonly nullable: boolean;
  readonly charset: string | null;
  readonly collation: string | null;
  /** In characters for text, in bytes for binary. */
  readonly maxLength: number | null;
  /** Digits of a second. */
  readonly fraction: number;
  /** Digits behind the point of a DECIMAL. */
  readonly scale: number;
  /** The whole type in lower case, for fingerprints. */
  readonly definition: string;
  /** The same, with the letter case of its members. */
  readonly columnType: string;
  /** The text after the type in the table's definition; null if it could not be read. */
  readonly clause: string | null;
  /** The members of an ENUM or SET, in their order; null for other types. */
  readonly members: readonly string[] | null;
  readonly hasDefault: boolean;
  /** The server computes its value and refuses every other. */
  readonly generated: boolean;
  /** Whether it is an AUTO_INCREMENT column. */
  readonly counts?: boolean;
}

export interface TableSchema {
  readonly columns: readonly ColumnSchema[];
  /** Each unique key's columns, the primary key first; keys over a column's prefix are left out. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** Each unique key over a prefix of a column: rows that differ in prefixes differ in the whole columns, too. */
  readonly prefixKeys?: readonly (readonly string[])[];
  /** Each index's columns, whole ones only, up to the first that is a prefix or an expression. */
  readonly indexes: readonly (readonly string[])[];
  /** The column that holds the end of a row's validity, if the table keeps its old rows (MariaDB). */
  readonly rowEnd?: string;
  /** A view has no changes of its own in the log, and no keys. */
  readonly isView?: boolean;
  /** The number of rows as the server estimates it. */
  readonly rows: number;
}

/** Finds a column by its name, ignoring case. */
export function findColumn(schema: TableSchema, name: string): ColumnSchema | undefined {
  return schema.columns.find(column => column.name.toLowerCase() === name.toLowerCase());
}

/** Whether a name is among others, ignoring case. */
export function isAmong(name: string, names: readonly string[]): boolean {
  return names.some(one => one.toLowerCase() === name.toLowerCase());
}

/** Whether at most one row of a table can have the same values in these columns. */
export function isUnique({uniqueKeys, prefixKeys = []}: TableSchema, columns: readonly string[]): boolean {
  return [...uniqueKeys, ...prefixKeys].some(key => key.every(name => isAmong(name, columns)));
}

/** A foreign key of the target. */
export interface Reference {
  /** Its schema; empty if it is the one that was read. */
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly columns: readonly string[];
  readonly referenced: string;
  readonly referencedColumns: readonly string[];
}

export interface SourceSchema {
  readonly tables: ReadonlyMap<string, TableSchema>;
  /**
   * References of the mapping that a foreign key enforces and in which no row lacks its parent: a new parent
   * cannot have older children, unless a session turns the checks off later.
   */
  readonly enforced: readonly ParentJoin[];
  /** The changes that foreign keys make to mapped rows without a row in the log. */
  readonly cascades: Cascades;
}

export interface TargetSchema {
  readonly tables: ReadonlyMap<string, TableSchema>;
  /** Foreign keys that refer to mapped tables. */
  readonly references: readonly Reference[];
  /** The other schemas that are searched for new ones; null if the server finds those of all schemas at no cost. */
  readonly referringSchemas: readonly string[] | null;
  /** The mapped tables and those of laas-sync that are not InnoDB, with their engine; a view has none. */
  readonly otherEngines?: ReadonlyMap<string, string>;
}
