/**
 * Entities and edges: how the tables of a plan are related. An entity is the rows of one source table under
 * one key, with the target tables that exist together with them. An edge is a reference of one entity's rows to
 * another's.
 */
import {compileCondition, refusesCondition, type CompiledCondition} from './conditions.ts';
import {SyncError} from '../errors.ts';
import {familyOf, type Family} from './families.ts';
import {KeyCodec, longestKey, type RowKey} from './key.ts';
import {MAX_KEY_LENGTH} from './limits.ts';
import {copiedFrom, type Mapping, type ParentJoin, type ParentMap, type TableMap} from './mapping.ts';
import type {SourceRow} from './packed.ts';
import type {SourcePlan, TablePlan} from './columns.ts';
import {isAmong, isUnique, type ColumnSchema} from './schema.ts';
import {entitiesOf} from './topology.ts';

export interface EntityPlan {
  readonly index: number;
  /** The name of its primary table. */
  readonly name: string;
  readonly source: SourcePlan;
  readonly key: KeyCodec;
  /** The indexes of the key's columns in a source row. */
  readonly keyPlaces: readonly number[];
  readonly primary: TablePlan;
  readonly companions: readonly TablePlan[];
  /** The primary and its companions, in the order of writing. */
  readonly tables: readonly TablePlan[];
  readonly where: readonly CompiledCondition[];
  /** References to other entities, without those of companions to their primary. */
  readonly parents: readonly Edge[];
  readonly children: readonly Edge[];
  /** 0 for an entity without parents. */
  readonly depth: number;
  /** The name under which its ownership is stored. */
  readonly ownedAs: string;
  /** No unique key of the source enforces the key, so several source rows can become one target row. */
  readonly repeats: boolean;
  readonly walk: Walk;
  /** The columns of the walk as a key of their own. */
  readonly walkKey: KeyCodec;
}

/** How an entity's rows are divided into ranges. */
export interface Walk {
  /** The parts of the key that bound a range, as indexes of the key's columns. */
  readonly parts: readonly number[];
  /** Whether both servers sort these columns alike, so that a range holds the same rows on both. */
  readonly isOrderedAlike: boolean;
}

export interface Edge {
  readonly parent: EntityPlan;
  readonly parentTable: TablePlan;
  readonly child: EntityPlan;
  /** Places in the child's source row, in the order of the parent's key. */
  readonly places: readonly number[];
  /** The same columns in the spelling of the source and of the child's target tables. */
  readonly sourceColumns: readonly string[];
  readonly targetColumns: readonly string[];
  /** The parts of the child's key that hold the reference, in the order of the parent's key; null if other columns do. */
  readonly inKey: readonly number[] | null;
  /** A foreign key of the source holds the reference, and every row had its parent when the plan was made. */
  readonly isEnforced: boolean;
  readonly isNullable: boolean;
}

/** An entity under construction: parents and children refer to each other, so they are added later. */
type Draft = Omit<EntityPlan, 'parents' | 'children'> & {parents: Edge[]; children: Edge[]};

/** @throws SyncError `schema-incompatible`, naming what cannot be a key or a condition */
export function buildEntities(
  mapping: Mapping,
  sources: readonly SourcePlan[],
  tables: readonly TablePlan[],
  enforced: readonly ParentJoin[],
): EntityPlan[] {
  const faults: string[] = [];
  const drafts: Draft[] = [];
  const planOf = (map: TableMap) => tables.find(table => table.map === map);
  for (const {primary: map, companions: maps} of entitiesOf(mapping.tables)) {
    const primary = planOf(map);
    const source = sources.find(({table}) => table === map.source);
    if (primary === undefined || source === undefined) continue;
    const companions = maps.flatMap(companion => planOf(companion) ?? []);
    drafts.push(draftOf(drafts, map, source, primary, companions, faults));
  }
  if (faults.length > 0) throw new SyncError('schema-incompatible', faults.join('; '));
  for (const child of drafts) {
    for (const parent of child.primary.map.parents) {
      const edge = edgeOf(child, parent, drafts, enforced);
      child.parents.push(edge);
      drafts[edge.parent.index]?.children.push(edge);
    }
  }
  return drafts.map(draft => {
    const walk = walkOf(draft);
    const walkKey = new KeyCodec(walk.parts.flatMap(part => draft.key.columns[part] ?? []));
    return Object.assign(draft, {walk, walkKey});
  });
}

function draftOf(
  before: readonly Draft[],
  map: TableMap,
  source: SourcePlan,
  primary: TablePlan,
  companions: readonly TablePlan[],
  faults: string[],
): Draft {
  const keyColumns = map.key.map(name => copiedFrom(map, name));
  const columns = primary.keyIndexes.map((at, i) => ({
    name: primary.key[i] ?? '',
    family: keyFamily(map, primary.columns[at]?.schema, faults),
    cutsEnd: primary.columns[at]?.cutsEnd === true && !primary.columns[at].needsEnd,
  }));
  const sources = keyColumns.map(name => source.schemas[source.columns.indexOf(name)]);
  const length = longestKey(columns.map(({family}, i) => ({family, from: sources[i]})));
  if (length > MAX_KEY_LENGTH) {
    const sizes = `${length} characters by its columns in ${map.source}, where a byte counts as two`;
    faults.push(`the key of ${map.target} has up to ${sizes}; ${MAX_KEY_LENGTH} are supported`);
  }
  for (const condition of map.where) {
    const schema = source.schemas[source.columns.indexOf(condition.column)];
    const family = schema === undefined ? undefined : familyOf(schema);
    if (schema === undefined || family === undefined) continue;
    const refused = refusesCondition(condition, family, schema.type);
    if (refused !== null) faults.push(`the condition on ${map.source}.${condition.column}: ${refused}`);
  }
  const repeats = !isUnique(source.schema, keyColumns);
  if (repeats && map.prefer.length === 0)
    faults.push(
      `${map.source} of the source has no unique key on (${keyColumns.join(', ')}), so that several rows can have one key: add a unique key, or say in the mapping which of them counts (prefer)`,
    );
  const depths = map.parents.map(
    ({table}) => before.find(({tables}) => tables.some(({target}) => target === table))?.depth ?? 0,
  );
  return {
    index: before.length,
    name: map.target,
    source,
    key: new KeyCodec(columns),
    keyPlaces: keyColumns.map(name => source.columns.indexOf(name)),
    primary,
    companions,
    tables: [primary, ...companions],
    where: map.where.map(condition => {
      const place = source.columns.indexOf(condition.column);
      const schema = source.schemas[place];
      return compileCondition(
        condition,
        place,
        (schema === undefined ? undefined : familyOf(schema)) ?? 'text',
      );
    }),
    parents: [],
    children: [],
    depth: depths.length === 0 ? 0 : 1 + Math.max(...depths),
    ownedAs: map.ownedAs ?? map.target,
    repeats,
    walk: {parts: [], isOrderedAlike: true},
    walkKey: new KeyCodec([]),
  };
}

/** A length that both servers allow in an index of several columns. */
const MAX_KEY_BYTES = 255;

function keyFamily(map: TableMap, schema: ColumnSchema | undefined, faults: string[]): Family {
  const family = (schema === undefined ? undefined : familyOf(schema)) ?? 'text';
  if (schema === undefined) return family;
  const refuse = (why: string) => faults.push(`the key column ${map.target}.${schema.name} ${why}`);
  if (family === 'float' || family === 'json' || /text|blob/.test(schema.type))
    refuse(`is of the type ${schema.type}, which cannot be a key`);
  else if (
    (family === 'text' || family === 'binary') &&
    (schema.maxLength ?? 0) > MAX_KEY_BYTES &&
    schema.type !== 'enum' &&
    schema.type !== 'set'
  )
    refuse(`holds more than ${MAX_KEY_BYTES} characters, which is too long for a key`);
  return family;
}

function edgeOf(
  child: Draft,
  {table, columns}: ParentMap,
  drafts: readonly Draft[],
  enforced: readonly ParentJoin[],
): Edge {
  const parent = drafts.find(({tables}) => tables.some(({target}) => target === table));
  const parentTable = parent?.tables.find(({target}) => target === table);
  if (parent === undefined || parentTable === undefined) throw new RangeError(`no entity holds ${table}`);
  const {map} = child.primary;
  const names = columns.map(name => copiedFrom(map, name));
  const places = names.map(name => child.source.columns.indexOf(name));
  const keyNames = map.key.map(name => copiedFrom(map, name));
  const inKey = names.map(name => keyNames.indexOf(name));
  const parentNames = parentTable.map.key.map(name => copiedFrom(parentTable.map, name));
  return {
    parent,
    parentTable,
    child,
    places,
    sourceColumns: places.map((place, i) => child.source.actual[place] ?? names[i] ?? ''),
    targetColumns: columns.map(
      name => child.primary.columns.find(column => column.map.target === name)?.name ?? name,
    ),
    inKey: inKey.includes(-1) ? null : inKey,
    isEnforced: enforced.some(
      join =>
        join.child === child.source.table &&
        join.parent === parent.source.table &&
        joinsSame(join.columns, join.parentColumns, names, parentNames),
    ),
    isNullable: places.some(place => child.source.schemas[place]?.nullable ?? true),
  };
}

/**
 * The key of the parent that a row refers to.
 *
 * @returns null if the reference is null, so that the row needs no parent; undefined if the row was deleted and
 *   its key does not hold the reference
 */
export function parentKeyOf(edge: Edge, key: RowKey, row: SourceRow | null): RowKey | null | undefined {
  const {parent, child, places, inKey} = edge;
  if (row !== null) {
    const found = parent.key.of(row, places);
    if (found !== null || inKey === null) return found;
  }
  if (inKey === null) return undefined;
  if (inKey.length === 1 && parent.key.columns[0]?.family === 'integer')
    return child.key.partOf(key, inKey[0] ?? 0);
  const parts = child.key.split(key);
  return parent.key.of(
    inKey.map(at => parts[at] ?? null),
    inKey.map((_, i) => i),
  );
}

/** The maximum rows of one parent for which an entity is walked by the parent's key instead of the whole key. */
const MAX_GROUP_ROWS = 1000;

/**
 * Chooses the columns of the walk: the whole key if a source index has it in some order; the column of the largest
 * parent if it has an index and its groups are small, because the parents of a range are then a range too.
 */
function walkOf(entity: Draft): Walk {
  const {source, keyPlaces, key} = entity;
  const names = keyPlaces.map((place, i) => source.actual[place] ?? key.columns[i]?.name ?? '');
  const partOf = (name: string) => names.findIndex(one => one.toLowerCase() === name.toLowerCase());
  const chosen = (parts: readonly number[]): Walk => ({parts, isOrderedAlike: isOrderedAlike(entity, parts)});
  if (names.length === 1) return chosen([0]);
  const {indexes, rows} = source.schema;
  const byParent = entity.parents
    .filter(
      ({inKey, sourceColumns}) =>
        inKey?.length === 1 && indexes.some(([lead]) => lead !== undefined && isAmong(lead, sourceColumns)),
    )
    .toSorted((a, b) => b.parent.source.schema.rows - a.parent.source.schema.rows)
    .find(({parent}) => rows <= MAX_GROUP_ROWS * Math.max(1, parent.source.schema.rows));
  const [part] = byParent?.inKey ?? [];
  if (part !== undefined) return chosen([part]);
  const whole = indexes.find(
    index => index.length >= names.length && index.slice(0, names.length).every(name => partOf(name) >= 0),
  );
  return chosen(whole === undefined ? names.map((_, i) => i) : whole.slice(0, names.length).map(partOf));
}

function isOrderedAlike({key, source, keyPlaces, primary}: Draft, parts: readonly number[]): boolean {
  return parts.every(part => {
    const family = key.columns[part]?.family;
    const from = source.schemas[keyPlaces[part] ?? -1];
    const to = primary.columns[primary.keyIndexes[part] ?? -1]?.schema;
    if (family !== 'text') return from !== undefined && familyOf(from) === family;
    return (
      from?.type !== 'enum' &&
      from?.type !== 'set' &&
      to?.type !== 'enum' &&
      to?.type !== 'set' &&
      from?.collation === to?.collation
    );
  });
}

/** Whether two pairs of lists join the same columns, in any order. */
export function joinsSame(
  columns: readonly string[],
  referenced: readonly string[],
  mappedColumns: readonly string[],
  mappedReferenced: readonly string[],
): boolean {
  const pairs = (from: readonly string[], to: readonly string[]) =>
    from.map((name, i) => `${name.toLowerCase()}\0${to[i]?.toLowerCase() ?? ''}`).toSorted();
  return pairs(columns, referenced).join('\x01') === pairs(mappedColumns, mappedReferenced).join('\x01');
}
