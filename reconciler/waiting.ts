/** Rows that wait: a dead letter of their own, or of a parent, explains why they are not as they should be. */
import {perTable, type PerTable} from '../src/apply/change-set.ts';
import {readCounted} from '../src/db/counted.ts';
import {literal} from '../src/apply/sql-text.ts';
import {splitPair} from '../src/mapping/row.ts';
import {TARGET_TABLES, type TargetTable} from '../src/mapping/tables.ts';
import type {QueryPort} from '../src/source/reader.ts';

/** The keys of dead letters. */
export type DeadKeys = PerTable<Set<string>>;

export async function readDeadKeys(query: QueryPort, stream: string): Promise<DeadKeys> {
  const dead = perTable(() => new Set<string>());
  const rows = await readCounted(query, {
    columns: 'target_table, row_key',
    from: 'sync_dead_letter',
    where: `stream = ${literal(stream)}`,
  });
  for (const [table, key] of rows) {
    const name = TARGET_TABLES.find(known => known === table);
    if (name !== undefined) dead[name].add(String(key));
  }
  return dead;
}

export function waits(table: TargetTable, key: string, dead: DeadKeys): boolean {
  if (dead[table].has(key)) return true;
  if (table === 'user_auth') return dead.user.has(key);
  if (table !== 'institute_users') return false;
  const {userId, instituteId} = splitPair(key);
  return dead.user.has(userId) || dead.institute.has(instituteId);
}
