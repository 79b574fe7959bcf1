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
import {settle, type Settlement} from './settle.ts';
import {Stakes} from './stakes.ts';
import {readUniqueKeys, type UniqueKey} from './unique-keys.ts';

/** A row that the server refused. */
export interface Refusal {
  readonly letter: NewDeadLetter;
  readonly isConflict: boolean;
}

/** How stale rows are deleted to free values for others. */
export interface WayGiving {
  stale(table: TablePlan, keys: readonly RowKey[]): Promise<ReadonlySet<RowKey>>;
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
  /** Returns owned rows with a dead letter, which may be deleted if a row that can be written needs their values. */
  givingWay(keys: readonly string[]): Promise<ReadonlySet<string>>;
  /** Deletes rows and their dependants; returns those that must stay. */
  evict(keys: readonly string[]): Promise<readonly string[]>;
}

/** How often a conflict that only the server reported may change the plan; past that, a row with a conflict waits. */
const LESSONS = 5;

/** Writes all rows, or refuses them. Runs inside the transaction; the rows that were read are locked. */
export async function writeConflicting(
  transaction: ConflictTransaction,
  rows: readonly KeyedRow[],
): Promise<void> {
  const {entity, plan, session, newestWins} = transaction;
  const keys = await readUniqueKeys(plan, session.query);
  const stakes = new Stakes({entity, plan, keys, newestWins}, session.query, session.maxStatementBytes);
  await stakes.read(rows);
  const resolution = new ConflictResolution(transaction, rows, keys, stakes);
  for (let lessons = 0; !(await resolution.attempt(lessons < LESSONS)); lessons++) await transaction.undo();
}

class ConflictResolution {
  readonly #transaction: ConflictTransaction;
  readonly #rows: ReadonlyMap<string, KeyedRow>;
  readonly #keys: readonly UniqueKey[];
  readonly #stakes: Stakes;
  readonly #refused = new Map<string, NewDeadLetter>();
  /** Rows that cannot be deleted, whatever the plan says. */
  readonly #firm = new Set<string>();
  /** Whether rows other than those being written may be deleted to free their values. */
  readonly #others = new Map<string, boolean>();

  constructor(
    transaction: ConflictTransaction,
    rows: readonly KeyedRow[],
    keys: readonly UniqueKey[],
    stakes: Stakes,
  ) {
    this.#transaction = transaction;
    this.#rows = new Map(rows.map(row => [row.key, row]));
    this.#keys = keys;
    this.#stakes = stakes;
  }

  /**
   * @param mayLearn whether an unforeseen conflict may change the plan
   * @returns whether it succeeded; otherwise roll back and try again, with a different result
   */
  async attempt(mayLearn: boolean): Promise<boolean> {
    const {standing} = this.#stakes;
    await this.#lookAt(standing.holders.flatMap(holders => [...holders.values()]));
    const settlement = settle(standing, {
      isFirm: key => this.#isFirm(key),
      refused: new Set(this.#refused.keys()),
    });
    await this.#transaction.mark();
    if (!(await this.#makeWay(settlement)) || !(await this.#write(settlement.writable, mayLearn)))
      return false;
    for (const letter of this.#refused.values()) this.#transaction.refuse(letter);
    for (const [key, other] of settlement.conflicts) this.#transaction.refuse(this.#conflict(key, other));
    for (const {key, kept} of standing.stakes) if (kept) this.#transaction.keep(key);
    return true;
  }

  async #makeWay({evicted, parked}: Settlement): Promise<boolean> {
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

  /** Handles rows that had conflicts although the plan foresaw none. */
  async #learn(conflicting: ReadonlySet<string>, mayLearn: boolean): Promise<void> {
    const found = await this.#stakes.learn([...conflicting].flatMap(key => this.#rows.get(key) ?? []));
    if (mayLearn && [...found.values()].some(({isNew}) => isNew)) return;
    // Rows in conflict with one of these may have it for that reason alone.
    const first = [...conflicting].filter(key => !conflicting.has(found.get(key)?.holder ?? ''));
    for (const key of first.length > 0 ? first : conflicting)
      this.#refused.set(key, this.#conflict(key, found.get(key)?.holder ?? null));
  }

  async #lookAt(holders: readonly string[]): Promise<void> {
    const unknown = [...new Set(holders)].filter(key => !this.#others.has(key));
    if (unknown.length === 0) return;
    const giving = await this.#transaction.givingWay(unknown);
    for (const key of unknown) this.#others.set(key, giving.has(key));
  }

  /** Records a row that is not written. */
  #isFirm(key: string): boolean {
    if (this.#firm.has(key)) return true;
    return !(this.#others.get(key) ?? this.#transaction.isOwned(key));
  }

  #conflict(key: string, detail: string | null): NewDeadLetter {
    return {table: this.#transaction.plan, key, code: 'unique-conflict', detail};
  }
}
