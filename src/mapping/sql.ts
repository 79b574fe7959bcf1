/**
 * The mapping in SQL: reads of source and target rows, and checksums that are equal on both servers when
 * the rows are. Pure text from a plan; identifiers only, no values.
 */
import {actualName, type Plan, type SourcePlan, type TablePlan} from './plan.ts';
import type {ColumnSchema} from './schema.ts';

import {TRANSFORMS} from './transforms.ts';

/** Knuth's multiplier for hashes: odd, and with bits all over. */
const ODD = '2654435761';

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A mapped source column as an expression, in the table's alias `s`. */
export function sourceColumn(source: SourcePlan, column: string, alias = 's'): string {
  return `${alias}.${quoteName(actualName(source, column))}`;
}

/** The same as UTF-8 text where it is text in another charset. */
function sourceText(source: SourcePlan, column: string): string {
  const name = actualName(source, column);
  return asUtf8(
    sourceColumn(source, column),
    source.schema.columns.find(candidate => candidate.name === name),
  );
}

function asUtf8(expression: string, schema: ColumnSchema | undefined): string {
  const isText = schema !== undefined && /char|text|enum|set|binary|blob/.test(schema.type);
  return isText && schema.charset !== 'utf8mb4' ? `CONVERT(${expression} USING utf8mb4)` : expression;
}

/** The columns of a source row in the plan's order; an optional column that is absent reads as null. */
export function sourceSelectList(source: SourcePlan): string {
  return source.columns
    .map((column, i) => {
      if (source.actual[i] === null) return 'NULL';
      // BIT comes as bytes unless it is made a number.
      return column === 'is_active' ? `${sourceColumn(source, column)} + 0` : sourceColumn(source, column);
    })
    .join(', ');
}

export function sourceFrom(source: SourcePlan): string {
  return `${quoteName(source.table)} s`;
}

/** The columns of a target row in the plan's order, each in the form that the mapping writes. */
export function targetSelectList(plan: TablePlan): string {
  return plan.columns
    .map(({name, kind}) => (kind === 'flag' ? `t.${quoteName(name)} + 0` : `t.${quoteName(name)}`))
    .join(', ');
}

/** A condition on ids, for the column that holds them. */
export type IdCondition = (column: string) => string;

/**
 * What makes a source row eligible, itself and its parents.
 *
 * @param userIds holds for the user ids of all rows in question, which spares a look at other users
 */
function eligibleCondition(plans: Plan, plan: TablePlan, userIds: IdCondition): string {
  const own = ownCondition(plans.sources[plan.source], plan, 's');
  return plan.target === 'institute_users' ? [own, ...parentConditions(plans, userIds)].join(' AND ') : own;
}

function ownCondition(source: SourcePlan, {map}: TablePlan, alias: string): string {
  const conditions = map.notNull.map(column => `${sourceColumn(source, column, alias)} IS NOT NULL`);
  if (map.flag !== undefined) conditions.push(`${sourceColumn(source, map.flag, alias)} = 1`);
  return conditions.join(' AND ');
}

/**
 * A membership is eligible when its institute and its user are. Where foreign keys say that they are there,
 * the few that are not eligible are looked up, once a query; else the parents, once a row.
 */
function parentConditions(plans: Plan, userIds: IdCondition): string[] {
  const memberships = plans.sources.institute_user;
  return (['user', 'institute'] as const).map(parent => {
    const plan = plans.tables[parent];
    const source = plans.sources[plan.source];
    const reference = sourceColumn(memberships, parent === 'user' ? 'user_id' : 'institute_id');
    const id = sourceColumn(source, 'id', 'p');
    const from = `FROM ${quoteName(source.table)} p WHERE`;
    const isEligible = ownCondition(source, plan, 'p');
    if (!plans.parentsEnforced[parent === 'user' ? 'users' : 'institutes'])
      return `EXISTS (SELECT 1 ${from} ${id} = ${reference} AND ${isEligible})`;
    const range = parent === 'user' ? `${userIds(id)} AND ` : '';
    return `${reference} NOT IN (SELECT ${id} ${from} ${range}NOT COALESCE(${isEligible}, 0))`;
  });
}

/** Of several source rows for one pair, the one that counts (§2.4) comes first in this order. */
export function winnerOrder(source: SourcePlan): string {
  const active = TRANSFORMS['is-active'].sql([sourceText(source, 'status')], 0, false);
  const updated = sourceColumn(source, 'updated_at');
  const byId =
    source.actual[source.columns.indexOf('id')] === null ? '' : `, ${sourceColumn(source, 'id')} DESC`;
  return `${active} DESC, IF(${updated} = 0, NULL, ${updated}) DESC${byId}`;
}

/**
 * Counts the eligible source rows of a range and checksums what they become on each of the target tables,
 * which share one source: a column for the count, and one for each table.
 *
 * The sum is over each row's CRC times an odd number: CRC32 alone is linear, so that the same change in two
 * rows would cancel itself out; a product, with its carries, is not. It fits 64 bits.
 *
 * @param ids the range, as a condition on the ids that the segments go by
 */
export function sourceChecksums(plans: Plan, tables: readonly TablePlan[], ids: IdCondition): string {
  const [first] = tables;
  if (first === undefined) throw new RangeError('a checksum of no table');
  const source = plans.sources[first.source];
  const isMembership = first.target === 'institute_users';
  const range = ids(sourceColumn(source, isMembership ? 'user_id' : 'id'));
  const rows = `${sourceFrom(source)} WHERE ${range} AND ${eligibleCondition(plans, first, ids)}`;
  const sum = (crc: string) => `BIT_XOR(${crc} * ${ODD})`;
  if (isMembership && plans.pairsRepeat) {
    const pair = `${sourceColumn(source, 'institute_id')}, ${sourceColumn(source, 'user_id')}`;
    return `SELECT COUNT(*), ${sum('c')} FROM (
      SELECT CRC32(${sourceRowText(first, source)}) c, ROW_NUMBER() OVER (PARTITION BY ${pair} ORDER BY ${winnerOrder(source)}) n
        FROM ${rows}) r WHERE n = 1`;
  }
  const sums = tables.map(table => sum(`CRC32(${sourceRowText(table, source)})`));
  return `SELECT COUNT(*), ${sums.join(', ')} FROM ${rows}`;
}

/** The same over the target's rows. */
export function targetChecksum(plan: TablePlan, range: string): string {
  return `SELECT COUNT(*), BIT_XOR(CRC32(${targetRowText(plan)}) * ${ODD}) FROM ${quoteName(plan.target)} t WHERE ${range}`;
}

function sourceRowText(plan: TablePlan, source: SourcePlan): string {
  return rowText(
    plan.columns.map(column =>
      TRANSFORMS[column.map.transform].sql(
        column.map.from.map(name => sourceText(source, name)),
        column.schema.fraction,
        column.rounds,
      ),
    ),
  );
}

function targetRowText(plan: TablePlan): string {
  return rowText(
    plan.columns.map(({name, kind, schema}) => {
      const column = `t.${quoteName(name)}`;
      switch (kind) {
        case 'text':
          return asUtf8(column, schema);
        case 'timestamp':
          return `CAST(${column} AS DATETIME(6))`;
        case 'flag':
          return `(${column} + 0)`;
        case 'integer':
          return column;
      }
    }),
  );
}

/** One text for a row; null differs from every value, and no value runs into its neighbour. */
function rowText(expressions: readonly string[]): string {
  return `CONCAT_WS(0x1f, ${expressions.map(expression => `IFNULL(${expression}, 0x00)`).join(', ')})`;
}

export function countEligible(plans: Plan, plan: TablePlan): string {
  const source = plans.sources[plan.source];
  const what =
    plan.target === 'institute_users' && plans.pairsRepeat
      ? `COUNT(DISTINCT ${sourceColumn(source, 'institute_id')}, ${sourceColumn(source, 'user_id')})`
      : 'COUNT(*)';
  return `SELECT ${what} FROM ${sourceFrom(source)} WHERE ${eligibleCondition(plans, plan, () => '1 = 1')}`;
}

export function countTarget(plan: TablePlan): string {
  return `SELECT COUNT(*) FROM ${quoteName(plan.target)}`;
}
