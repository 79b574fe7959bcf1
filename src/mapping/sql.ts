/**
 * The mapping in SQL: reads of source and target rows, and checksums that are equal on both servers when
 * the rows are. Pure text from a plan; identifiers only, no values.
 */
import {actualName, type ColumnKind, type Plan, type SourcePlan, type TablePlan} from './plan.ts';
import {exactColumn, flagCondition, isBinaryType, isDateCondition, isTextType} from './column-kinds.ts';
import type {ColumnSchema} from './schema.ts';
import type {TransformName} from './tables.ts';
import {TRANSFORMS, type TargetForm} from './transforms.ts';
import {findColumn} from './type-faults.ts';

/** Knuth's multiplier for hashes: odd, and with bits all over. */
const ODD = '2654435761';

/** For a transform that does not depend on the target column. */
const NO_FORM: TargetForm = {fraction: 0, epoch: '', roleName: role => role, cutsEnd: false};

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A mapped source column as an expression, in the table's alias `s`. */
export function sourceColumn(source: SourcePlan, column: string, alias = 's'): string {
  return `${alias}.${quoteName(actualName(source, column))}`;
}

function sourceSchema(source: SourcePlan, column: string): ColumnSchema | undefined {
  return findColumn(source.schema, actualName(source, column));
}

/** A mapped source column as a SELECT must name it to get what the log has. */
export function exactSourceColumn(source: SourcePlan, column: string): string {
  return exactColumn(sourceColumn(source, column), sourceSchema(source, column));
}

/** A mapped source column as its transform takes it: text as UTF-8, and numbers as the log has them. */
function sourceInput(source: SourcePlan, column: string, transform: TransformName): string {
  const expression = sourceColumn(source, column);
  const schema = sourceSchema(source, column);
  if (schema === undefined) return expression;
  // Of bytes only the ASCII letters have another case; where they are no UTF-8, MySQL would cut them there.
  const isNormalised = transform === 'role' || transform === 'is-active';
  if (isBinaryType(schema)) return isNormalised ? `CONVERT(${expression} USING latin1)` : expression;
  return isTextType(schema) ? asUtf8(expression, schema) : exactColumn(expression, schema);
}

function asUtf8(expression: string, schema: ColumnSchema): string {
  return isTextType(schema) && schema.charset !== 'utf8mb4'
    ? `CONVERT(${expression} USING utf8mb4)`
    : expression;
}

/** The columns of a source row in the plan's order; an optional column that is absent reads as null. */
export function sourceSelectList(source: SourcePlan): string {
  return source.columns
    .map((column, i) => (source.actual[i] === null ? 'NULL' : exactSourceColumn(source, column)))
    .join(', ');
}

export function sourceFrom(source: SourcePlan): string {
  return `${quoteName(source.table)} s`;
}

/** The columns of a target row in the plan's order, each in the form that the mapping writes. */
export function targetSelectList(plan: TablePlan): string {
  return plan.columns
    .map(({name, kind, schema}) => targetColumn(`t.${quoteName(name)}`, kind, schema))
    .join(', ');
}

/** A flag of a text type is the text, since the server would count the members of an ENUM. */
function targetColumn(name: string, kind: ColumnKind, schema: ColumnSchema): string {
  return kind === 'flag' && !isTextType(schema) ? `${name} + 0` : name;
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
  if (map.flag !== undefined)
    conditions.push(flagCondition(sourceColumn(source, map.flag, alias), sourceSchema(source, map.flag)));
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

/** Of several source rows for one pair, the one that counts comes first in this order. */
export function winnerOrder(source: SourcePlan): string {
  const active = TRANSFORMS['is-active'].sql([sourceInput(source, 'status', 'is-active')], NO_FORM, false);
  const updated = sourceColumn(source, 'updated_at');
  const byId =
    source.actual[source.columns.indexOf('id')] === null ? '' : `, ${sourceColumn(source, 'id')} DESC`;
  return `${active} DESC, IF(${isDateCondition(updated)}, ${updated}, NULL) DESC${byId}`;
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
        column.map.from.map(name => sourceInput(source, name, column.map.transform)),
        column.form,
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
          return isTextType(schema) ? asUtf8(column, schema) : `(${column} + 0)`;
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
