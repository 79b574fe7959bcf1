/** Both sides' tables as their servers describe them. */
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
  /** The same in the case of its members. */
  readonly columnType: string;
  /** What stands behind the type in the table's definition; null where that could not be read. */
  readonly clause: string | null;
  /** Of an ENUM or SET, in their order; null for other types. */
  readonly members: readonly string[] | null;
  readonly hasDefault: boolean;
  /** Its value is computed by the server, which refuses any other. */
  readonly generated: boolean;
  /** AUTO_INCREMENT. */
  readonly counts?: boolean;
}

export interface TableSchema {
  readonly columns: readonly ColumnSchema[];
  /** Each unique key's columns, the primary key first; keys over a column's prefix are left out. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** Each index's columns, whole ones only, up to the first that is a prefix or an expression. */
  readonly indexes: readonly (readonly string[])[];
  /** The column that says until when a row was current, where the table keeps its old rows (MariaDB). */
  readonly rowEnd?: string;
  /** About how many rows there are, as the server estimates. */
  readonly rows: number;
}

/** Finds a column by its name, in whatever case. */
export function findColumn(schema: TableSchema, name: string): ColumnSchema | undefined {
  return schema.columns.find(column => column.name.toLowerCase() === name.toLowerCase());
}

/** A foreign key of the target. */
export interface Reference {
  /** Empty where it is of the schema that was read. */
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
   * References of the mapping that a foreign key holds, and that no row lacks its parent for: a new parent
   * cannot have older children, unless a session leaves out the checks later.
   */
  readonly enforced: readonly ParentJoin[];
  /** What foreign keys do to mapped rows without a row in the log. */
  readonly cascades: Cascades;
}

export interface TargetSchema {
  readonly tables: ReadonlyMap<string, TableSchema>;
  /** Foreign keys that refer to mapped tables. */
  readonly references: readonly Reference[];
  /** The other schemas to look in for new ones; null where the server finds those of all schemas at no cost. */
  readonly referringSchemas: readonly string[] | null;
}
