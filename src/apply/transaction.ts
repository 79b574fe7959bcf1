/**
 * Writes one batch in one transaction of the target: rows, ownership, dead letters and position together
 * (docs/invariants.md, 1); here as one flight of statements, which is what almost every batch is. Where the server
 * refuses a row, or where dependants must be read: careful.ts.
 */
import type {Plan} from '../mapping/plan.ts';
import {pairOf, splitPair} from '../mapping/row.ts';
import {TARGET_TABLES, type TargetTable} from '../mapping/tables.ts';
import {perTable, type PerTable} from './change-set.ts';
import type {DeadLetters} from './dead-letters.ts';
import type {KeyedRow, Work} from './decide.ts';
import {ownedInstitute, ownedMembership, ownedUser, type OwnedKey, type OwnershipView} from './ownership.ts';
import type {Flights} from './flights.ts';
import {assertUnreferred} from './references.ts';
import {deleteByKeys, inBatches, type UpsertOptions} from './statements.ts';

export interface Outcome {
  readonly upserted: PerTable<number>;
  readonly deleted: PerTable<number>;
  readonly deadLetters: PerTable<number>;
  /** Whether this row is among those that were inserted or updated. */
  readonly wrote: (table: TargetTable, key: string) => boolean;
  /** Stale rows that left the target since others needed their place. */
  readonly evicted: PerTable<readonly string[]>;
}

export interface Batch {
  readonly plan: Plan;
  readonly work: Work;
  readonly owned: OwnershipView;
  /** Grows with the keys that are looked at. */
  readonly dead: PerTable<Set<string>>;
  readonly deadLetters: DeadLetters;
  /** The statement that checks the fence and saves the position. */
  readonly fence: string;
  /** The position, for dead letters. */
  readonly at: string;
  /** Rows may be deleted, and stale ones may give way. */
  readonly mayDelete: boolean;
  readonly options: UpsertOptions & {readonly batchRows: number};
}

const NONE_EVICTED = perTable((): readonly string[] => []);

/** A key of a table as ownership knows it; user_auth shares its user's. */
export function ownedKey(table: TargetTable, key: string): OwnedKey {
  if (table === 'institute') return ownedInstitute(key);
  if (table !== 'institute_users') return ownedUser(key);
  const {instituteId, userId} = splitPair(key);
  return ownedMembership(instituteId, userId);
}

/**
 * The rows to be written that are in the target already, as far as ownership tells before the batch. Nobody asks for
 * them, and there are none, where the table has no AUTO_INCREMENT column beside its mapped ones.
 */
function rowsPresent({plan, work, owned}: Batch, table: TargetTable): ReadonlySet<string> {
  const present = new Set<string>();
  if (plan.tables[table].surrogate === null) return present;
  for (const {key} of work.upserts[table]) if (owned.has(ownedKey(table, key))) present.add(key);
  return present;
}

/** Whether {@link writeAtOnce} will do: nothing to be looked for before it is deleted, nothing to be read. */
export function isSimple({work, plan}: Batch): boolean {
  return (
    work.deletes.user.length +
      work.deletes.institute.length +
      work.followUsers.length +
      work.followInstitutes.length ===
      0 &&
    (work.deletes.institute_users.length === 0 ||
      !plan.references.some(({referenced}) => referenced === 'institute_users'))
  );
}

/**
 * The whole batch in as few round trips as its size allows, without looking at single rows.
 *
 * @param flights of its own
 * @throws SyncError whatever the server refused; the transaction is then to be rolled back
 */
export async function writeAtOnce(flights: Flights, batch: Batch): Promise<Outcome> {
  const {work, plan, owned} = batch;
  const present = perTable(table => rowsPresent(batch, table));
  for (const {key} of work.upserts.institute) owned.add(ownedInstitute(key));
  for (const {key} of work.upserts.user) owned.add(ownedUser(key));
  for (const {key, source} of work.upserts.institute_users) {
    const {instituteId, userId} = pairOf(plan.tables.institute_users, key, source);
    owned.add(ownedMembership(instituteId, userId));
  }
  for (const key of work.deletes.institute_users) owned.delete(ownedKey('institute_users', key));
  const {batchRows} = batch.options;
  for (const keys of inBatches(work.deletes.institute_users, batchRows))
    await flights.add(deleteByKeys(plan.tables.institute_users, keys));
  if (work.deletes.institute_users.length > 0) await flights.ask(assertUnreferred(plan, 'institute_users'));
  for (const table of TARGET_TABLES) {
    const rows = work.upserts[table];
    const there = present[table];
    const upsert = (some: readonly KeyedRow[], arePresent: boolean) =>
      flights.upsert(plan.tables[table], some, batchRows, {...batch.options, arePresent});
    if (there.size > 0)
      await upsert(
        rows.filter(({key}) => there.has(key)),
        true,
      );
    await upsert(there.size === 0 ? rows : rows.filter(({key}) => !there.has(key)), false);
  }
  const bookkeeping = [
    ...owned.statements(),
    ...batch.deadLetters.storeStatements(work.deadLetters, batch.at),
    ...TARGET_TABLES.flatMap(table => {
      const done =
        batch.dead[table].size === 0
          ? []
          : [...work.upserts[table].map(({key}) => key), ...work.deletes[table]];
      return [...batch.deadLetters.removeStatements(table, healed(batch, table, done))];
    }),
  ];
  for (const sql of bookkeeping) await flights.add(sql);
  await flights.add(batch.fence);
  await flights.commit();
  return {
    upserted: perTable(table => work.upserts[table].length),
    deleted: perTable(table => work.deletes[table].length),
    deadLetters: perTable(table => work.deadLetters.filter(letter => letter.table === table).length),
    wrote: amongRows(work.upserts),
    evicted: NONE_EVICTED,
  };
}

/** The sets are made when somebody asks, which the stream never does. */
function amongRows(rows: PerTable<readonly KeyedRow[]>): Outcome['wrote'] {
  const keys = new Map<TargetTable, Set<string>>();
  return (table, key) => {
    let set = keys.get(table);
    if (set === undefined) keys.set(table, (set = new Set(rows[table].map(row => row.key))));
    return set.has(key);
  };
}

/** Dead letters that go: rows written or removed, and rows found in order or gone. */
export function healed({work, dead}: Batch, table: TargetTable, done: readonly string[]): string[] {
  return dead[table].size === 0
    ? []
    : [...new Set([...work.settled[table], ...done.filter(key => dead[table].has(key))])];
}
