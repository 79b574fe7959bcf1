/**
 * Writes one batch in one transaction of the target: rows, ownership, dead letters and position together. This
 * file sends it as a pipeline of statements, which suffices for almost every batch. If the server refuses a row,
 * or children must be read, stepwise.ts takes over.
 */
import type {TablePlan} from '../mapping/columns.ts';
import type {RowKey} from '../mapping/key.ts';
import {entityOf, perTable, type PerTable, type Plan} from '../mapping/plan.ts';
import type {DeadLetters, NewDeadLetter} from './dead-letters.ts';
import type {KeyedRow, Work} from './decide.ts';
import type {StatementPipeline} from './statement-pipeline.ts';
import type {OwnershipView} from './ownership.ts';
import {assertUnreferred} from './references.ts';
import {deleteByKeys, inBatches, type UpsertOptions} from './statements.ts';

export interface Outcome {
  readonly upserted: PerTable<number>;
  readonly deleted: PerTable<number>;
  readonly deadLetters: PerTable<number>;
  /** Whether this row is among those that were inserted or updated. */
  readonly wrote: (table: TablePlan, key: RowKey) => boolean;
  /** Stale rows that were deleted from the target because others needed their values. */
  readonly evicted: PerTable<readonly RowKey[]>;
}

export interface TargetBatch {
  readonly plan: Plan;
  readonly work: Work;
  readonly owned: OwnershipView;
  /** Grows with the keys that are read. */
  readonly dead: PerTable<Set<RowKey>>;
  readonly deadLetters: DeadLetters;
  /** The statement that checks the fence and saves the position. */
  readonly fence: string;
  /** The position, for dead letters. */
  readonly at: string;
  /** Rows may be deleted, and stale ones may be deleted for others. */
  readonly mayDelete: boolean;
  readonly options: UpsertOptions & {readonly batchRows: number};
}

/**
 * The rows to be written that are already in the target, as far as ownership shows before the batch. The list
 * is not needed, and is empty, if the table has no AUTO_INCREMENT column besides its mapped ones.
 */
function rowsPresent({plan, work, owned}: TargetBatch, table: TablePlan): ReadonlySet<RowKey> {
  const present = new Set<RowKey>();
  if (table.surrogate === null) return present;
  const entity = entityOf(plan, table);
  for (const {key} of work.upserts[table.index] ?? []) if (owned.has(entity, key)) present.add(key);
  return present;
}

/** Whether {@link writePipelined} suffices: no references to find before a delete, and nothing to read. */
export function isSimple({work, plan}: TargetBatch): boolean {
  return plan.entities.every(({index, primary, children, companions}) => {
    if ((work.follow[index] ?? []).length > 0 || (work.doubtful[index] ?? []).length > 0) return false;
    if ((work.deletes[index] ?? []).length === 0) return true;
    return (
      children.length + companions.length === 0 &&
      !plan.references.some(({referenced}) => referenced === primary.target)
    );
  });
}

/**
 * Writes the whole batch in as few round trips as its size allows, without handling single rows.
 *
 * @param pipeline a pipeline of its own
 * @throws SyncError the server's refusal; the caller must then roll the transaction back
 */
export async function writePipelined(pipeline: StatementPipeline, batch: TargetBatch): Promise<Outcome> {
  const {work, plan, owned} = batch;
  const {batchRows} = batch.options;
  const present = perTable(plan, table => rowsPresent(batch, table));
  for (const entity of plan.entities) {
    for (const {key} of work.upserts[entity.primary.index] ?? []) owned.add(entity, key);
    for (const key of work.deletes[entity.index] ?? []) owned.delete(entity, key);
  }
  for (const entity of plan.entities.toReversed()) {
    const deletes = work.deletes[entity.index] ?? [];
    for (const keys of inBatches(deletes, batchRows))
      await pipeline.add(deleteByKeys(entity, entity.primary, keys));
    if (deletes.length > 0) await pipeline.add(assertUnreferred(plan, entity.primary));
  }
  for (const table of plan.tables) {
    const rows = work.upserts[table.index] ?? [];
    const there = present[table.index];
    const upsert = (some: readonly KeyedRow[], arePresent: boolean) =>
      pipeline.upsert(table, some, batchRows, {...batch.options, arePresent});
    if (there === undefined || there.size === 0) await upsert(rows, false);
    else
      for (const arePresent of [true, false])
        await upsert(
          rows.filter(({key}) => there.has(key) === arePresent),
          arePresent,
        );
  }
  for (const sql of bookkeeping(batch, work.deadLetters, table =>
    lettersToRemove(batch, table, doneIn(batch, table)),
  ))
    await pipeline.add(sql);
  await pipeline.add(batch.fence);
  await pipeline.commit();
  return {
    upserted: work.upserts.map(({length}) => length),
    deleted: perTable(plan, table => {
      const entity = entityOf(plan, table);
      return table === entity.primary ? (work.deletes[entity.index] ?? []).length : 0;
    }),
    deadLetters: perTable(plan, table => work.deadLetters.filter(letter => letter.table === table).length),
    wrote: amongRows(work.upserts),
    evicted: perTable(plan, () => []),
  };
}

/** The keys that this batch wrote or deleted; none if no row waits, so that no list is built. */
function doneIn({work, plan, dead}: TargetBatch, table: TablePlan): RowKey[] {
  if ((dead[table.index]?.size ?? 0) === 0) return [];
  const written = (work.upserts[table.index] ?? []).map(({key}) => key);
  return [...written, ...(work.deletes[entityOf(plan, table).index] ?? [])];
}

/** The sets are built on request, and the stream never requests them. */
function amongRows(rows: PerTable<readonly KeyedRow[]>): Outcome['wrote'] {
  const keys = new Map<TablePlan, Set<RowKey>>();
  return (table, key) => {
    let set = keys.get(table);
    if (set === undefined) keys.set(table, (set = new Set((rows[table.index] ?? []).map(row => row.key))));
    return set.has(key);
  };
}

/**
 * Returns the statements that store ownership and dead letters.
 *
 * @param letters the new dead letters
 * @param removedIn returns the keys of a table whose dead letters are removed
 */
export function bookkeeping(
  {plan, owned, deadLetters, at}: TargetBatch,
  letters: readonly NewDeadLetter[],
  removedIn: (table: TablePlan) => readonly RowKey[],
): string[] {
  return [
    ...owned.statements(),
    ...deadLetters.storeStatements(letters, at),
    ...plan.tables.flatMap(table => [...deadLetters.removeStatements(table, removedIn(table))]),
  ];
}

/** The keys whose dead letters are removed: rows written or deleted, and rows found correct or already deleted. */
export function lettersToRemove(
  {work, dead}: TargetBatch,
  {index}: TablePlan,
  done: readonly RowKey[],
): RowKey[] {
  const waiting = dead[index];
  return waiting === undefined || waiting.size === 0
    ? []
    : [...new Set([...(work.settled[index] ?? []), ...done.filter(key => waiting.has(key))])];
}
