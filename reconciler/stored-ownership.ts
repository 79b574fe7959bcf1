/** What is stored of ownership, as counts and for the verifier, which has no writer to ask. */
import type {PerTable} from '../src/apply/change-set.ts';
import {IdSet} from '../src/apply/id-set.ts';
import {readCounted} from '../src/db/counted.ts';
import {literal} from '../src/apply/sql-text.ts';
import {splitPair} from '../src/mapping/row.ts';
import type {TargetTable} from '../src/mapping/tables.ts';
import type {QueryPort} from '../src/source/reader.ts';

/** How many rows of each table are ours. `user_auth` shares its user's ownership. */
export async function ownedRows(query: QueryPort, stream: string): Promise<PerTable<number>> {
  const rows = await query(
    `SELECT kind, SUM(size) FROM sync_owned WHERE stream = ${literal(stream)} GROUP BY kind`,
  );
  const sizes = new Map(rows.map(([kind, size]) => [String(kind), Number(size)]));
  const users = sizes.get('user') ?? 0;
  return {
    institute: sizes.get('institute') ?? 0,
    user: users,
    institute_users: sizes.get('membership') ?? 0,
    user_auth: users,
  };
}

/** How many memberships of these institutes are ours. */
export async function ownedMembershipsOf(
  query: QueryPort,
  stream: string,
  instituteIds: Iterable<string>,
): Promise<number> {
  const scopes = Array.from(instituteIds, literal).join(', ');
  const [row] = await query(
    `SELECT SUM(size) FROM sync_owned WHERE stream = ${literal(stream)} AND kind = 'membership' AND scope IN (${scopes})`,
  );
  return Number(row?.[0] ?? 0);
}

/** Which of these keys of a table are ours. */
export async function ownedAmong(
  query: QueryPort,
  stream: string,
  table: TargetTable,
  keys: readonly string[],
): Promise<Set<string>> {
  const owned = new Set<string>();
  const kind = table === 'institute' ? 'institute' : table === 'institute_users' ? 'membership' : 'user';
  const sets = new Map<string, IdSet | null>();
  for (const key of keys) {
    const {scope, id} =
      table === 'institute_users'
        ? {scope: splitPair(key).instituteId, id: splitPair(key).userId}
        : {scope: '', id: key};
    const chunk = String(BigInt(id) >> 16n);
    const name = `${scope}/${chunk}`;
    let set = sets.get(name);
    if (set === undefined) {
      const where = Object.entries({stream, kind, scope, chunk}).map(
        ([column, value]) => `${column} = ${literal(value)}`,
      );
      const [row] = await readCounted(query, {
        columns: 'members',
        from: 'sync_owned',
        where: where.join(' AND '),
      });
      set = Buffer.isBuffer(row?.[0]) ? IdSet.decode(row[0]) : null;
      sets.set(name, set);
    }
    if (set?.has(Number(BigInt(id) & 0xffffn)) === true) owned.add(key);
  }
  return owned;
}
