/**
 * Handles the rows that depend on deleted or entering rows: their companions and, along the edges, their children
 * at any depth. The log has passed the events of those rows, or never had them, because a foreign key's cascade is not logged.
 */
import type {Edge, EntityPlan} from '../mapping/entities.ts';
import {exactTargetColumns, orderedTargetColumns, targetOperands} from '../mapping/key-columns.ts';
import type {RowKey} from '../mapping/key.ts';
import type {PerTable, Plan} from '../mapping/plan.ts';
import type {TablePlan} from '../mapping/columns.ts';
import {quoteName} from '../mapping/quote.ts';
import {sourceKey} from '../mapping/row.ts';
import {tupleCondition, type Bound} from '../mapping/sql/ranges.ts';
import {toRow, type Row} from '../mapping/values.ts';
import type {SourceReader} from '../source/reader.ts';
import {LEFT} from './change-set.ts';
import type {StepwiseTransaction} from './stepwise-transaction.ts';
import {emptyWork, EntityDecider, type PerEntity} from './decide.ts';
import type {OrderedWrites} from './ordered-writes.ts';
import type {OwnershipView} from './ownership.ts';
import {inBatches} from './statements.ts';

const PARENTS_PER_READ = 2000;
const CHILDREN_PER_PAGE = 5000;
/** The maximum number of keys that are kept for a comparison with the target, or with the source. */
const MAX_SEEN = 100_000;

export interface DependantsContext {
  readonly plan: Plan;
  readonly reader: SourceReader;
  readonly transaction: StepwiseTransaction;
  readonly rows: OrderedWrites;
  readonly owned: OwnershipView;
  /** Reads the state of these rows and of the rows they depend on into {@link owned} and {@link dead}. */
  readonly loadKnowledge: (entity: EntityPlan, rows: ReadonlyMap<RowKey, Row | null>) => Promise<void>;
  /** The dead letters in this transaction. */
  readonly dead: () => PerTable<ReadonlySet<RowKey>>;
  readonly mayDelete: boolean;
  /** Rows of the batch that must be read from the source; those that were read are taken out. */
  readonly doubtful: PerEntity<Set<RowKey>>;
}

/** Receives a row whose children must be read, and whether it left the source for a while. */
export type Enters = (key: RowKey, hasLeft: boolean) => void;

/**
 * Deletes rows with their dependants. A row whose dependants stay also stays, as a dead letter: ON DELETE CASCADE
 * would delete them.
 */
export async function remove(
  context: DependantsContext,
  entity: EntityPlan,
  keys: readonly RowKey[],
): Promise<void> {
  if (keys.length === 0) return;
  const {transaction} = context;
  const {primary} = entity;
  for (const [key, detail] of await removeBelow(context, entity, primary, keys))
    if (!transaction.hasFailed(primary, key))
      transaction.refuse({table: primary, key, code: 'delete-blocked', detail});
  await transaction.delete(
    primary,
    keys.filter(key => !transaction.hasFailed(primary, key)),
  );
}

/**
 * Deletes rows to free their values for others, with their dependants. Their dead letters stay.
 *
 * @returns the rows that cannot be deleted, because a row that stays refers to them: everything must then be
 *   rolled back
 */
export async function evict(
  context: DependantsContext,
  entity: EntityPlan,
  table: TablePlan,
  keys: readonly RowKey[],
): Promise<RowKey[]> {
  const kept = await removeBelow(context, entity, table, keys);
  const deletable = keys.filter(key => !kept.has(key));
  return [...kept.keys(), ...(await context.transaction.evict(table, deletable))];
}

/**
 * Deletes what depends on some rows of a table: the children that refer to it and, below a primary row, all children
 * and the companions.
 *
 * @returns the rows that keep a dependant, each with the table of that dependant
 */
async function removeBelow(
  context: DependantsContext,
  entity: EntityPlan,
  table: TablePlan,
  keys: readonly RowKey[],
): Promise<Map<RowKey, string>> {
  const {transaction} = context;
  const kept = new Map<RowKey, string>();
  const isPrimary = table === entity.primary;
  for (const edge of entity.children)
    if (isPrimary || edge.parentTable === table)
      for (const key of await removeChildren(context, edge, keys)) kept.set(key, edge.child.name);
  for (const companion of isPrimary ? entity.companions : [])
    for (const key of await transaction.delete(companion, keys)) kept.set(key, companion.target);
  return kept;
}

/**
 * Deletes the owned rows that refer to these parents, page by page.
 *
 * @returns the parents that keep a child
 */
async function removeChildren(
  context: DependantsContext,
  edge: Edge,
  parents: readonly RowKey[],
): Promise<Set<RowKey>> {
  const {child} = edge;
  const kept = new Set<RowKey>();
  for (const slice of inBatches(parents, PARENTS_PER_READ)) {
    for await (const page of targetChildren(context, edge, slice)) {
      const keys = [...page.keys()];
      await context.loadKnowledge(child, new Map(keys.map(key => [key, null])));
      const stale = context.dead()[child.primary.index];
      await remove(
        context,
        child,
        keys.filter(key => context.owned.has(child, key)),
      );
      for (const [key, parent] of page) {
        if (!context.transaction.hasDeleted(child.primary, key)) kept.add(parent);
        else if (mayStay(edge, context, stale?.has(key) === true)) context.doubtful[child.index]?.add(key);
      }
    }
  }
  return kept;
}

/**
 * Whether the source may still have the child of a row that left: without the reference, which a foreign key may have
 * set to null; another row with the child's key; or a stale row, which may have another parent there. If a foreign
 * key does this to too many rows, the reconcile that it leads to writes the others. Keys that repeat, and stale rows,
 * have no limit, because no reconcile may follow; the transaction keeps the keys that it deleted anyway.
 */
function mayStay({child, inKey, isNullable}: Edge, {doubtful}: DependantsContext, isStale: boolean): boolean {
  if (inKey !== null) return false;
  return isStale || child.repeats || (isNullable && (doubtful[child.index]?.size ?? 0) < MAX_SEEN);
}

/**
 * Brings the children of entering rows to the source's current state.
 *
 * @param flags {@link LEFT} if the parents left the source for a while: then the children may have done so, too
 * @param enters receives the children whose own children must be read
 */
export async function follow(
  context: DependantsContext,
  edge: Edge,
  parents: readonly RowKey[],
  flags: number,
  enters: Enters,
): Promise<void> {
  const {child} = edge;
  for (const slice of inBatches(parents, PARENTS_PER_READ)) {
    const seen = new Set<RowKey>();
    let after: Bound | null = null;
    do {
      const {rows, last}: {rows: Row[]; last: Bound | null} = await context.reader.children(
        edge,
        slice,
        after,
        CHILDREN_PER_PAGE,
      );
      let wanted: Map<RowKey, Row | null> = firstByKey(child, rows);
      // Another source row with its key may have another parent.
      if (child.repeats && edge.inKey === null) wanted = await rowsOf(context, child, [...wanted.keys()]);
      await makeEqual(context, child, wanted, flags, enters);
      if (seen.size < MAX_SEEN) for (const key of wanted.keys()) seen.add(key);
      after = last;
    } while (after !== null);
    // The target's other children have left the source, or have another parent by now.
    for await (const page of targetChildren(context, edge, slice)) {
      const unknown = [...page.keys()].filter(key => !seen.has(key));
      if (unknown.length > 0)
        await makeEqual(context, child, await rowsOf(context, child, unknown), flags, enters);
    }
  }
}

/** Brings the rows of an entity that are still in doubt to the source's current state, page by page. */
export async function readDoubtful(
  context: DependantsContext,
  entity: EntityPlan,
  enters: Enters,
): Promise<void> {
  const doubtful = [...(context.doubtful[entity.index] ?? [])];
  for (const keys of inBatches(doubtful, CHILDREN_PER_PAGE))
    await makeEqual(context, entity, await rowsOf(context, entity, keys), LEFT, enters);
}

/** Reads rows by key; null stands for a row that the source does not have. */
async function rowsOf(
  {reader}: DependantsContext,
  entity: EntityPlan,
  keys: readonly RowKey[],
): Promise<Map<RowKey, Row | null>> {
  const rows = new Map<RowKey, Row | null>(keys.map(key => [key, null]));
  for (const [key, row] of firstByKey(entity, await reader.byKeys(entity, keys))) rows.set(key, row);
  return rows;
}

/** Of several rows with one key, the first counts. */
function firstByKey(entity: EntityPlan, rows: readonly Row[]): Map<RowKey, Row> {
  const first = new Map<RowKey, Row>();
  for (const row of rows) {
    const key = sourceKey(entity, row);
    if (key !== null && !first.has(key)) first.set(key, row);
  }
  return first;
}

async function makeEqual(
  context: DependantsContext,
  entity: EntityPlan,
  wanted: ReadonlyMap<RowKey, Row | null>,
  flags: number,
  enters: Enters,
): Promise<void> {
  if (wanted.size === 0) return;
  const {plan, transaction, rows, owned, mayDelete} = context;
  await context.loadKnowledge(entity, wanted);
  const work = emptyWork(plan);
  const knowledge = {owned, dead: context.dead(), follow: true, mayDelete};
  const decider = new EntityDecider(entity, work, knowledge, null);
  for (const [key, row] of wanted) {
    // A row in doubt may have left the source for a while, even if those above it only entered.
    const own = context.doubtful[entity.index]?.delete(key) === true ? LEFT : 0;
    decider.decide(key, row, flags | own);
  }
  await remove(context, entity, work.deletes[entity.index] ?? []);
  await rows.write(entity, work);
  for (const table of entity.tables)
    for (const key of work.settled[table.index] ?? []) rows.settle(table, key);
  for (const key of work.follow[entity.index] ?? []) {
    const hasLeft = work.left[entity.index]?.has(key) === true;
    if (hasLeft || !transaction.hasFailed(entity.primary, key)) enters(key, hasLeft);
  }
}

/** Reads the target rows that refer to these parents, page by page in key order, each with its parent. */
async function* targetChildren(
  {transaction}: DependantsContext,
  {parent, child, targetColumns}: Edge,
  parents: readonly RowKey[],
): AsyncGenerator<Map<RowKey, RowKey>> {
  const {primary, key} = child;
  const keyColumns = orderedTargetColumns(primary, primary.key);
  const references = targetOperands(primary, targetColumns, 't');
  const [keyPlaces, parentPlaces] = [
    keyColumns.map((_, i) => i),
    references.map((_, i) => keyColumns.length + i),
  ];
  const exact = exactTargetColumns(primary, [...primary.key, ...targetColumns]);
  const refers = parent.key.condition(parents, references);
  let after: Bound | null = null;
  for (;;) {
    const past: string =
      after === null
        ? ''
        : ` AND ${tupleCondition(keyColumns, '>', after, (i, value) => key.literal(i, value))}`;
    const rows = await transaction.query(
      `SELECT ${exact.join(', ')} FROM ${quoteName(primary.target)} t WHERE (${refers})${past} ORDER BY ${keyColumns.join(', ')} LIMIT ${CHILDREN_PER_PAGE}`,
    );
    const page = new Map<RowKey, RowKey>();
    let last: RowKey | null = null;
    for (const cells of rows) {
      const row = toRow(cells);
      last = key.of(row, keyPlaces);
      const own = parent.key.of(row, parentPlaces);
      if (last !== null && own !== null) page.set(last, own);
    }
    if (page.size > 0) yield page;
    if (last === null || rows.length < CHILDREN_PER_PAGE) return;
    after = key.split(last);
  }
}
