/** Which memberships can be on the target: those whose user and institute are eligible, and there. */
import type {Plan} from '../src/mapping/plan.ts';
import {splitPair} from '../src/mapping/row.ts';
import {quoteName} from '../src/mapping/sql.ts';
import type {QueryPort, SourceReader} from '../src/source/reader.ts';
import {byTargetKey, diffTable} from './diff.ts';

const PARENTS = {
  user: {scope: 'users', column: 'userId'},
  institute: {scope: 'institutes', column: 'instituteId'},
} as const;

export interface ParentsDeps {
  readonly plan: Plan;
  readonly reader: Pick<SourceReader, 'byIds'>;
  readonly target: QueryPort;
}

export async function withParents(deps: ParentsDeps, keys: readonly string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const userIds = new Set(keys.map(key => splitPair(key).userId));
  const instituteIds = new Set(keys.map(key => splitPair(key).instituteId));
  const users = await present(deps, 'user', userIds);
  const institutes = await present(deps, 'institute', instituteIds);
  const eligibleUsers = await eligible(deps, 'user', userIds);
  const eligibleInstitutes = await eligible(deps, 'institute', instituteIds);
  return keys.filter(key => {
    const {userId, instituteId} = splitPair(key);
    return (
      users.has(userId) &&
      institutes.has(instituteId) &&
      eligibleUsers.has(userId) &&
      eligibleInstitutes.has(instituteId)
    );
  });
}

/** Those that are on the target. */
async function present(
  {target}: ParentsDeps,
  table: keyof typeof PARENTS,
  ids: ReadonlySet<string>,
): Promise<Set<string>> {
  const column = quoteName(PARENTS[table].column);
  const rows = await target(
    `SELECT ${column} FROM ${quoteName(table)} WHERE ${column} IN (${[...ids].join(', ')})`,
  );
  return new Set(rows.map(([id]) => String(id)));
}

/** Those whose source row counts, whether it can be written or not. */
async function eligible(
  {plan, reader}: ParentsDeps,
  table: keyof typeof PARENTS,
  ids: ReadonlySet<string>,
): Promise<Set<string>> {
  const rows = await reader.byIds(PARENTS[table].scope, [...ids]);
  const {missing, invalid} = diffTable(plan.tables[table], byTargetKey(plan, table, rows), [], {
    newestWins: false,
  });
  return new Set([...missing, ...invalid]);
}
