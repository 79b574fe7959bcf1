/** The counts of both sides that the status shows, in SQL. */
import type {TablePlan} from '../columns.ts';
import type {EntityPlan} from '../entities.ts';
import {quoteName} from '../quote.ts';
import {sourceColumn, sourceFrom} from './columns.ts';
import {eligibleCondition} from './eligible.ts';

/** Counts the target rows that the source's eligible rows become. */
export function countEligible(entity: EntityPlan): string {
  const columns = entity.keyPlaces.map(place => sourceColumn(entity.source, place)).join(', ');
  const what = entity.repeats ? `COUNT(DISTINCT ${columns})` : 'COUNT(*)';
  return `SELECT ${what} FROM ${sourceFrom(entity.source)} WHERE ${eligibleCondition(entity)}`;
}

export function countTarget(table: TablePlan): string {
  return `SELECT COUNT(*) FROM ${quoteName(table.target)}`;
}
