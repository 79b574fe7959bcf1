/**
 * Divides a change set that a cluster refuses because it accepts only smaller transactions: wsrep_max_ws_rows and
 * wsrep_max_ws_size of Galera, group_replication_transaction_size_limit of a group. Otherwise the stream would
 * never pass it. The parts become visible one after the other, and the position moves with the last one.
 */
import {stateOf} from '../db/faults.ts';
import {SyncError} from '../errors.ts';
import type {EntityPlan} from '../mapping/entities.ts';
import {perTable, type Plan} from '../mapping/plan.ts';
import type {ApplyOptions} from './applier.ts';
import {ChangeSet, hasLeftAbove, REREAD} from './change-set.ts';
import {WRITE_SET_TOO_LARGE} from './refusal.ts';
import type {Session} from './session.ts';
import type {Outcome} from './write-batch.ts';

/**
 * Galera refuses the number of rows with the first one at COMMIT. A group refuses the size with the second one at
 * COMMIT, and with the third one at any statement.
 */
const REFUSED_BY_CLUSTER = new Set([1180, 3100, WRITE_SET_TOO_LARGE]);
/** Galera refuses the size with this number, which elsewhere means any fault. */
const UNKNOWN_ERROR = 1105;

/**
 * Whether the cluster may have refused the transaction, whatever its rows: to write the same rows one by one would change nothing. A
 * single row is not divided; a trigger may have signalled the number.
 */
export function isByCluster(error: unknown, {size}: ChangeSet): boolean {
  return (
    size > 1 && error instanceof SyncError && error.errno !== undefined && REFUSED_BY_CLUSTER.has(error.errno)
  );
}

/**
 * The number of rows that the cluster accepts, as far as its refusals show: without it, each batch would be refused
 * several times. It grows again, because a refusal may have had another cause.
 */
export class PartSize {
  #rows = Infinity;

  exceeds({size}: ChangeSet): boolean {
    return size > this.#rows;
  }

  refused({size}: ChangeSet): void {
    this.#rows = Math.ceil(size / 2);
  }

  accepted({size}: ChangeSet): void {
    if (2 * size >= this.#rows) this.#rows = Math.ceil(this.#rows * 1.1);
  }
}

/**
 * Whether a smaller change set may be accepted. A node that has lost its cluster says the same at first; it refuses
 * the next statement with another number, so that the division ends.
 *
 * @param session a usable one, without an open transaction
 */
export async function mayBeTooLarge(session: Session, error: unknown, changes: ChangeSet): Promise<boolean> {
  if (
    changes.size < 2 ||
    !(error instanceof SyncError) ||
    error.errno === undefined ||
    stateOf(error.cause) === ''
  )
    return false;
  if (isByCluster(error, changes)) return true;
  if (error.errno !== UNKNOWN_ERROR) return false;
  const [row] = await session.query("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'");
  return row?.[1] === 'ON';
}

/**
 * Applies the first half of the rows, and then the second one. Parents come before their children, as in the plan.
 *
 * A cascade may have changed a row of the second half together with a row that left in the first one, and the parts
 * do not show this: such rows are read from the source. So are rows that were deleted, because a cascade may have
 * given their keys to others.
 *
 * @param apply writes one change set, all or nothing
 * @throws whatever `apply` throws; the first half may have been written then, and the position has not moved
 */
export async function applyHalves(
  plan: Plan,
  changes: ChangeSet,
  whole: ApplyOptions,
  apply: (part: ChangeSet, options: ApplyOptions) => Promise<Outcome>,
): Promise<Outcome> {
  const {next: _, ...options} = whole;
  const [first, second] = [new ChangeSet(plan), new ChangeSet(plan)];
  const outdated = plan.entities.map(entity => whole.follow && hasLeftAbove(entity, changes));
  const mayBeOutdated = ({index}: EntityPlan) => outdated[index] === true;
  let left = Math.ceil(changes.size / 2);
  for (const entity of plan.entities)
    changes.of(entity).forEach((row, key, flags) => {
      if (left-- > 0) first.of(entity).set(key, row, flags);
      else second.of(entity).set(key, row, mayBeOutdated(entity) ? flags | REREAD : flags);
    });
  const one = await apply(first, {...options, progress: null});
  const other = await apply(second, options);
  const sum = (of: 'upserted' | 'deleted' | 'deadLetters') =>
    perTable(plan, ({index}) => (one[of][index] ?? 0) + (other[of][index] ?? 0));
  return {
    upserted: sum('upserted'),
    deleted: sum('deleted'),
    deadLetters: sum('deadLetters'),
    wrote: (table, key) => one.wrote(table, key) || other.wrote(table, key),
    evicted: perTable(plan, ({index}) => [...(one.evicted[index] ?? []), ...(other.evicted[index] ?? [])]),
  };
}
