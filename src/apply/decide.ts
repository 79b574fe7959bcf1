/**
 * Decides what a change set means for the target: which rows are written, deleted, or wait. Pure.
 *
 * | the row itself | its parents | what happens |
 * |---|---|---|
 * | can be written | all present | it is written with its companions; if it enters, its children are followed |
 * | eligible, cannot be written | all present | it becomes a dead letter; what the target has of it stays |
 * | eligible | one waits, none missing | it waits with that parent, and is not a dead letter itself |
 * | not eligible, deleted, or a parent missing | any | it is deleted if it is owned |
 * | any | one left within the change set | the row may be outdated: it is read from the source at its turn |
 */
import {parentKeyOf, type Edge, type EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import type {SourceRow} from '../mapping/packed.ts';
import {perTable, type PerTable, type Plan} from '../mapping/plan.ts';
import type {TablePlan} from '../mapping/columns.ts';
import {judge} from '../mapping/row.ts';
import {FRESH, hasLeftAbove, INSERTED, LEFT, type ChangeSet} from './change-set.ts';
import type {NewDeadLetter} from './dead-letters.ts';
import type {OwnershipView} from './ownership.ts';

/** A row to be written, as the source has it. */
export interface KeyedRow {
  readonly key: RowKey;
  readonly source: SourceRow;
}

/** A row that fails a check; whether it becomes a dead letter depends on the rows above it, as for a row to be written. */
export interface InvalidRow extends KeyedRow, NewDeadLetter {}

/** One value for each entity, by the entity's index. */
export type PerEntity<T> = readonly T[];
export function perEntity<T>({entities}: Pick<Plan, 'entities'>, make: (entity: EntityPlan) => T): T[] {
  return entities.map(make);
}

/** The work of one transaction, before the server accepts or refuses it. */
export interface Work {
  readonly upserts: PerTable<KeyedRow[]>;
  /** Rows to delete, with their companions and their children. */
  readonly deletes: PerEntity<RowKey[]>;
  readonly deadLetters: InvalidRow[];
  /** Keys that are correct or deleted, so that their dead letters are removed. */
  readonly settled: PerTable<RowKey[]>;
  /** Rows that are read from the source when their turn comes, because a cascade may have changed them since. */
  readonly doubtful: PerEntity<RowKey[]>;
  /** Rows whose children are to be read from the source. */
  readonly follow: PerEntity<RowKey[]>;
  /** Those of them that left the source for a while: a cascade may have deleted rows at any depth below them. */
  readonly left: PerEntity<Set<RowKey>>;
}

export function emptyWork(plan: Plan): Work {
  return {
    upserts: perTable(plan, () => []),
    deletes: perEntity(plan, () => []),
    deadLetters: [],
    settled: perTable(plan, () => []),
    doubtful: perEntity(plan, () => []),
    follow: perEntity(plan, () => []),
    left: perEntity(plan, () => new Set()),
  };
}

export interface Knowledge {
  readonly owned: OwnershipView;
  /** Dead letters before this transaction. */
  readonly dead: PerTable<ReadonlySet<RowKey>>;
  /** Read the children of rows that enter; false if the change set holds them. */
  readonly follow: boolean;
  /** `keep`: nothing is deleted. */
  readonly mayDelete: boolean;
}

export function decide(plan: Plan, changes: ChangeSet, knowledge: Knowledge): Work {
  const work = emptyWork(plan);
  for (const entity of plan.entities) {
    const own = changes.of(entity);
    if (own.size === 0) continue;
    const decider = new EntityDecider(entity, work, knowledge, changes);
    own.forEach((row, key, flags) => decider.decide(key, row, flags));
  }
  return work;
}

type ParentState = 'there' | 'waiting' | 'absent' | 'in doubt';

/** Decides the rows of one entity, after those of its parents. */
export class EntityDecider {
  readonly #entity: EntityPlan;
  readonly #work: Work;
  readonly #knowledge: Knowledge;
  readonly #parents: readonly ParentStates[];
  /** Whether a row of the entity may have left the source with a row above it, which the log does not show. */
  readonly #mayHaveLeft: boolean;

  /** @param changes of which the rows are; null for rows that are read from the source */
  constructor(entity: EntityPlan, work: Work, knowledge: Knowledge, changes: ChangeSet | null) {
    this.#entity = entity;
    this.#work = work;
    this.#knowledge = knowledge;
    this.#mayHaveLeft = changes !== null && hasLeftAbove(entity, changes);
    this.#parents = entity.parents.map(edge => new ParentStates(edge, work, knowledge, changes));
  }

  decide(key: RowKey, row: SourceRow | null, flags: number): void {
    const {primary} = this.#entity;
    const {owned} = this.#knowledge;
    const verdict = row === null ? 'ineligible' : judge(this.#entity, primary, row);
    let parents: ParentState = 'there';
    for (const states of this.#parents) {
      const state = states.of(key, row);
      if (state === 'in doubt') {
        this.#work.doubtful[this.#entity.index]?.push(key);
        return;
      }
      if (state === 'absent' || parents === 'there') parents = state;
    }
    if (row !== null && verdict !== 'ineligible' && parents !== 'absent') {
      if (parents === 'there' && verdict === 'row') {
        this.#write(key, row, flags);
        return;
      }
      this.#followStale(key, flags);
      if (parents === 'waiting') this.#settle(key);
      else if (verdict !== 'row') {
        this.#work.deadLetters.push({table: primary, key, source: row, code: verdict, detail: null});
        // The companions wait with their primary, and are not dead letters themselves.
        for (const companion of this.#entity.companions) this.#settleIn(companion, key);
      }
      return;
    }
    this.#followWaiting(key);
    if (this.#knowledge.mayDelete && owned.has(this.#entity, key))
      this.#work.deletes[this.#entity.index]?.push(key);
    // The row is not owned, or is kept as it is: it does not wait to be written any more.
    else this.#settle(key);
  }

  /**
   * Children that wait with a dead letter may be in the target as they were, below other parents. If the row leaves,
   * only the source shows which they are.
   */
  #followWaiting(key: RowKey): void {
    const {index, primary, children} = this.#entity;
    const {follow, mayDelete} = this.#knowledge;
    if (!follow || !mayDelete) return;
    const mayWait = children.some(
      ({inKey, parentTable}) =>
        inKey === null && (this.#isDead(primary, key) || this.#isDead(parentTable, key)),
    );
    if (mayWait) this.#work.follow[index]?.push(key);
  }

  #write(key: RowKey, row: SourceRow, flags: number): void {
    const {index, primary, companions, children} = this.#entity;
    const {follow} = this.#knowledge;
    const written = {key, source: row};
    this.#work.upserts[primary.index]?.push(written);
    for (const companion of companions) this.#writeCompanion(companion, written);
    if (!follow || children.length === 0) return;
    const hasLeft = this.#hasLeft(key, flags);
    const mayHaveChildren = (flags & FRESH) === 0 || children.some(edge => !edge.isEnforced);
    if (hasLeft) this.#work.left[index]?.add(key);
    if (hasLeft || (mayHaveChildren && this.#enters(key))) this.#work.follow[index]?.push(key);
  }

  /**
   * A row that waits is in the target as it was, with its children. If it left the source for a while, they may have
   * left with it, and do not wait.
   */
  #followStale(key: RowKey, flags: number): void {
    const {index, children} = this.#entity;
    const {owned, follow, mayDelete} = this.#knowledge;
    if (!follow || !mayDelete || children.length === 0) return;
    if (!owned.has(this.#entity, key) || !this.#hasLeft(key, flags)) return;
    this.#work.left[index]?.add(key);
    this.#work.follow[index]?.push(key);
  }

  /** Whether a row left the source for a while, as far as its changes and those above it show. */
  #hasLeft(key: RowKey, flags: number): boolean {
    const isBack = this.#mayHaveLeft || this.#knowledge.owned.has(this.#entity, key);
    return (flags & LEFT) !== 0 || ((flags & INSERTED) !== 0 && isBack);
  }

  /** Children wait while the table that they refer to lacks the row, which may be a companion. */
  #enters(key: RowKey): boolean {
    const {primary, children} = this.#entity;
    return (
      !this.#knowledge.owned.has(this.#entity, key) ||
      this.#isDead(primary, key) ||
      children.some(({parentTable}) => this.#isDead(parentTable, key))
    );
  }

  #isDead({index}: TablePlan, key: RowKey): boolean {
    return this.#knowledge.dead[index]?.has(key) === true;
  }

  #writeCompanion(companion: TablePlan, row: KeyedRow): void {
    const verdict = judge(this.#entity, companion, row.source);
    if (verdict === 'row') this.#work.upserts[companion.index]?.push(row);
    else if (verdict === 'ineligible') this.#settleIn(companion, row.key);
    else this.#work.deadLetters.push({...row, table: companion, code: verdict, detail: null});
  }

  #settle(key: RowKey): void {
    for (const table of this.#entity.tables) this.#settleIn(table, key);
  }

  #settleIn(table: TablePlan, key: RowKey): void {
    if (this.#isDead(table, key)) this.#work.settled[table.index]?.push(key);
  }
}

/** Returns the state of the parents at the other end of one edge after this transaction. */
class ParentStates {
  readonly #edge: Edge;
  readonly #knowledge: Knowledge;
  readonly #written: ReadonlySet<RowKey>;
  readonly #deleted: ReadonlySet<RowKey>;
  readonly #failing: ReadonlySet<RowKey>;
  readonly #followed: ReadonlySet<RowKey>;
  readonly #changes: ChangeSet | null;
  #mayBeNull: boolean | null = null;

  constructor(edge: Edge, work: Work, knowledge: Knowledge, changes: ChangeSet | null) {
    const {parent, parentTable} = edge;
    this.#edge = edge;
    this.#knowledge = knowledge;
    this.#changes = changes;
    this.#written = new Set(work.upserts[parentTable.index]?.map(({key}) => key));
    this.#deleted = new Set(work.deletes[parent.index]);
    this.#failing = new Set(
      work.deadLetters
        .filter(({table}) => table === parentTable || table === parent.primary)
        .map(({key}) => key),
    );
    this.#followed = new Set(work.follow[parent.index]);
  }

  of(key: RowKey, row: SourceRow | null): ParentState {
    const parentKey = parentKeyOf(this.#edge, key, row);
    // The reference is null, or the row is deleted and its key does not name the parent.
    if (parentKey === null || parentKey === undefined) return 'there';
    if (this.#followed.has(parentKey)) return 'in doubt';
    if (this.#failing.has(parentKey)) return 'waiting';
    if (this.#written.has(parentKey)) return 'there';
    if (this.#deleted.has(parentKey)) return this.#absent();
    const {parent, parentTable} = this.#edge;
    const {dead, owned} = this.#knowledge;
    if (
      dead[parentTable.index]?.has(parentKey) === true ||
      dead[parent.primary.index]?.has(parentKey) === true
    )
      return 'waiting';
    return owned.has(parent, parentKey) ? 'there' : this.#absent();
  }

  /** A foreign key may have set the reference to null since, which is not in the log. */
  #absent(): ParentState {
    const {inKey, isNullable, parent} = this.#edge;
    if (inKey !== null || !isNullable || !this.#knowledge.follow) return 'absent';
    this.#mayBeNull ??=
      this.#changes !== null && (this.#changes.of(parent).hasLeft || hasLeftAbove(parent, this.#changes));
    return this.#mayBeNull ? 'in doubt' : 'absent';
  }
}
