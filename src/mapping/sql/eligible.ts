/** Which source rows are eligible, and which one of several with the same key counts, in SQL. Pure. */
import {conditionSql} from '../conditions.ts';
import type {Edge, EntityPlan} from '../entities.ts';
import {familyOf} from '../families.ts';
import {isDateCondition} from '../operators/moments.ts';
import {normalised, normalisedLiteral, normalisedSql} from '../operators/texts.ts';
import {sourceColumn, sourceFrom, sourceInput} from './columns.ts';
import {EVERYTHING, rangeCondition, type Range} from './ranges.ts';

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
export function preferredOrder({source, primary}: EntityPlan): string {
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
