/**
 * Writes a batch step by step in one transaction: after the server refused a row of it, or if rows are deleted or
 * enter whose children the log does not show. Deletes go from the leaves up, writes from the roots down.
 */
import {parentKeyOf, type EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import {entityOf, perTable} from '../mapping/plan.ts';
import type {Row} from '../mapping/values.ts';
import type {RequiredPosition} from '../source/watermark.ts';
import {StepwiseTransaction} from './stepwise-transaction.ts';
import {perEntity} from './decide.ts';
import type {Allowance} from './delete-budget.ts';
import {OrderedWrites} from './ordered-writes.ts';
import {evict, follow, remove, staleAmong, type DependantsContext} from './dependants.ts';
import type {WriterContext} from './writer-context.ts';
import type {OwnershipView, Want} from './ownership.ts';
import type {Session} from './session.ts';
import type {TargetBatch, Outcome} from './write-batch.ts';

export interface StepwiseOptions {
  /** Read the children of rows that enter; false if the change set holds them. */
  readonly follow: boolean;
  /** The position that reads of the source must cover; null if the stream does not run. */
  readonly need: RequiredPosition | null;
  /** How many rows a run may still delete; null if there is no limit. */
  readonly allowance: Allowance | null;
  readonly ownershipOf: (session: Session, each: (want: Want) => void) => Promise<OwnershipView>;
}

/** @throws SyncError if a server fails; the caller must then roll the transaction back */
export async function writeStepwise(
  {session, reader, waitUntilVisible}: WriterContext,
  batch: TargetBatch,
  options: StepwiseOptions,
): Promise<Outcome> {
  const {work, owned, plan, mayDelete} = batch;
  const transaction = new StepwiseTransaction(
    session,
    batch,
    {
      among: (table, keys) => staleAmong(context, entityOf(plan, table), table, keys),
      evict: (table, keys) => evict(context, entityOf(plan, table), table, keys),
    },
    options.allowance,
  );
  const rows = new OrderedWrites(transaction, batch);
  const context: DependantsContext = {
    plan,
    reader,
    transaction,
    rows,
    owned,
    loadKnowledge: (entity, rows) => loadKnowledge(session, batch, options, entity, rows),
    dead: () => transaction.deadNow(),
    mayDelete,
  };
  const entered = perEntity(plan, ({index}) => [...(work.follow[index] ?? [])]);
  if (options.need !== null && entered.some(({length}) => length > 0)) await waitUntilVisible(options.need);
  await transaction.begin();
  for (const entity of plan.entities.toReversed())
    await remove(context, entity, work.deletes[entity.index] ?? []);
  // A row that was deleted with an ancestor, and is written again, has lost its own children, too.
  for (const {index, primary} of plan.entities)
    for (const {key} of work.upserts[primary.index] ?? [])
      if (transaction.hasDeleted(primary, key)) entered[index]?.push(key);
  for (const entity of plan.entities) {
    await rows.write(entity, work.upserts);
    if (!options.follow) continue;
    // At this point, all parents of the child are written.
    for (const edge of entity.parents) {
      const parents = (entered[edge.parent.index] ?? []).filter(
        key => !transaction.hasFailed(edge.parent.primary, key),
      );
      await follow(context, edge, parents, keys => entered[entity.index]?.push(...keys));
    }
  }
  // By now, the rows that these depend on are written or refused, and these were read again where necessary.
  for (const entity of plan.entities)
    for (const key of work.postponed[entity.index] ?? [])
      for (const table of entity.tables) rows.settle(table, key);
  return transaction.commit();
}

/** Reads ownership and dead letters of rows and of the rows they depend on. */
async function loadKnowledge(
  session: Session,
  batch: TargetBatch,
  {ownershipOf}: StepwiseOptions,
  entity: EntityPlan,
  rows: ReadonlyMap<RowKey, Row | null>,
): Promise<void> {
  const {plan, owned, deadLetters, dead} = batch;
  const keysOf = perEntity(plan, () => new Set<RowKey>());
  const collect = (one: EntityPlan, key: RowKey, row: Row | null): void => {
    keysOf[one.index]?.add(key);
    for (const edge of one.parents) {
      const parent = parentKeyOf(edge, key, row);
      if (parent !== null && parent !== undefined) collect(edge.parent, parent, null);
    }
  };
  for (const [key, row] of rows) collect(entity, key, row);
  owned.merge(
    await ownershipOf(session, want => {
      for (const one of plan.entities) for (const key of keysOf[one.index] ?? []) want(one, key);
    }),
  );
  const asked = perTable(plan, table => keysOf[entityOf(plan, table).index] ?? []);
  const known = await deadLetters.known(plan, asked, sql => session.query(sql));
  for (const {index} of plan.tables) for (const key of known[index] ?? []) dead[index]?.add(key);
}
