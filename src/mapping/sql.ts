/**
 * The mapping in SQL: reads of source and target rows, and checksums that are equal on both servers when the
 * rows are. Pure: it builds text from a plan. The only values in it are keys and those of the mapping file.
 */
import {conditionSql} from './conditions.ts';
import type {Edge, EntityPlan} from './entities.ts';
import {familyOf, isNumeric} from './families.ts';
import {keyLiteral} from './key.ts';
import {isDateCondition} from './operators/moments.ts';
import {normalised, normalisedLiteral, normalisedSql} from './operators/texts.ts';
import {operatorOf} from './operators/registry.ts';
import type {ColumnPlan, SourcePlan, TablePlan} from './columns.ts';
import {quoteName} from './quote.ts';
import type {ColumnSchema} from './schema.ts';

/** Knuth's multiplier for hashes: an odd number with well distributed bits. */
const ODD = '2654435761';

/** A place in the order of an entity's walk: the values of the key's parts that it uses. */
export type Bound = readonly string[];
/** The rows after `after`, up to and including `to`; null means no bound on that side. */
export interface Range {
  readonly after: Bound | null;
  readonly to: Bound | null;
}
export const EVERYTHING: Range = {after: null, to: null};

/** A source column as an expression, in the table's alias. */
export function sourceColumn(source: SourcePlan, place: number, alias = 's'): string {
  const name = source.actual[place] ?? null;
  return name === null ? 'NULL' : `${alias}.${quoteName(name)}`;
}

/** A source column as input of operators and conditions: text as UTF-8, bytes unchanged, numbers as in the log. */
function sourceInput(source: SourcePlan, place: number, alias = 's'): string {
  return comparableInput(sourceColumn(source, place, alias), source.schemas[place]);
}

function comparableInput(expression: string, schema: ColumnSchema | undefined): string {
  const isText = schema !== undefined && familyOf(schema) === 'text';
  if (!isText) return exactColumn(expression, schema);
  return schema.charset === 'utf8mb4' ? expression : `CONVERT(${expression} USING utf8mb4)`;
}

const UNLIKE_THEIR_TEXT: ReadonlySet<string> = new Set(['bit', 'year']);

/**
 * The expression that returns a column as the log has it: numbers without the leading zeros of
 * ZEROFILL, BIT and YEAR as numbers, and FLOAT with all of its digits.
 */
export function exactColumn(expression: string, schema: ColumnSchema | undefined): string {
  if (schema === undefined) return expression;
  // The driver would parse JSON into an object.
  if (schema.type === 'json') return `CAST(${expression} AS CHAR)`;
  // The product is a double; a sum would lose the sign of a negative zero.
  if (schema.type === 'float') return `${expression} * 1`;
  const isPadded = schema.definition.includes('zerofill') && isNumeric(familyOf(schema) ?? 'text');
  return isPadded || UNLIKE_THEIR_TEXT.has(schema.type) ? `${expression} + 0` : expression;
}

/** The columns of a source row in the plan's order; an optional column that is absent reads as null. */
export function sourceSelectList(source: SourcePlan): string {
  return source.schemas.map((schema, place) => exactColumn(sourceColumn(source, place), schema)).join(', ');
}

export function sourceFrom(source: SourcePlan, alias = 's'): string {
  return `${quoteName(source.table)} ${alias}`;
}

/** The columns of a target row in the plan's order, each in the form that the mapping writes. */
export function targetSelectList(table: TablePlan): string {
  return table.columns.map(({name, schema}) => exactColumn(`t.${quoteName(name)}`, schema)).join(', ');
}

/** The source columns that order an entity's walk, in this order. */
export function walkOfSource({walk, keyPlaces, source}: EntityPlan, alias = 's'): string[] {
  return walk.parts.map(part => {
    const place = keyPlaces[part] ?? 0;
    return comparable(sourceColumn(source, place, alias), source.schemas[place]);
  });
}

/** The same columns of a target table. */
export function walkOfTarget({walk}: EntityPlan, table: TablePlan, alias = 't'): string[] {
  return walk.parts.map(part => {
    const at = table.keyIndexes[part] ?? 0;
    return comparable(`${alias}.${quoteName(table.key[part] ?? '')}`, table.columns[at]?.schema);
  });
}

/** ENUM and SET are sorted by their number, but compared with a text by their text. */
function comparable(expression: string, schema: ColumnSchema | undefined): string {
  return schema?.type === 'enum' || schema?.type === 'set' ? `CAST(${expression} AS CHAR)` : expression;
}

/** The condition for a range of an entity's walk, on these columns. */
export function rangeCondition(entity: EntityPlan, columns: readonly string[], {after, to}: Range): string {
  const literal = (i: number, value: string) =>
    keyLiteral(entity.key.columns[entity.walk.parts[i] ?? 0]?.family ?? 'text', value);
  const low = after === null ? [] : [tupleCondition(columns, '>', after, literal)];
  const high = to === null ? [] : [tupleCondition(columns, '<=', to, literal)];
  return [...low, ...high].join(' AND ') || '1 = 1';
}

/** `(a, b) > (x, y)` in the form in which both servers use an index. */
export function tupleCondition(
  columns: readonly string[],
  operator: '>' | '<=',
  bound: Bound,
  literal: (index: number, value: string) => string,
): string {
  const strict = operator === '>' ? '>' : '<';
  const values = bound.map((value, i) => literal(i, value));
  const last = columns.length - 1;
  if (last === 0) return `${columns[0]} ${operator} ${values[0]}`;
  const alternatives = columns.map((column, i) => {
    const before = columns.slice(0, i).map((name, j) => `${name} = ${values[j]}`);
    return `(${[...before, `${column} ${i === last ? operator : strict} ${values[i]}`].join(' AND ')})`;
  });
  return `(${alternatives.join(' OR ')})`;
}

/** A row's own conditions. */
function ownConditions({where, source}: EntityPlan, alias: string): string[] {
  return where.map(condition =>
    conditionSql(
      condition,
      sourceColumn(source, condition.place, alias),
      sourceInput(source, condition.place, alias),
    ),
  );
}

/**
 * What makes a source row of an entity eligible: its own conditions, its key, and its parents.
 *
 * @param range contains the rows in question, so that other rows of the parent that the walk uses need not be
 *   read
 */
export function eligibleCondition(entity: EntityPlan, range: Range = EVERYTHING, alias = 's'): string {
  const keys = keyIsWhole(entity, alias);
  const parents = entity.parents.map((edge, i) => parentCondition(edge, range, alias, `${alias}${i}`));
  return [...ownConditions(entity, alias), ...keys, ...parents].join(' AND ') || '1 = 1';
}

/** The conditions that no part of the key is null. Columns that are NOT NULL need none. */
export function keyIsWhole({source, keyPlaces, where}: EntityPlan, alias = 's'): string[] {
  return keyPlaces
    .filter(place => source.schemas[place]?.nullable ?? true)
    .filter(place => !where.some(one => one.place === place && one.is !== 'null'))
    .map(place => `${sourceColumn(source, place, alias)} IS NOT NULL`);
}

/** Up to this number of rows, the ineligible rows of a parent are read at once instead of one by one. */
const FEW_ROWS = 50_000;

/**
 * If a foreign key guarantees that the parents exist, the ineligible ones are read, once for each query; otherwise
 * the parents are read, once for each row.
 */
function parentCondition(edge: Edge, range: Range, alias: string, parentAlias: string): string {
  const {parent, child, places, isNullable} = edge;
  const own = places.map(place => sourceColumn(child.source, place, alias));
  const theirs = parent.keyPlaces.map(place => sourceColumn(parent.source, place, parentAlias));
  const isWalked =
    child.walk.parts.length === 1 && edge.inKey?.length === 1 && edge.inKey[0] === child.walk.parts[0];
  const from = `FROM ${sourceFrom(parent.source, parentAlias)} WHERE`;
  const isEligible = eligibleCondition(parent, isWalked ? range : EVERYTHING, parentAlias);
  const [column = '', key = ''] = [own[0], theirs[0]];
  const isFew = isWalked || parent.source.schema.rows <= FEW_ROWS;
  const condition =
    edge.isEnforced && isFew && own.length === 1
      ? `${column} NOT IN (SELECT ${key} ${from} ${isWalked && (range.after !== null || range.to !== null) ? `${rangeCondition(child, [key], range)} AND ` : ''}NOT COALESCE(${isEligible}, 0))`
      : `EXISTS (SELECT 1 ${from} ${own.map((name, i) => `${theirs[i]} = ${name}`).join(' AND ')} AND ${isEligible})`;
  if (!isNullable || places.every(place => child.keyPlaces.includes(place))) return condition;
  return `(${own.map(name => `${name} IS NULL`).join(' OR ')} OR ${condition})`;
}

/**
 * Of several source rows with one key, the order that puts the preferred row first: a row that is eligible comes
 * before one that is not, and then the order of `prefer` decides. Null comes last.
 */
export function rankingOrder(entity: EntityPlan): string {
  const {parents, keyPlaces} = entity;
  // Rows with one key have the same parents if the key refers to them.
  const differing = parents.flatMap((edge, i) =>
    edge.places.every(place => keyPlaces.includes(place))
      ? []
      : [parentCondition(edge, EVERYTHING, 's', `s${i}`)],
  );
  const conditions = [...ownConditions(entity, 's'), ...differing];
  const eligibleFirst = conditions.length === 0 ? [] : [`COALESCE(${conditions.join(' AND ')}, 0) DESC`];
  return [...eligibleFirst, preferredOrder(entity)].filter(part => part !== '').join(', ');
}

/** The order of `prefer`; empty if the mapping has none. */
function preferredOrder({source, primary}: EntityPlan): string {
  return primary.map.prefer
    .flatMap(preference => {
      const place = source.columns.indexOf(preference.column);
      const schema = source.schemas[place];
      if (schema === undefined) return [];
      const column = sourceColumn(source, place);
      if (preference.by === 'values') {
        const family = familyOf(schema) === 'binary' ? 'binary' : 'text';
        const values = preference.values.map(value => normalisedLiteral(normalised(value)));
        return [`${normalisedSql(sourceInput(source, place), family)} IN (${values.join(', ')}) DESC`];
      }
      const value =
        familyOf(schema) === 'moment' ? `IF(${isDateCondition(column)}, ${column}, NULL)` : column;
      return preference.order === 'desc' ? [`${value} DESC`] : [`${value} IS NULL`, `${value} ASC`];
    })
    .join(', ');
}

/**
 * Counts the eligible source rows of a range, and computes a checksum of the rows that they become in each of the
 * entity's tables: one column for the count, and one for each table.
 *
 * The sum is over each row's CRC times an odd number: CRC32 alone is linear, so that the same change in two
 * rows would cancel itself out; a product, with its carries, is not. It fits 64 bits.
 */
export function sourceChecksums(entity: EntityPlan, range: Range): string {
  const {source, tables} = entity;
  const rows = `${sourceFrom(source)} WHERE ${rangeCondition(entity, walkOfSource(entity), range)} AND ${eligibleCondition(entity, range)}`;
  const sum = (crc: string) => `BIT_XOR(${crc} * ${ODD})`;
  const crcs = tables.map(table => `CRC32(${sourceRowText(table, source)})`);
  if (!entity.repeats) return `SELECT COUNT(*), ${crcs.map(sum).join(', ')} FROM ${rows}`;
  const key = entity.keyPlaces.map(place => sourceColumn(source, place)).join(', ');
  const order = preferredOrder(entity);
  return `SELECT COUNT(*), ${crcs.map((_, i) => sum(`c${i}`)).join(', ')} FROM (
      SELECT ${crcs.map((crc, i) => `${crc} c${i}`).join(', ')}, ROW_NUMBER() OVER (PARTITION BY ${key}${order === '' ? '' : ` ORDER BY ${order}`}) n
        FROM ${rows}) r WHERE n = 1`;
}

/** The same for the rows of a target table. */
export function targetChecksum(entity: EntityPlan, table: TablePlan, range: Range): string {
  return `SELECT COUNT(*), BIT_XOR(CRC32(${targetRowText(table)}) * ${ODD}) FROM ${quoteName(table.target)} t WHERE ${rangeCondition(entity, walkOfTarget(entity, table), range)}`;
}

function sourceRowText(table: TablePlan, source: SourcePlan): string {
  return rowText(
    table.columns.map(column =>
      comparedText(
        operatorOf(column.map.use).sql(
          column.map.use,
          column.shape.inputs.map(({place}) => printedAlike(sourceInput(source, place), column)),
          column.shape,
        ),
        column,
      ),
    ),
  );
}

function targetRowText(table: TablePlan): string {
  return rowText(
    table.columns.map(column => {
      const input = comparableInput(`t.${quoteName(column.name)}`, column.schema);
      return comparedText(printedAlike(input, column), column);
    }),
  );
}

/** MySQL prints a computed double with fewer digits than a column's, and a FLOAT is read by a computation. */
function printedAlike(expression: string, {schema, shape}: ColumnPlan): string {
  const isWidened = schema.type === 'double' && shape.inputs.some(input => input.schema.type === 'float');
  return isWidened ? `${expression} * 1` : expression;
}

/** One form for all equal values, on both sides. */
function comparedText(expression: string, {family, schema}: ColumnPlan): string {
  switch (family) {
    case 'moment':
      return schema.type === 'date' ? `CAST(${expression} AS DATE)` : `CAST(${expression} AS DATETIME(6))`;
    case 'time':
      return `CAST(${expression} AS TIME(6))`;
    case 'decimal':
      return `CAST(${expression} AS DECIMAL(65, ${Math.min(30, schema.scale)}))`;
    case 'bit':
    case 'float':
      return `(${expression})`;
    case 'binary':
      return `HEX(${expression})`;
    case 'integer':
    case 'text':
    case 'json':
      return expression;
  }
}

/** One text for a row; null differs from every value, and separators keep values apart. */
function rowText(expressions: readonly string[]): string {
  return `CONCAT_WS(0x1f, ${expressions.map(expression => `IFNULL(${expression}, 0x00)`).join(', ')})`;
}

/** Counts the target rows that the source's eligible rows become. */
export function countEligible(entity: EntityPlan): string {
  const columns = entity.keyPlaces.map(place => sourceColumn(entity.source, place)).join(', ');
  const what = entity.repeats ? `COUNT(DISTINCT ${columns})` : 'COUNT(*)';
  return `SELECT ${what} FROM ${sourceFrom(entity.source)} WHERE ${eligibleCondition(entity)}`;
}

export function countTarget(table: TablePlan): string {
  return `SELECT COUNT(*) FROM ${quoteName(table.target)}`;
}
