/**
 * Folds row changes into the last state of each row, so that a batch writes each key once, whatever
 * happened to it, and remembers what cannot be seen from the last state alone.
 */
import type {ChangeSet, ParentChange} from '../../src/apply/change-set.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import {keyOf} from '../../src/mapping/row.ts';
import type {SourceRow} from '../../src/mapping/packed.ts';
import type {RowChange} from '../events.ts';

interface Parent {
  row: SourceRow | null;
  left: boolean;
  fresh: boolean;
  reread: boolean;
}

export class Compactor {
  readonly #plan: Plan;
  readonly #institutes = new Map<string, Parent>();
  readonly #users = new Map<string, Parent>();
  readonly #memberships = new Map<string, SourceRow | null>();
  readonly #pairsToRead = new Set<string>();
  readonly #trustsChecks: boolean;
  #sawUnchecked = false;

  /** @param trustsChecks whether no membership is known that was written without its parent being looked for */
  constructor(plan: Plan, trustsChecks = true) {
    this.#plan = plan;
    this.#trustsChecks = trustsChecks;
  }

  /** A session without foreign_key_checks wrote some of it: a new parent may have older children. */
  get sawUnchecked(): boolean {
    return this.#sawUnchecked;
  }

  add(change: RowChange): void {
    switch (change.table) {
      case 'institutes':
        return this.#addParent(this.#institutes, change);
      case 'users':
        return this.#addParent(this.#users, change);
      case 'institute_user':
        return this.#addMembership(change);
    }
  }

  changes(): ChangeSet {
    return {
      institutes: this.#institutes as ReadonlyMap<string, ParentChange>,
      users: this.#users as ReadonlyMap<string, ParentChange>,
      memberships: this.#memberships,
      pairsToRead: this.#pairsToRead,
    };
  }

  #addParent(parents: Map<string, Parent>, {before, after, partial, unchecked}: RowChange): void {
    // The children of a parent that is deleted without the checks stay, and wait for one with its key.
    if (unchecked) this.#sawUnchecked = true;
    const oldKey = before === null ? null : keyOf(before, [0]);
    const newKey = after === null ? null : keyOf(after, [0]);
    if (oldKey !== null && oldKey !== newKey) {
      parents.set(oldKey, {row: null, left: true, fresh: false, reread: false});
    }
    if (newKey === null) return;
    const known = parents.get(newKey);
    if (known !== undefined) {
      known.row = after;
      known.reread = partial;
      known.left ||= oldKey !== null && oldKey !== newKey;
      return;
    }
    const moved = oldKey !== null && oldKey !== newKey;
    parents.set(newKey, {
      row: after,
      left: moved,
      fresh: before === null && this.#trustsChecks && !this.#sawUnchecked,
      reread: partial,
    });
  }

  #addMembership({before, after, partial, unchecked}: RowChange): void {
    if (unchecked) this.#sawUnchecked = true;
    const indexes = this.#plan.tables.institute_users.sourceKeyIndexes;
    const oldKey = before === null ? null : keyOf(before, indexes);
    const newKey = after === null ? null : keyOf(after, indexes);
    // Where pairs repeat, one row of a pair does not tell which counts.
    const mustRead = (isPartial: boolean) => isPartial || this.#plan.pairsRepeat;
    if (oldKey !== null && oldKey !== newKey) this.#setMembership(oldKey, null, mustRead(false));
    if (newKey !== null) this.#setMembership(newKey, after, mustRead(partial));
  }

  #setMembership(key: string, row: SourceRow | null, read: boolean): void {
    this.#memberships.set(key, row);
    if (read) this.#pairsToRead.add(key);
    else this.#pairsToRead.delete(key);
  }
}
