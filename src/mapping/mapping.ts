/**
 * A mapping as it is used: which tables of the source become which tables of the target, column by column.
 * It comes from a file (`file/read.ts`) and is immutable. It holds names only; the plan adds their definitions
 * in the two databases.
 */
import type {CheckUse} from './checks.ts';
import type {OperatorUse} from './operators/operator.ts';

/** A target column, and how its value is derived. */
export interface ColumnMap {
  readonly target: string;
  /** The source columns, in the order in which the operator takes them. */
  readonly from: readonly string[];
  readonly use: OperatorUse;
  /** What the value must satisfy; a value that does not makes the row a dead letter. */
  readonly checks: readonly CheckUse[];
}

/** A condition on a source column that must hold for a row to be eligible. */
export type Condition =
  | {readonly column: string; readonly is: 'null' | 'not null'}
  /** Equal to one of these, by the type of the column. */
  | {readonly column: string; readonly is: 'in'; readonly values: readonly string[]};

/** A parent table, and the columns of the child's target table that hold the parent's key, in its order. */
export interface ParentMap {
  readonly table: string;
  readonly columns: readonly string[];
}

/** One step of the order in which the preferred row comes first; null comes last. */
export type Preference =
  | {
      readonly column: string;
      readonly optional: boolean;
      readonly by: 'order';
      readonly order: 'asc' | 'desc';
    }
  | {
      readonly column: string;
      readonly optional: boolean;
      readonly by: 'values';
      readonly values: readonly string[];
    };

export interface TableMap {
  readonly target: string;
  readonly source: string;
  /** The table's name in counts. */
  readonly label: string;
  /** One to four target columns that name a row; each is a copy of a source column. */
  readonly key: readonly string[];
  readonly columns: readonly ColumnMap[];
  /** All of them must hold. */
  readonly where: readonly Condition[];
  readonly parents: readonly ParentMap[];
  /** If several source rows have one key, the first in this order is used. */
  readonly prefer: readonly Preference[];
  /** The target column that shows which of two versions of a row is newer; null if there is none. */
  readonly newest: string | null;
  /** The name under which the ownership of its rows is stored, if it is not the target's. */
  readonly ownedAs: string | null;
  /** Statements that create the table if it is missing; the first that the server accepts is used. */
  readonly create: readonly string[];
}

export interface Mapping {
  /** Parents before children; otherwise in the order of the file. */
  readonly tables: readonly TableMap[];
  /** The labels of all tables in the order in which counts show them. */
  readonly labels: readonly string[];
  /** A hash that is equal for two mappings with the same meaning. */
  readonly canonical: string;
}

/** The source column of which a key column is a copy. */
export function copiedFrom(table: TableMap, target: string): string {
  const column = table.columns.find(candidate => candidate.target === target);
  const [from] = column?.from ?? [];
  if (from === undefined) throw new RangeError(`${table.target}.${target} is not a copy of a source column`);
  return from;
}

/** Every source column that a table's rows are made of, each once, in a stable order. */
export function sourceColumnsOf(table: TableMap): string[] {
  return [
    ...new Set([
      ...table.columns.flatMap(({from}) => from),
      ...table.where.map(({column}) => column),
      ...table.prefer.map(({column}) => column),
    ]),
  ];
}

export function targetsOf({tables}: Pick<Mapping, 'tables'>): string[] {
  return tables.map(({target}) => target);
}

/** The names of the source tables, each once. */
export function sourcesOf({tables}: Pick<Mapping, 'tables'>): string[] {
  return [...new Set(tables.map(({source}) => source))];
}

/** A reference of the mapping by the names of the source: of a child's columns to its parent's key. */
export interface ParentJoin {
  readonly child: string;
  readonly columns: readonly string[];
  readonly parent: string;
  readonly parentColumns: readonly string[];
}

/** Every reference of the mapping, each once. */
export function parentJoins({tables}: Pick<Mapping, 'tables'>): ParentJoin[] {
  const joins = new Map<string, ParentJoin>();
  for (const child of tables) {
    for (const edge of child.parents) {
      const parent = tables.find(({target}) => target === edge.table);
      if (parent === undefined) continue;
      const join = {
        child: child.source,
        columns: edge.columns.map(name => copiedFrom(child, name)),
        parent: parent.source,
        parentColumns: parent.key.map(name => copiedFrom(parent, name)),
      };
      // A source table that is replicated twice refers to itself by its own key, which is not a foreign key.
      const isItself = join.child === join.parent && join.columns.join() === join.parentColumns.join();
      if (!isItself) joins.set(JSON.stringify(join), join);
    }
  }
  return [...joins.values()];
}
