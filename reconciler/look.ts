/** One look of the verifier at a range of rows: how many are in order, and which differ. */
import type {Plan} from '../src/mapping/plan.ts';
import {readCounted} from '../src/db/counted.ts';
import {quoteName, targetSelectList} from '../src/mapping/sql.ts';
import type {TargetTable} from '../src/mapping/tables.ts';
import {toRow, type Row} from '../src/mapping/values.ts';
import {rangeCondition, type QueryPort, type SourceReader} from '../src/source/reader.ts';
import type {TableVerdict} from '../src/status/operations.ts';
import {byTargetKey, diffTable} from './diff.ts';
import {withParents} from './parents.ts';
import {SCOPE_TABLES, type Range, type Scope} from './segments.ts';
import {ownedAmong} from './stored-ownership.ts';
import type {Sides} from './suspects.ts';
import {readDeadKeys, waits, type DeadKeys} from './waiting.ts';

export interface LookDeps {
  readonly plan: Plan;
  readonly reader: SourceReader;
  readonly target: QueryPort;
  readonly stream: string;
  readonly newestWins: boolean;
  /** SYNC_DELETES=keep: rows of ours that the source does not have any more are in order. */
  readonly keeps: boolean;
}

/** A row that is not the same on both sides, as it was found there. */
export interface Difference extends Sides {
  readonly table: TargetTable;
  readonly key: string;
  readonly kind: 'missing' | 'different' | 'extra';
}

export interface Sight {
  readonly tallies: {
    readonly table: TargetTable;
    readonly tally: Pick<TableVerdict, 'compared' | 'deadLetters' | 'foreign' | 'kept'>;
  }[];
  /** By table and key. */
  readonly differences: ReadonlyMap<string, Difference>;
}

export async function look(deps: LookDeps, scope: Scope, range: Range): Promise<Sight> {
  const {plan, reader, target, stream} = deps;
  const parents = await reader.idRange(scope, range.after, range.to);
  const memberships = scope === 'users' ? await reader.membershipRange(range.after, range.to) : [];
  const dead = await readDeadKeys(target, stream);
  const tallies: Sight['tallies'] = [];
  const differences = new Map<string, Difference>();
  for (const table of SCOPE_TABLES[scope]) {
    const sources = byTargetKey(plan, table, table === 'institute_users' ? memberships : parents);
    const {tally, found} = await lookAtTable(deps, table, range, sources, dead);
    tallies.push({table, tally});
    for (const difference of found) differences.set(`${table}/${difference.key}`, difference);
  }
  return {tallies, differences};
}

async function lookAtTable(
  deps: LookDeps,
  table: TargetTable,
  range: Range,
  sources: ReadonlyMap<string, Row>,
  dead: DeadKeys,
): Promise<{tally: Sight['tallies'][number]['tally']; found: Difference[]}> {
  const {plan, target, stream, newestWins, keeps} = deps;
  const {keyIndexes} = plan.tables[table];
  const targets = await readTarget(deps, table, range);
  const diff = diffTable(plan.tables[table], sources, targets, {newestWins});
  const present = new Map(targets.map(row => [keyIndexes.map(index => row[index]).join(':'), row]));
  const isWaiting = (key: string) => waits(table, key, dead);
  const missing = diff.missing.filter(key => !isWaiting(key));
  const owned = await ownedAmong(target, stream, table, diff.extra);
  const side = (row: Row | undefined) => (row ?? []).join('\u001f');
  const differing = (kind: Difference['kind'], keys: readonly string[]) =>
    keys.map(key => ({table, key, kind, source: side(sources.get(key)), target: side(present.get(key))}));
  return {
    tally: {
      compared: diff.equal.length,
      deadLetters:
        diff.invalid.length + [...diff.missing, ...diff.different].filter(key => dead[table].has(key)).length,
      foreign: diff.extra.filter(key => !owned.has(key)).length,
      ...(keeps ? {kept: owned.size} : {}),
    },
    found: [
      ...differing('missing', table === 'institute_users' ? await withParents(deps, missing) : missing),
      ...differing(
        'different',
        diff.different.filter(key => !isWaiting(key)),
      ),
      ...differing('extra', keeps ? [] : diff.extra.filter(key => owned.has(key) && !isWaiting(key))),
    ],
  };
}

async function readTarget({plan, target}: LookDeps, table: TargetTable, {after, to}: Range): Promise<Row[]> {
  const id = `t.${quoteName(table === 'institute' ? 'instituteId' : 'userId')}`;
  const rows = await readCounted(target, {
    columns: targetSelectList(plan.tables[table]),
    from: `${quoteName(table)} t`,
    where: rangeCondition(id, after, to),
  });
  return rows.map(toRow);
}
