/**
 * Writes rows of which unique values clash: with each other's, with those of other rows, or only until others
 * of them have been written. What cannot be written waits, with the key of the row in its way.
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
  readonly isClash: boolean;
}

/** How stale rows leave for others. */
export interface WayGiving {
  stale(table: TablePlan, keys: readonly RowKey[]): Promise<ReadonlySet<RowKey>>;
  /** @returns those that must stay */
  evict(table: TablePlan, keys: readonly RowKey[]): Promise<readonly RowKey[]>;
}

/** The transaction that writes, as far as one table is concerned. */
export interface ClashTransaction {
  readonly session: Session;
  readonly entity: EntityPlan;
  readonly plan: TablePlan;
  readonly newestWins: boolean;
  /** Writes rows in this order, over newer ones too. */
  write(rows: readonly KeyedRow[]): Promise<Refusal[]>;
  /** A row that is in order as the target has it. */
  keep(key: string): void;
  refuse(letter: NewDeadLetter): void;
  /** What comes after it can be undone, until the next one. */
  mark(): Promise<void>;
  undo(): Promise<void>;
  isOwned(key: string): boolean;
  /** Rows of ours that wait with a dead letter, and may be removed where one that can be written needs their place. */
  givingWay(keys: readonly string[]): Promise<ReadonlySet<string>>;
  /** Removes rows and what hangs on them; gives those that must stay. */
  evict(keys: readonly string[]): Promise<readonly string[]>;
}

/** How often what only the server's refusal told may change the plan; past it, a row that clashes waits. */
const LESSONS = 5;

/** Writes them all, or refuses. Runs inside the transaction; the rows looked at are locked. */
export async function writeClashing(transaction: ClashTransaction, rows: readonly KeyedRow[]): Promise<void> {
  const {entity, plan, session, newestWins} = transaction;
  const query = (sql: string) => session.query(sql);
  const keys = await readUniqueKeys(plan, query);
  const stakes = new Stakes({entity, plan, keys, newestWins}, query, session.maxStatementBytes);
  await stakes.read(rows);
  const clash = new Clash(transaction, rows, keys, stakes);
  for (let lessons = 0; !(await clash.attempt(lessons < LESSONS)); lessons++) await transaction.undo();
}

class Clash {
  readonly #transaction: ClashTransaction;
  readonly #rows: ReadonlyMap<string, KeyedRow>;
  readonly #keys: readonly UniqueKey[];
  readonly #stakes: Stakes;
  readonly #refused = new Map<string, NewDeadLetter>();
  /** Rows that turned out to stay whatever is wanted of them. */
  readonly #firm = new Set<string>();
  /** Of the rows beside those that are written: whether they give way. */
  readonly #others = new Map<string, boolean>();

  constructor(
    transaction: ClashTransaction,
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
   * @param mayLearn whether a clash that was not foreseen may change the plan
   * @returns whether it is done; otherwise it is to be undone, and will come out otherwise the next time
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
        // Its neighbours must not be thrown out for it: none of the ring moves.
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
    const others = refusals.filter(({isClash}) => !isClash);
    for (const {letter} of others) this.#refused.set(letter.key, letter);
    // Rows that counted on a refused one to give up its value clashed for that reason alone.
    if (others.length === 0) await this.#learn(new Set(refusals.map(({letter}) => letter.key)), mayLearn);
    return false;
  }

  /** Of rows that clashed though the plan said that they would not. */
  async #learn(clashing: ReadonlySet<string>, mayLearn: boolean): Promise<void> {
    const found = await this.#stakes.learn([...clashing].flatMap(key => this.#rows.get(key) ?? []));
    if (mayLearn && [...found.values()].some(({isNew}) => isNew)) return;
    // Those that clash with one of these may do so for that reason alone.
    const first = [...clashing].filter(key => !clashing.has(found.get(key)?.holder ?? ''));
    for (const key of first.length > 0 ? first : clashing)
      this.#refused.set(key, this.#conflict(key, found.get(key)?.holder ?? null));
  }

  async #lookAt(holders: readonly string[]): Promise<void> {
    const unknown = [...new Set(holders)].filter(key => !this.#others.has(key));
    if (unknown.length === 0) return;
    const giving = await this.#transaction.givingWay(unknown);
    for (const key of unknown) this.#others.set(key, giving.has(key));
  }

  /** Of a row that is not written. */
  #isFirm(key: string): boolean {
    if (this.#firm.has(key)) return true;
    return !(this.#others.get(key) ?? this.#transaction.isOwned(key));
  }

  #conflict(key: string, detail: string | null): NewDeadLetter {
    return {table: this.#transaction.plan, key, code: 'unique-conflict', detail};
  }
}
