/**
 * How the tables of a mapping hang together: parents before children, and which tables make one entity. Pure,
 * of names alone.
 *
 * An entity is the rows of one source table under one key, with the target tables that stand or fall with
 * them: a primary table and its companions. A companion has the same source, key and conditions as its
 * primary, and the same parents beside that primary.
 */
import {didYouMean, type FileFault} from './file/faults.ts';
import {copiedFrom, type TableMap} from './mapping.ts';

/**
 * Everything about the graph of tables that makes a mapping unusable.
 *
 * @param names of all tables of the file, those that have a fault of their own included
 */
export function topologyFaults(tables: readonly TableMap[], names: readonly string[]): FileFault[] {
  return [
    ...tables.flatMap(table => [
      ...keyFaults(table),
      ...columnFaults(table),
      ...parentFaults(table, tables, names),
    ]),
    ...repeated(
      tables,
      ({target}) => target.toLowerCase(),
      'two tables of the file are the same target table',
    ),
    ...repeated(tables, ({label}) => label, 'another table has the same label'),
    ...cycleFaults(tables),
  ];
}

function columnOf(table: TableMap, name: string) {
  return table.columns.find(({target}) => target === name);
}

function isCopy(table: TableMap, name: string): boolean {
  return columnOf(table, name)?.use.operator === 'copy';
}

function keyFaults(table: TableMap): FileFault[] {
  const path = ['tables', table.target, 'key'];
  return table.key.flatMap(name => {
    if (columnOf(table, name) === undefined)
      return [{path, message: `the key column '${name}' is not among the columns${suggest(table, name)}`}];
    if (!isCopy(table, name))
      return [{path, message: `the key column '${name}' must be a copy of one source column`}];
    return table.key.indexOf(name) === table.key.lastIndexOf(name)
      ? []
      : [{path, message: `the key names '${name}' twice`}];
  });
}

function columnFaults(table: TableMap): FileFault[] {
  const faults: FileFault[] = [];
  const seen = new Set<string>();
  for (const {target} of table.columns) {
    // Both servers take names of columns without regard to case.
    if (seen.has(target.toLowerCase()))
      faults.push({path: ['tables', table.target, 'columns', target], message: 'the column is there twice'});
    seen.add(target.toLowerCase());
  }
  if (table.newest !== null && columnOf(table, table.newest) === undefined)
    faults.push({
      path: ['tables', table.target, 'newest'],
      message: `'${table.newest}' is not among the columns${suggest(table, table.newest)}`,
    });
  return faults;
}

function parentFaults(table: TableMap, tables: readonly TableMap[], names: readonly string[]): FileFault[] {
  return table.parents.flatMap((parent): FileFault[] => {
    const path = ['tables', table.target, 'parents', parent.table];
    const found = tables.find(({target}) => target === parent.table);
    if (found === undefined)
      return names.includes(parent.table)
        ? []
        : [
            {
              path,
              message: `the parent '${parent.table}' is not a table of this mapping${didYouMean(parent.table, names)}`,
            },
          ];
    const missing = parent.columns.filter(name => columnOf(table, name) === undefined);
    if (missing.length > 0)
      return missing.map(name => ({
        path,
        message: `'${name}' is not among the columns${suggest(table, name)}`,
      }));
    const made = parent.columns.filter(name => !isCopy(table, name));
    if (made.length > 0)
      return made.map(name => ({
        path,
        message: `'${name}' refers to a parent, so it must be a copy of one source column`,
      }));
    return parent.columns.length === found.key.length
      ? []
      : [
          {
            path,
            message: `the key of '${parent.table}' has ${found.key.length} columns (${found.key.join(', ')}), and ${parent.columns.length} are named here`,
          },
        ];
  });
}

function suggest(table: TableMap, name: string): string {
  return didYouMean(
    name,
    table.columns.map(({target}) => target),
  );
}

function repeated(
  tables: readonly TableMap[],
  nameOf: (table: TableMap) => string,
  message: string,
): FileFault[] {
  return tables
    .filter((table, i) => tables.findIndex(other => nameOf(other) === nameOf(table)) < i)
    .map(({target}) => ({path: ['tables', target], message}));
}

function cycleFaults(tables: readonly TableMap[]): FileFault[] {
  const cycle = findCycle(tables);
  if (cycle === null) return [];
  const [first = ''] = cycle;
  const path = ['tables', first, 'parents'];
  return cycle.length === 1
    ? [{path, message: `'${first}' is its own parent, which is not supported`}]
    : [{path, message: `the parents make a cycle, which is not supported: ${[...cycle, first].join(' → ')}`}];
}

/** The tables of one cycle, in the order of the references; null where there is none. */
function findCycle(tables: readonly TableMap[]): string[] | null {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] | null => {
    const at = path.indexOf(name);
    if (at >= 0) return path.slice(at);
    if (done.has(name)) return null;
    for (const parent of tables.find(({target}) => target === name)?.parents ?? []) {
      const cycle = visit(parent.table, [...path, name]);
      if (cycle !== null) return cycle;
    }
    done.add(name);
    return null;
  };
  for (const {target} of tables) {
    const cycle = visit(target, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

/** Parents before children, otherwise in the given order. The parents make no cycle. */
export function parentsFirst(tables: readonly TableMap[]): TableMap[] {
  const sorted: TableMap[] = [];
  const add = (table: TableMap) => {
    if (sorted.includes(table)) return;
    for (const {table: name} of table.parents) {
      const parent = tables.find(({target}) => target === name);
      if (parent !== undefined) add(parent);
    }
    sorted.push(table);
  };
  for (const table of tables) add(table);
  return sorted;
}

export interface EntityMap {
  readonly primary: TableMap;
  readonly companions: readonly TableMap[];
}

/** The entities of a mapping, parents before children. */
export function entitiesOf(tables: readonly TableMap[]): EntityMap[] {
  const primaryOf = (table: TableMap) =>
    tables.find(other => other !== table && isCompanion(table, other) && !isSwapped(table, other, tables));
  const companions = new Map(tables.map(table => [table, primaryOf(table)]));
  return tables
    .filter(table => companions.get(table) === undefined)
    .map(primary => ({primary, companions: tables.filter(table => companions.get(table) === primary)}));
}

/** A companion is a child of its primary by its whole key, and has no parent that its primary lacks. */
function isCompanion(table: TableMap, primary: TableMap): boolean {
  const edge = table.parents.find(parent => parent.table === primary.target);
  if (edge === undefined || table.source !== primary.source) return false;
  const sameColumns = (a: readonly string[], b: readonly string[]) => a.join('\0') === b.join('\0');
  const keyOf = (map: TableMap) => map.key.map(name => copiedFrom(map, name));
  const parentsOf = (map: TableMap) =>
    map.parents
      .filter(parent => parent !== edge)
      .map(parent => [parent.table, ...parent.columns.map(name => copiedFrom(map, name))].join('\0'))
      .toSorted();
  return (
    sameColumns(keyOf(table), keyOf(primary)) &&
    sameColumns(
      edge.columns.map(name => copiedFrom(table, name)),
      keyOf(primary),
    ) &&
    sameColumns(parentsOf(table), parentsOf(primary)) &&
    sameConditions(table, primary) &&
    JSON.stringify(table.prefer) === JSON.stringify(primary.prefer)
  );
}

function sameConditions(a: TableMap, b: TableMap): boolean {
  const form = ({where}: TableMap) => where.map(condition => JSON.stringify(condition)).toSorted();
  return form(a).join('\0') === form(b).join('\0');
}

/** A companion of a companion belongs to that one's primary only if it is its child, too; here it stays apart. */
function isSwapped(table: TableMap, primary: TableMap, tables: readonly TableMap[]): boolean {
  return tables.some(other => other !== primary && other !== table && isCompanion(primary, other));
}
