/**
 * Reads of mapped source rows: by key, by parent, by range. Read-only, and the only place beside the
 * checksums where the source's tables are read. Each read knows how many rows it should give.
 */
import {queryRows, type Connection} from '../db/connection.ts';
import {onlyRow, readCounted} from '../db/counted.ts';
import type {Plan, SourcePlan} from '../mapping/plan.ts';
import {exactSourceColumn, sourceColumn, sourceFrom, sourceSelectList, winnerOrder} from '../mapping/sql.ts';
import {splitPair} from '../mapping/row.ts';
import {toRow, toValue, type Row} from '../mapping/values.ts';

/** Ids in one IN list; longer lists are split. */
const KEYS_PER_QUERY = 2000;

export type QueryPort = (sql: string) => Promise<unknown[][]>;

export interface SourceReader {
  /** Institutes or users by id; those that are gone are absent. */
  byIds(table: 'institutes' | 'users', ids: readonly string[]): Promise<Row[]>;
  /** Every membership row of these users; several rows of one pair come with the one that counts first. */
  membershipsOfUsers(userIds: readonly string[]): Promise<Row[]>;
  /** The membership rows of one institute with user ids past `after`, at most about `limit`, whole pairs only. */
  membershipsOfInstitute(
    instituteId: string,
    after: string | null,
    limit: number,
  ): Promise<{rows: Row[]; last: string | null}>;
  /** Membership rows of these pairs (`institute:user`), the one that counts first in each. */
  pairs(keys: readonly string[]): Promise<Row[]>;
  /** Rows with ids in (after, to], in order of id; without `to` there is no upper end. */
  idRange(table: 'institutes' | 'users', after: string | null, to: string | null): Promise<Row[]>;
  /** Membership rows with user ids in (after, to]; the one that counts first in each pair. */
  membershipRange(after: string | null, to: string | null): Promise<Row[]>;
}

/** A reader over one connection; it keeps no state. */
export function createSourceReader(plan: Plan, query: QueryPort): SourceReader {
  const select = (source: SourcePlan, where: string, order: string) =>
    readCounted(query, {columns: sourceSelectList(source), from: sourceFrom(source), where, order}).then(
      toRows,
    );
  const memberships = plan.sources.institute_user;
  const institute = sourceColumn(memberships, 'institute_id');
  const user = sourceColumn(memberships, 'user_id');
  // Where each pair has one row, the index's own order will do, and nothing has to be sorted.
  const inPairOrder = plan.pairsRepeat ? `${user}, ${institute}, ${winnerOrder(memberships)}` : user;

  return {
    async byIds(table, ids) {
      const source = plan.sources[table];
      const id = sourceColumn(source, 'id');
      return inSlices(ids, slice => select(source, `${id} IN (${slice.join(', ')})`, id));
    },
    membershipsOfUsers: userIds =>
      inSlices(userIds, slice => select(memberships, `${user} IN (${slice.join(', ')})`, inPairOrder)),
    async membershipsOfInstitute(instituteId, after, limit) {
      const past = after === null ? '' : ` AND ${user} > ${after}`;
      const [greatest = null, count] = onlyRow(
        await query(
          `SELECT MAX(u), COUNT(*) FROM (SELECT ${exactSourceColumn(memberships, 'user_id')} u FROM ${sourceFrom(memberships)} WHERE ${institute} = ${instituteId}${past} ORDER BY ${user} LIMIT ${limit}) b`,
        ),
      );
      const last = toValue(greatest);
      if (last === null) return {rows: [], last: null};
      const rows = await select(
        memberships,
        `${institute} = ${instituteId}${past} AND ${user} <= ${last}`,
        inPairOrder,
      );
      return {rows, last: Number(count) < limit ? null : last};
    },
    async pairs(keys) {
      const wanted = new Set(keys);
      const users = [...new Set(keys.map(key => splitPair(key).userId))];
      const institutes = [...new Set(keys.map(key => splitPair(key).instituteId))];
      const rows = await inSlices(users, slice => {
        const narrowed =
          institutes.length <= KEYS_PER_QUERY ? ` AND ${institute} IN (${institutes.join(', ')})` : '';
        return select(memberships, `${user} IN (${slice.join(', ')})${narrowed}`, inPairOrder);
      });
      return rows.filter(row => wanted.has(`${row[0]}:${row[1]}`));
    },
    idRange(table, after, to) {
      const source = plan.sources[table];
      const id = sourceColumn(source, 'id');
      return select(source, rangeCondition(id, after, to), id);
    },
    membershipRange: (after, to) => select(memberships, rangeCondition(user, after, to), inPairOrder),
  };
}

/** `column` in (after, to]. */
export function rangeCondition(column: string, after: string | null, to: string | null): string {
  const low = after === null ? '' : `${column} > ${after}`;
  const high = to === null ? '' : `${column} <= ${to}`;
  return [low, high].filter(part => part !== '').join(' AND ') || '1 = 1';
}

export function connectionQuery(connection: Connection): QueryPort {
  return sql => queryRows('source', connection, sql);
}

async function inSlices(
  keys: readonly string[],
  read: (slice: readonly string[]) => Promise<Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let i = 0; i < keys.length; i += KEYS_PER_QUERY)
    rows.push(...(await read(keys.slice(i, i + KEYS_PER_QUERY))));
  return rows;
}

function toRows(raw: unknown[][]): Row[] {
  return raw.map(toRow);
}
