/**
 * Writes rows with unique conflicts: with each other, with other rows, or only until other rows have been
 * written. A row that cannot be written waits as a dead letter, with the key of the row that blocks it.
 */
import type {TablePlan} from '../mapping/columns.ts';
import type {EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import type {NewDeadLetter} from './dead-letters.ts';
import type {KeyedRow} from './decide.ts';
import {park} from './parking.ts';
import type {Session} from './session.ts';
import {orderWrites, type WriteOrder} from './write-order.ts';
import {UniqueValues} from './unique-values.ts';
import {readUniqueKeys, type UniqueKey} from './unique-keys.ts';

/** A row that the server refused. */
export interface Refusal {
  readonly letter: NewDeadLetter;
  readonly isConflict: boolean;
}

/** The stale rows of a table, which may be deleted to free values for others. */
export interface StaleRows {
  /** @returns which of these rows are stale */
  among(table: TablePlan, keys: readonly RowKey[]): Promise<ReadonlySet<RowKey>>;
  /** @returns the rows that must stay */
  evict(table: TablePlan, keys: readonly RowKey[]): Promise<readonly RowKey[]>;
}

/** The parts of the writing transaction that concern one table. */
export interface ConflictTransaction {
  readonly session: Session;
  readonly entity: EntityPlan;
  readonly plan: TablePlan;
  readonly newestWins: boolean;
  /** Writes rows in this order, over newer ones too. */
  write(rows: readonly KeyedRow[]): Promise<Refusal[]>;
  /** Records a row that is already correct in the target. */
  keep(key: string): void;
  refuse(letter: NewDeadLetter): void;
  /** Sets a savepoint: what follows can be rolled back, until the next savepoint. */
  mark(): Promise<void>;
  undo(): Promise<void>;
  isOwned(key: string): boolean;
  /** Returns which of these rows are stale: they may be deleted if a row that can be written needs their values. */
  staleAmong(keys: readonly string[]): Promise<ReadonlySet<string>>;
  /** Deletes rows and their dependants; returns those that must stay. */
  evict(keys: readonly string[]): Promise<readonly string[]>;
}

/** How often a conflict that only the server reported may change the order; past that, a row with a conflict waits. */
const MAX_NEW_ORDERS = 5;

/** Writes all rows, or refuses them. Runs inside the transaction; the rows that were read are locked. */
export async function writeConflicting(
  transaction: ConflictTransaction,
  rows: readonly KeyedRow[],
): Promise<void> {
  const {entity, plan, session, newestWins} = transaction;
  const keys = await readUniqueKeys(plan, session.query);
  const values = new UniqueValues({entity, plan, keys, newestWins}, session.query, session.maxStatementBytes);
  await values.read(rows);
  const resolution = new ConflictResolution(transaction, rows, keys, values);
  for (let attempts = 0; !(await resolution.attempt(attempts < MAX_NEW_ORDERS)); attempts++)
    await transaction.undo();
}

class ConflictResolution {
  readonly #transaction: ConflictTransaction;
  readonly #rows: ReadonlyMap<string, KeyedRow>;
  readonly #keys: readonly UniqueKey[];
  readonly #values: UniqueValues;
  readonly #refused = new Map<string, NewDeadLetter>();
  /** Rows that turned out to stay where they are. */
  readonly #firm = new Set<string>();
  /** The rows that hold values and are not being written, and whether each is stale. */
  readonly #holders = new Map<string, boolean>();

  constructor(
    transaction: ConflictTransaction,
    rows: readonly KeyedRow[],
    keys: readonly UniqueKey[],
    values: UniqueValues,
  ) {
    this.#transaction = transaction;
    this.#rows = new Map(rows.map(row => [row.key, row]));
    this.#keys = keys;
    this.#values = values;
  }

  /**
   * @param mayLearn whether an unforeseen conflict may change the order
   * @returns whether it succeeded; otherwise roll back and try again, with a different result
   */
  async attempt(mayLearn: boolean): Promise<boolean> {
    const {contention} = this.#values;
    await this.#readHolders(contention.holders.flatMap(holders => [...holders.values()]));
    const order = orderWrites(contention, {
      isFirm: key => this.#isFirm(key),
      refused: new Set(this.#refused.keys()),
    });
    await this.#transaction.mark();
    if (!(await this.#freeValues(order)) || !(await this.#write(order.writable, mayLearn))) return false;
    for (const letter of this.#refused.values()) this.#transaction.refuse(letter);
    for (const [key, other] of order.conflicts) this.#transaction.refuse(this.#conflict(key, other));
    for (const {key, kept} of contention.contenders) if (kept) this.#transaction.keep(key);
    return true;
  }

  /** @returns whether all values are free; otherwise the next order must do without some rows */
  async #freeValues({evicted, parked}: WriteOrder): Promise<boolean> {
    const {session, entity, plan} = this.#transaction;
    const staying = evicted.length === 0 ? [] : await this.#transaction.evict(evicted);
    for (const key of staying) this.#firm.add(key);
    if (staying.length > 0) return false;
    let done = true;
    for (const [i, uniqueKey] of this.#keys.entries()) {
      const rings = new Map(parked.filter(one => one.uniqueKey === i).map(one => [one.key, one.ring]));
      if (rings.size === 0) continue;
      for (const key of await park(session, {entity, plan}, uniqueKey, [...rings.keys()])) {
        const ring = rings.get(key) ?? [];
        // The other rows must not be refused because of this one: no row of the ring moves.
        for (const one of ring) this.#firm.add(one);
        this.#refused.set(key, this.#conflict(key, ring[1] ?? null));
        done = false;
      }
    }
    return done;
  }

  async #write(order: readonly string[], mayLearn: boolean): Promise<boolean> {
    const refusals = await this.#transaction.write(order.flatMap(key => this.#rows.get(key) ?? []));
    if (refusals.length === 0) return true;
    const others = refusals.filter(({isConflict}) => !isConflict);
    for (const {letter} of others) this.#refused.set(letter.key, letter);
    // Rows that expected a refused row to free its value had conflicts for that reason alone.
    if (others.length === 0) await this.#learn(new Set(refusals.map(({letter}) => letter.key)), mayLearn);
    return false;
  }

  /** Handles rows that had conflicts although the order foresaw none. */
  async #learn(conflicting: ReadonlySet<string>, mayLearn: boolean): Promise<void> {
    const found = await this.#values.learn([...conflicting].flatMap(key => this.#rows.get(key) ?? []));
    if (mayLearn && [...found.values()].some(({isNew}) => isNew)) return;
    // Rows in conflict with one of these may have it for that reason alone.
    const first = [...conflicting].filter(key => !conflicting.has(found.get(key)?.holder ?? ''));
    for (const key of first.length > 0 ? first : conflicting)
      this.#refused.set(key, this.#conflict(key, found.get(key)?.holder ?? null));
  }

  async #readHolders(holders: readonly string[]): Promise<void> {
    const unknown = [...new Set(holders)].filter(key => !this.#holders.has(key));
    if (unknown.length === 0) return;
    const stale = await this.#transaction.staleAmong(unknown);
    for (const key of unknown) this.#holders.set(key, stale.has(key));
  }

  /** Whether a row stays where it is if it is not written, and is not deleted for others. */
  #isFirm(key: string): boolean {
    if (this.#firm.has(key)) return true;
    return !(this.#holders.get(key) ?? this.#transaction.isOwned(key));
  }

  #conflict(key: string, detail: string | null): NewDeadLetter {
    return {table: this.#transaction.plan, key, code: 'unique-conflict', detail};
  }
}
