/**
 * One immutable plan, derived from the mapping and the two schemas as found. Stream, snapshot, repair, verify
 * and counts all use it. The columns of each table are planned in `columns.ts`, the relations of tables in
 * `entities.ts`.
 */
import {SyncError} from '../errors.ts';
import type {Cascades} from './cascades.ts';
import {sourcePlans, tablePlan, type SourcePlan, type TablePlan} from './columns.ts';
import {buildEntities, joinsSame, type EntityPlan} from './entities.ts';
import type {Mapping} from './mapping.ts';
import {quoteName} from './quote.ts';
import type {Reference, SourceSchema, TargetSchema} from './schema.ts';

export interface Plan {
  readonly mapping: Mapping;
  readonly sources: readonly SourcePlan[];
  /** Tables in the order of writing: parents before children. Deletes use the reverse order. */
  readonly tables: readonly TablePlan[];
  /** Parents before children. */
  readonly entities: readonly EntityPlan[];
  /** The entity that each table belongs to, by the table's index. */
  readonly entityOf: readonly EntityPlan[];
  readonly cascades: Cascades;
  readonly references: readonly Reference[];
  readonly referringSchemas: TargetSchema['referringSchemas'];
}

/** One value for each table, by the table's index. */
export type PerTable<T> = readonly T[];
export function perTable<T>({tables}: Pick<Plan, 'tables'>, make: (table: TablePlan) => T): T[] {
  return tables.map(make);
}

/**
 * Builds the plan.
 *
 * @throws SyncError `schema-incompatible` or `target-incompatible`, naming every column at fault
 */
export function buildPlan(mapping: Mapping, source: SourceSchema, target: TargetSchema): Plan {
  const sources = sourcePlans(mapping, source);
  const faults: string[] = [];
  const tables = mapping.tables.map((map, index) => tablePlan(map, index, sources, target, faults));
  for (const [table, engine] of target.otherEngines ?? []) faults.push(engineFault(table, engine));
  if (faults.length > 0) throw new SyncError('target-incompatible', faults.join('; '));
  const entities = buildEntities(mapping, sources, tables, source.enforced);
  return {
    mapping,
    sources,
    tables,
    entities,
    entityOf: tables.map(table => {
      const entity = entities.find(candidate => candidate.tables.includes(table));
      if (entity === undefined) throw new RangeError(`${table.target} belongs to no entity`);
      return entity;
    }),
    cascades: source.cascades,
    references: target.references,
    referringSchemas: target.referringSchemas,
  };
}

/** Rows, ownership and position are committed together, or none of them. */
function engineFault(table: string, engine: string): string {
  return `the target table ${table} is ${engine}, which cannot roll back a batch: ALTER TABLE ${quoteName(table)} ENGINE = InnoDB;`;
}

/** The entity that a table belongs to. */
export function entityOf(
  {entityOf: entities}: Pick<Plan, 'entityOf'>,
  {index, target}: TablePlan,
): EntityPlan {
  const entity = entities[index];
  if (entity === undefined) throw new RangeError(`a plan without the table ${target}`);
  return entity;
}

export function tableNamed(plan: Pick<Plan, 'tables'>, target: string): TablePlan | undefined {
  return plan.tables.find(table => table.target === target);
}

/**
 * Whether the order of our deletes already respects a foreign key: it leads from a mapped row to a parent in the
 * mapping, over exactly the columns that the mapping names.
 */
export function isOwnReference({tables}: Pick<Plan, 'tables'>): (reference: Reference) => boolean {
  return ({schema, table, columns, referenced, referencedColumns}) => {
    const child = tables.find(({target}) => target === table);
    const parent = tables.find(({target}) => target === referenced);
    if (schema !== '' || child === undefined || parent === undefined) return false;
    const edge = child.map.parents.find(one => one.table === parent.map.target);
    return edge !== undefined && joinsSame(columns, referencedColumns, edge.columns, parent.map.key);
  };
}
