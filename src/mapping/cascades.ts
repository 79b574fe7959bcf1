/**
 * Cascades of foreign keys that change mapped rows without a row in the log (MariaDB, and MySQL before 9.6).
 * The stream follows a cascade if the parent's own row event shows enough; every other one leads to a reconcile. Pure.
 */
import {copiedFrom, sourceColumnsOf, type Mapping, type ParentJoin, type TableMap} from './mapping.ts';
import {entitiesOf} from './topology.ts';

type Action = 'CASCADE' | 'SET NULL' | 'SET DEFAULT' | '';

/** A foreign key of the source. */
export interface CascadingKey {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly referencedSchema: string;
  readonly referencedTable: string;
  readonly referencedColumns: readonly string[];
  readonly onDelete: Action;
  readonly onUpdate: Action;
}

/** The changes of a table's rows that reach mapped rows by cascades which the stream does not follow. */
export interface UnloggedCascade {
  readonly deletes: boolean;
  readonly updates: boolean;
}

export interface Cascades {
  /** The changes, by {@link cascadeKey} of the table where their cascade begins. */
  readonly unlogged: ReadonlyMap<string, UnloggedCascade>;
  /** The tables whose foreign keys are known: the mapped ones, and those from which a cascade reaches them. */
  readonly known: ReadonlySet<string>;
  /** Parents whose own foreign keys the account cannot see, as `schema.table`. */
  readonly hidden: readonly string[];
}

export const NO_CASCADES: Cascades = {unlogged: new Map(), known: new Set(), hidden: []};

/** A key for a table. It ignores case, because some servers ignore it in names. */
export function cascadeKey(schema: string, table: string): string {
  return `${schema}\0${table}`.toLowerCase();
}

/** Whether a foreign key is one of the references that the mapping names. */
export function isParentKey(key: CascadingKey, database: string, joins: readonly ParentJoin[]): boolean {
  if (!isSame(key.schema, database) || !isSame(key.referencedSchema, database)) return false;
  const pairs = pairsOf(key.columns, key.referencedColumns);
  return joins.some(
    join =>
      isSame(key.table, join.child) &&
      isSame(key.referencedTable, join.parent) &&
      pairsOf(join.columns, join.parentColumns) === pairs,
  );
}

function pairsOf(columns: readonly string[], referenced: readonly string[]): string {
  const pairs = columns.map((name, i) => `${name}\0${referenced[i] ?? ''}`.toLowerCase());
  return pairs.sort().join('\x01');
}

/** Finds the changes in the log that reach mapped rows through any number of tables. */
export function unloggedCascades(
  keys: readonly CascadingKey[],
  database: string,
  mapping: Mapping,
): Cascades['unlogged'] {
  const mapped = mappedColumns(mapping, database);
  const entities = entitiesOf(mapping.tables).map(({primary}) => primary);
  const deletes = new Set<string>();
  const updates = new Map<string, Set<string>>();
  const edges = keys.map(key => ({
    ...lowered(key),
    isFollowed: isFollowed(key, database, mapping, entities),
  }));
  for (let size = -1; size !== sizeOf(deletes, updates);) {
    size = sizeOf(deletes, updates);
    for (const {child, parent, columns, referencedColumns, onDelete, onUpdate, isFollowed} of edges) {
      // The stream follows this reference, so only cascades that continue from there matter.
      const deleteMatters = deletes.has(child) || (!isFollowed && mapped.has(child));
      const updateMatters = (column: string) =>
        updates.get(child)?.has(column) === true || (!isFollowed && mapped.get(child)?.has(column) === true);
      const anyMatters = columns.some(updateMatters);
      if (onDelete === 'CASCADE' ? deleteMatters : onDelete !== '' && anyMatters) deletes.add(parent);
      if (onUpdate === '') continue;
      referencedColumns.forEach((column, i) => {
        const matters = onUpdate === 'CASCADE' ? updateMatters(columns[i] ?? '') : anyMatters;
        if (matters) updates.set(parent, (updates.get(parent) ?? new Set()).add(column));
      });
    }
  }
  return new Map(
    [...deletes, ...updates.keys()].map(table => [
      table,
      {deletes: deletes.has(table), updates: updates.has(table)},
    ]),
  );
}

/** Whether the stream finds all rows that a foreign key changes by following the references of the mapping. */
function isFollowed(
  key: CascadingKey,
  database: string,
  mapping: Mapping,
  entities: readonly TableMap[],
): boolean {
  const changed = entities.filter(({source}) => isSame(source, key.table));
  // Another entity of the same source may not have the reference.
  return (
    changed.length > 0 &&
    changed.every(child => isParentKey(key, database, joinsOf(child, mapping))) &&
    (setsNothing(key) || changed.every(child => isInKey(key, child)))
  );
}

/** The references of one table. */
function joinsOf(child: TableMap, {tables}: Mapping): ParentJoin[] {
  return child.parents.flatMap(({table, columns}) => {
    const parent = tables.find(({target}) => target === table);
    if (parent === undefined) return [];
    return {
      child: child.source,
      columns: columns.map(name => copiedFrom(child, name)),
      parent: parent.source,
      parentColumns: parent.key.map(name => copiedFrom(parent, name)),
    };
  });
}

/** A row whose reference becomes null or a default stays, and belongs to no parent or another one. */
function setsNothing({onDelete, onUpdate}: CascadingKey): boolean {
  return [onDelete, onUpdate].every(action => action === 'CASCADE' || action === '');
}

/** Whether the reference is part of the child's key: a row whose key becomes null is deleted from the target. */
function isInKey({columns}: CascadingKey, child: TableMap): boolean {
  const key = child.key.map(name => copiedFrom(child, name));
  return columns.every(name => key.some(one => isSame(one, name)));
}

function lowered(key: CascadingKey) {
  return {
    child: cascadeKey(key.schema, key.table),
    parent: cascadeKey(key.referencedSchema, key.referencedTable),
    columns: key.columns.map(name => name.toLowerCase()),
    referencedColumns: key.referencedColumns.map(name => name.toLowerCase()),
    onDelete: key.onDelete,
    onUpdate: key.onUpdate,
  };
}

function sizeOf(deletes: ReadonlySet<string>, updates: ReadonlyMap<string, ReadonlySet<string>>): number {
  return [...updates.values()].reduce((size, columns) => size + columns.size, deletes.size);
}

/** The columns that are read, of each mapped table by its {@link cascadeKey}, in lower case. */
function mappedColumns({tables}: Mapping, database: string): Map<string, Set<string>> {
  const columns = new Map<string, Set<string>>();
  for (const table of tables) {
    const key = cascadeKey(database, table.source);
    const known = columns.get(key) ?? new Set();
    for (const column of sourceColumnsOf(table)) known.add(column.toLowerCase());
    columns.set(key, known);
  }
  return columns;
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
