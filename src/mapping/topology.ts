/**
 * The relations between the tables of a mapping: parents before children, and which tables form one entity.
 * Pure; it uses names only.
 *
 * An entity is the rows of one source table under one key, with the target tables that exist together with
 * them: a primary table and its companions. A companion has the same source, key and conditions as its
 * primary, and the same parents in addition to that primary.
 */
import {isBookkeeping} from './bookkeeping.ts';
import {didYouMean, type FileFault} from './file/faults.ts';
import {copiedFrom, type ColumnMap, type TableMap} from './mapping.ts';

/** A table as far as it could be read. Each part that could not be read is one fault, and causes no others. */
export interface TableDraft {
  readonly target: string;
  /** Null if it could not be read; the same holds for the fields below. */
  readonly label: string | null;
  readonly key: readonly string[] | null;
  readonly columns: ReadonlyMap<string, ColumnMap | null> | null;
  readonly parents: readonly {readonly table: string; readonly columns: readonly string[] | null}[];
  /** Null also if there is none. */
  readonly newest: string | null;
  readonly ownedAs: string | null;
}

/** A key that stands twice in the file is refused before. */
const TWICE = 'occurs twice: names that differ only in letter case are one';

/** The faults in the graph of tables that make a mapping unusable. */
export function topologyFaults(drafts: readonly TableDraft[]): FileFault[] {
  return [
    ...drafts.flatMap(draft => [
      ...ownTableFaults(draft),
      ...keyFaults(draft),
      ...columnFaults(draft),
      ...parentFaults(draft, drafts),
      ...ownedAsFaults(draft, drafts),
    ]),
    // Some servers ignore case in the names of tables.
    ...repeated(drafts, ({target}) => target.toLowerCase(), `the target table ${TWICE}`),
    ...repeated(drafts, ({label}) => label, 'another table has the same label'),
    ...cycleFaults(drafts),
  ];
}

function ownTableFaults({target}: TableDraft): FileFault[] {
  if (!isBookkeeping(target)) return [];
  const message = `'${target}' is a table of laas-sync itself, which a mapping cannot write; choose another name`;
  return [{path: ['tables', target], message}];
}

/**
 * Finds the names that must be copies of source columns and are not.
 *
 * @param role the purpose of the columns
 */
function copyFaults(
  {columns}: TableDraft,
  names: readonly string[],
  path: string[],
  role: Role,
): FileFault[] {
  if (columns === null) return [];
  return [...new Set(names)].flatMap((name): FileFault[] => {
    const column = columns.get(name);
    if (column === undefined)
      return [{path, message: `${role.missing(name)}${didYouMean(name, [...columns.keys()])}`}];
    return column === null || column.use.operator === 'copy' ? [] : [{path, message: role.made(name)}];
  });
}

interface Role {
  readonly missing: (name: string) => string;
  readonly made: (name: string) => string;
}

const KEY: Role = {
  missing: name => `the key column '${name}' is not among the columns`,
  made: name => `the key column '${name}' must be a copy of one source column`,
};
const REFERENCE: Role = {
  missing: name => `'${name}' is not among the columns`,
  made: name => `'${name}' refers to a parent, so it must be a copy of one source column`,
};

function keyFaults(draft: TableDraft): FileFault[] {
  const {target, key} = draft;
  if (key === null) return [];
  const path = ['tables', target, 'key'];
  const twice = new Set(key.filter((name, i) => key.indexOf(name) < i));
  return [
    ...copyFaults(draft, key, path, KEY),
    ...[...twice].map(name => ({path, message: `the key names '${name}' twice`})),
  ];
}

function columnFaults({target, columns, newest}: TableDraft): FileFault[] {
  if (columns === null) return [];
  const faults: FileFault[] = [];
  const seen = new Set<string>();
  for (const name of columns.keys()) {
    // Both servers ignore case in the names of columns.
    if (seen.has(name.toLowerCase()))
      faults.push({path: ['tables', target, 'columns', name], message: `the column ${TWICE}`});
    seen.add(name.toLowerCase());
  }
  if (newest !== null && !columns.has(newest))
    faults.push({
      path: ['tables', target, 'newest'],
      message: `'${newest}' is not among the columns${didYouMean(newest, [...columns.keys()])}`,
    });
  return faults;
}

function parentFaults(draft: TableDraft, drafts: readonly TableDraft[]): FileFault[] {
  return draft.parents.flatMap((parent): FileFault[] => {
    const path = ['tables', draft.target, 'parents', parent.table];
    const found = drafts.find(({target}) => target === parent.table);
    const faults = copyFaults(draft, parent.columns ?? [], path, REFERENCE);
    if (found === undefined) {
      const names = drafts.map(({target}) => target);
      const near = didYouMean(parent.table, names);
      faults.push({path, message: `the parent '${parent.table}' is not a table of this mapping${near}`});
    } else if (found.key !== null && parent.columns !== null && found.key.length !== parent.columns.length) {
      const columns = `${found.key.length} ${found.key.length === 1 ? 'column' : 'columns'} (${found.key.join(', ')})`;
      const here = `${parent.columns.length} ${parent.columns.length === 1 ? 'is' : 'are'} named here`;
      faults.push({path, message: `the key of '${parent.table}' has ${columns}, and ${here}`});
    }
    return faults;
  });
}

/** Two tables that store what they own under one name would own each other's rows. */
function ownedAsFaults({target, ownedAs}: TableDraft, drafts: readonly TableDraft[]): FileFault[] {
  if (ownedAs === null) return [];
  const nameOf = (draft: TableDraft) => (draft.ownedAs ?? draft.target).toLowerCase();
  const other = drafts.find(draft => draft.target !== target && nameOf(draft) === ownedAs.toLowerCase());
  if (other === undefined) return [];
  const path = ['tables', target, 'ownedAs'];
  return [{path, message: `the ownership of '${other.target}' is stored under '${ownedAs}' already`}];
}

function repeated(
  drafts: readonly TableDraft[],
  nameOf: (draft: TableDraft) => string | null,
  message: string,
): FileFault[] {
  const seen = new Set<string>();
  return drafts.flatMap(draft => {
    const name = nameOf(draft);
    if (name === null) return [];
    if (seen.has(name)) return [{path: ['tables', draft.target], message}];
    seen.add(name);
    return [];
  });
}

/** One fault for each reference that closes a cycle: without these references there would be none. */
function cycleFaults(drafts: readonly TableDraft[]): FileFault[] {
  const faults: FileFault[] = [];
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]) => {
    const at = path.indexOf(name);
    if (at >= 0) faults.push(cycleFault(path.slice(at)));
    if (at >= 0 || done.has(name)) return;
    for (const parent of drafts.find(({target}) => target === name)?.parents ?? [])
      visit(parent.table, [...path, name]);
    done.add(name);
  };
  for (const {target} of drafts) visit(target, []);
  return faults;
}

/** @param cycle its tables, in the order of the references */
function cycleFault(cycle: readonly string[]): FileFault {
  const [first = ''] = cycle;
  const path = ['tables', first, 'parents'];
  return cycle.length === 1
    ? {path, message: `'${first}' is its own parent, which is not supported`}
    : {path, message: `the parents make a cycle, which is not supported: ${[...cycle, first].join(' → ')}`};
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

/** A companion of a companion belongs to the first primary only if it is its child too; otherwise it is separate. */
function isSwapped(table: TableMap, primary: TableMap, tables: readonly TableMap[]): boolean {
  return tables.some(other => other !== primary && other !== table && isCompanion(primary, other));
}
