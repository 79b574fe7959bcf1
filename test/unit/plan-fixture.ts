/** Schemas of the built-in mapping as a server would describe them, and the plan made from them. */
import {NO_CASCADES} from '../../src/mapping/cascades.ts';
import type {TablePlan} from '../../src/mapping/columns.ts';
import type {EntityPlan} from '../../src/mapping/entities.ts';
import {parentJoins} from '../../src/mapping/mapping.ts';
import {buildPlan, tableNamed, type Plan} from '../../src/mapping/plan.ts';
import type {ColumnSchema, SourceSchema, TableSchema, TargetSchema} from '../../src/mapping/schema.ts';
import {cellOf, PackedRows, type PackedRow, type SourceRow} from '../../src/mapping/packed.ts';
import type {Row, Value} from '../../src/mapping/values.ts';
import {LAAS} from '../helpers/laas-mapping.ts';

/** Tables by their names. */
export type Tables = Readonly<Record<string, TableSchema>>;
export type SourceTable = 'institutes' | 'users' | 'institute_user';
export type TargetTable = 'institute' | 'user' | 'institute_users' | 'user_auth';

export function column(name: string, type: string, extra: Partial<ColumnSchema> = {}): ColumnSchema {
  const isText = /char|text|enum/.test(type);
  return {
    name,
    type,
    unsigned: false,
    nullable: true,
    charset: isText ? 'utf8mb4' : null,
    collation: isText ? 'utf8mb4_general_ci' : null,
    maxLength: isText ? 255 : null,
    fraction: 0,
    scale: 0,
    definition: type,
    columnType: type,
    clause: null,
    members: null,
    hasDefault: false,
    generated: false,
    ...extra,
  };
}

export function table(uniqueKeys: readonly (readonly string[])[], ...columns: ColumnSchema[]): TableSchema {
  return {uniqueKeys, columns, indexes: uniqueKeys, rows: 0};
}

function sourceTables(): Record<SourceTable, TableSchema> {
  const dates = [
    column('created_at', 'datetime', {fraction: 6}),
    column('updated_at', 'datetime', {fraction: 6}),
  ];
  return {
    institutes: table(
      [['id']],
      column('id', 'bigint'),
      column('name', 'varchar'),
      column('imageUrl', 'varchar'),
      ...dates,
    ),
    users: table(
      [['id']],
      column('id', 'bigint'),
      column('first_name', 'varchar'),
      column('last_name', 'varchar'),
      column('email', 'varchar'),
      column('password', 'varchar'),
      column('is_active', 'tinyint'),
      ...dates,
    ),
    institute_user: table(
      [['institute_id', 'user_id']],
      column('institute_id', 'bigint'),
      column('user_id', 'bigint'),
      column('user_type', 'varchar'),
      column('status', 'varchar'),
      ...dates,
    ),
  };
}

function targetTables(): Record<TargetTable, TableSchema> {
  const dates = [
    column('createdAt', 'datetime', {fraction: 3}),
    column('updatedAt', 'datetime', {fraction: 3}),
  ];
  return {
    institute: table(
      [['instituteId']],
      column('instituteId', 'bigint'),
      column('name', 'varchar'),
      column('imageUrl', 'varchar'),
      ...dates,
    ),
    user: table(
      [['userId'], ['email']],
      column('userId', 'bigint'),
      column('name', 'varchar', {maxLength: 20}),
      column('email', 'varchar'),
      column('password', 'varchar'),
      ...dates,
    ),
    institute_users: table(
      [['instituteId', 'userId']],
      column('instituteId', 'bigint'),
      column('userId', 'bigint'),
      column('role', 'enum'),
      column('isActive', 'tinyint'),
      ...dates,
    ),
    user_auth: table([['userId']], column('userId', 'bigint'), column('password', 'varchar'), ...dates),
  };
}

export function sourceTable(name: SourceTable): TableSchema {
  return sourceTables()[name];
}

export function targetTable(name: TargetTable): TableSchema {
  return targetTables()[name];
}

/** @param changes other tables by the same names, or more tables */
export function sourceSchema(changes: Tables = {}, facts: Partial<SourceSchema> = {}): SourceSchema {
  return {
    tables: new Map(Object.entries({...sourceTables(), ...changes})),
    enforced: parentJoins(LAAS),
    cascades: NO_CASCADES,
    ...facts,
  };
}

/** @param changes other tables by the same names, or more tables */
export function targetSchema(changes: Tables = {}, facts: Partial<TargetSchema> = {}): TargetSchema {
  return {
    tables: new Map(Object.entries({...targetTables(), ...changes})),
    references: [],
    referringSchemas: null,
    ...facts,
  };
}

export function plan(source: Tables = {}, target: Tables = {}, facts: Partial<SourceSchema> = {}): Plan {
  return buildPlan(LAAS, sourceSchema(source, facts), targetSchema(target));
}

/** The plan of a target table. */
export function tableOf(plans: Pick<Plan, 'tables'>, target: TargetTable): TablePlan {
  const found = tableNamed(plans, target);
  if (found === undefined) throw new RangeError(`the plan has no table ${target}`);
  return found;
}

/** The entity that a target table belongs to. */
export function entityOf(plans: Plan, target: TargetTable): EntityPlan {
  const found = plans.entityOf[tableOf(plans, target).index];
  if (found === undefined) throw new RangeError(`the plan has no entity of ${target}`);
  return found;
}

const COLUMNS = new Map(plan().sources.map(({table: name, columns}) => [name, columns]));

/** The columns of a source table in the order of its rows. */
export function columnsOf(name: SourceTable): readonly string[] {
  return COLUMNS.get(name) ?? [];
}

/** A source row from its columns by name; the others are null. */
export function row(name: SourceTable, values: Readonly<Record<string, Value>>): Row {
  return columnsOf(name).map(known => values[known] ?? null);
}

/** A row as its bytes. */
export function packed(source: Row, into = new PackedRows(0)): PackedRow {
  const row = into.begin(source.length);
  source.forEach((value, index) => {
    if (value !== null) into.setText(index, value);
  });
  return row;
}

/** A row of a source table as its values. */
export function unpacked(name: SourceTable, source: SourceRow | null): Row | null {
  return source === null ? null : columnsOf(name).map((_, index) => cellOf(source, index));
}

const DATES = {created_at: '2024-01-02 03:04:05.000000', updated_at: '2024-02-03 04:05:06.000000'};

export function user(id: string, values: Readonly<Record<string, Value>> = {}): Row {
  return row('users', {
    id,
    first_name: 'Ada',
    last_name: 'L',
    email: `u${id}@x.org`,
    password: '$2b$',
    is_active: '1',
    ...DATES,
    ...values,
  });
}

export function institute(id: string, values: Readonly<Record<string, Value>> = {}): Row {
  return row('institutes', {id, name: `School ${id}`, ...DATES, ...values});
}

export function membership(
  instituteId: string,
  userId: string,
  values: Readonly<Record<string, Value>> = {},
): Row {
  return row('institute_user', {
    institute_id: instituteId,
    user_id: userId,
    user_type: 'teacher',
    status: 'active',
    ...DATES,
    ...values,
  });
}

/** Rows as a server returns them for a read that ends with their number. */
export function closed(rows: readonly (readonly unknown[])[]): unknown[][] {
  const width = rows[0]?.length ?? 4;
  return [...rows.map(cells => [...cells, null]), [...Array.from({length: width}, () => null), rows.length]];
}
