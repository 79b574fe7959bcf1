/** Both sides' tables as their servers describe them. */
import type {Cascades} from './cascades.ts';
import type {SourceTable, TargetTable} from './tables.ts';

/** A column as information_schema describes it, of either server. */
export interface ColumnSchema {
  readonly name: string;
  /** Lower case, without length: `varchar`, `bigint`, `datetime`. */
  readonly type: string;
  readonly unsigned: boolean;
  readonly nullable: boolean;
  readonly charset: string | null;
  readonly collation: string | null;
  /** In characters for text. */
  readonly maxLength: number | null;
  /** Digits of a second. */
  readonly fraction: number;
  /** The whole type in lower case, for fingerprints. */
  readonly definition: string;
  /** The same in the case of its members. */
  readonly columnType: string;
  /** What stands behind the type in the table's definition; null where that could not be read. */
  readonly clause: string | null;
  /** Of an ENUM or SET, in their order; null for other types. */
  readonly members: readonly string[] | null;
  readonly hasDefault: boolean;
  /** AUTO_INCREMENT. */
  readonly counts?: boolean;
}

export interface TableSchema {
  readonly columns: readonly ColumnSchema[];
  /** Each unique key's columns, the primary key first; keys over a column's prefix are left out. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** The column that says until when a row was current, where the table keeps its old rows (MariaDB). */
  readonly rowEnd?: string;
}

export type SourceSchema = Readonly<Record<SourceTable, TableSchema>> & {
  /**
   * `institute_user` has foreign keys to its parents by the mapped columns, and no row without a parent: a
   * new parent cannot have older children, unless a session leaves out the checks later.
   */
  readonly parentsEnforced: {readonly users: boolean; readonly institutes: boolean};
  /** What foreign keys do to mapped rows without a row in the log. */
  readonly cascades?: Cascades;
};

/** A foreign key of the target that refers to one of our tables. */
export interface Reference {
  /** Empty where it is the target's own. */
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly columns: readonly string[];
  readonly referenced: TargetTable;
  readonly referencedColumns: readonly string[];
}

export type TargetSchema = Readonly<Record<TargetTable, TableSchema>> & {
  readonly references: readonly Reference[];
  /** The other schemas to look in for new ones; null where the server finds those of all schemas at no cost. */
  readonly referringSchemas: readonly string[] | null;
};
