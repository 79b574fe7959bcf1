/**
 * What is to become of the target, by key: the last state of each source row that changed, with what is
 * needed to find what changed unlogged. The stream compacts transactions into one, the reconciler builds
 * one from differences; the applier knows no other way to write.
 */
import type {TargetTable} from '../mapping/tables.ts';
import type {SourceRow} from '../mapping/packed.ts';

/** A user or an institute that changed. */
export interface ParentChange {
  /** Its last image; null where it is gone. */
  readonly row: SourceRow | null;
  /** It was gone, or had another key, at some time: what hung on it may have gone with it, unlogged. */
  readonly left: boolean;
  /** It began with an INSERT that older children cannot precede. */
  readonly fresh: boolean;
  /** Its image is not whole: read it from the source. */
  readonly reread: boolean;
}

export interface ChangeSet {
  readonly institutes: ReadonlyMap<string, ParentChange>;
  readonly users: ReadonlyMap<string, ParentChange>;
  /** The row that counts for each pair (`institute:user`); null where there is none. */
  readonly memberships: ReadonlyMap<string, SourceRow | null>;
  /** Pairs for which the log does not tell which row counts: read them from the source. */
  readonly pairsToRead: ReadonlySet<string>;
}

export const EMPTY_CHANGE_SET: ChangeSet = {
  institutes: new Map(),
  users: new Map(),
  memberships: new Map(),
  pairsToRead: new Set(),
};

export function isEmpty(changes: ChangeSet): boolean {
  return (
    changes.institutes.size + changes.users.size + changes.memberships.size + changes.pairsToRead.size === 0
  );
}

/** A change that says no more than: this is how the row is now. */
export function asFound(row: SourceRow | null): ParentChange {
  return {row, left: false, fresh: false, reread: false};
}

/** A change that says no more than: look at the source. */
export const REREAD: ParentChange = {row: null, left: false, fresh: false, reread: true};

export type PerTable<T> = Record<TargetTable, T>;
export function perTable<T>(make: (table: TargetTable) => T): PerTable<T> {
  return {
    institute: make('institute'),
    user: make('user'),
    institute_users: make('institute_users'),
    user_auth: make('user_auth'),
  };
}
