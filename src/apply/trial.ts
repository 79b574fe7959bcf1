/**
 * Finds the cause of a target's refusal by experiment. A trigger can signal any error number, so a number alone
 * proves nothing: it can imitate a full disk, a missing privilege, a deadlock or a lost connection. The proof is
 * that the same connection, the same transaction and the same table still work.
 */
import type {TablePlan} from '../mapping/columns.ts';
import {quoteName} from '../mapping/quote.ts';
import {SyncError} from '../errors.ts';
import {stateOf} from '../db/faults.ts';
import {
  asIncompatible,
  isAboutRow,
  isFull,
  isRefusal,
  LOCK_WAIT_TIMEOUT,
  mayLackRoom,
  mayPass,
  NO_DEFAULT,
  tooLarge,
  WRITE_SET_TOO_LARGE,
} from './refusal.ts';
import {LOCK_WAIT_SECONDS, type Session} from './session.ts';

/** A lock wait that ends sooner than this did not wait for one of our locks. */
const REAL_WAIT_MS = LOCK_WAIT_SECONDS * 500;
/** The bytes that a target which is not full can still take. */
const ROOM_BYTES = 1024 * 1024;
const ENTER = 'SAVEPOINT tried;';

/** One trial for each transaction of a session. */
export class Trial {
  readonly #session: Session;
  #hasRoom = false;
  readonly #withTriggers = new Set<string>();

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Runs a statement that writes rows of one table.
   *
   * @param withoutRows the same statement for no rows, which fires no row trigger
   * @returns null if it was written; the refusal if it is about a row of the statement
   * @throws SyncError if the refusal is about the server, the table or the transaction
   */
  async write(plan: TablePlan, statement: string, withoutRows: string): Promise<SyncError | null> {
    const {maxPacketBytes} = this.#session;
    const bytes = Buffer.byteLength(statement) + ENTER.length + 1;
    if (bytes >= maxPacketBytes) return tooLarge(bytes, maxPacketBytes);
    const refusal = await this.#refusalOf(statement);
    if (refusal === null || isAboutRow(refusal)) return refusal;
    // A temporary refusal does not occur again at once.
    const again = mayPass(refusal) ? await this.#refusalOf(statement) : refusal;
    if (again === null || isAboutRow(again)) return again;
    await this.#prove(plan, again, withoutRows);
    return again;
  }

  /** @throws SyncError if the connection or the transaction is lost, or the statement waited for a lock */
  async #refusalOf(statement: string): Promise<SyncError | null> {
    const startedMs = performance.now();
    try {
      await this.#session.query(ENTER + statement);
      return null;
    } catch (error) {
      if (!isRefusal(error) || error.errno === WRITE_SET_TOO_LARGE) throw error;
      if (error.errno === LOCK_WAIT_TIMEOUT && performance.now() - startedMs >= REAL_WAIT_MS) throw error;
      // A deadlock ends the transaction with its savepoints. So does the end of a connection.
      await this.#session.query('RELEASE SAVEPOINT tried').catch(() => {
        throw error;
      });
      return error;
    }
  }

  /** @throws SyncError if the refusal is not about the rows of the statement */
  async #prove(plan: TablePlan, refusal: SyncError, withoutRows: string): Promise<void> {
    try {
      await this.#session.query(withoutRows);
    } catch (error) {
      throw asIncompatible(error);
    }
    // MySQL checks defaults only if there is a row.
    if (refusal.errno === NO_DEFAULT && (await this.#lacksDefault(plan))) throw asIncompatible(refusal);
    if (mayLackRoom(refusal)) await this.#proveRoom(plan, refusal);
  }

  /**
   * Only a trigger can make a full disk out of one row. Room in another table proves little: a table may still
   * have free pages when another one has none.
   */
  async #proveRoom({target}: TablePlan, refusal: SyncError): Promise<void> {
    if (isFull(refusal) && !(await this.#hasTriggers(target))) throw refusal;
    if (!this.#hasRoom) this.#hasRoom = await this.#findRoom(refusal);
  }

  /** An account without the TRIGGER privilege sees no triggers: the refusal then counts as the server's. */
  async #hasTriggers(target: string): Promise<boolean> {
    if (this.#withTriggers.has(target)) return true;
    const rows = await this.#session.query(
      `SELECT 1 FROM information_schema.TRIGGERS
         WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = ? LIMIT 1`,
      [target],
    );
    if (rows.length > 0) this.#withTriggers.add(target);
    return rows.length > 0;
  }

  async #lacksDefault({target, columns}: TablePlan): Promise<boolean> {
    const rows = await this.#session.query(
      `SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
         AND COLUMN_NAME NOT IN (?) AND IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NULL
         AND EXTRA NOT LIKE '%auto_increment%' AND COALESCE(GENERATION_EXPRESSION, '') = '' LIMIT 1`,
      [target, columns.map(({name}) => name)],
    );
    return rows.length > 0;
  }

  /** Writes more than a row into a table without triggers, and rolls it back. */
  async #findRoom(refusal: SyncError): Promise<true> {
    const bytes = Math.min(ROOM_BYTES, this.#session.maxStatementBytes);
    await this.#session.query('SAVEPOINT room');
    try {
      await this.#session.query(
        `INSERT INTO ${quoteName('sync_dead_letter')} (stream, target_table, row_key, code, position, first_seen_at, last_seen_at)
           VALUES ('~', '~', UUID(), 'rejected', REPEAT('x', ${bytes}), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`,
      );
    } catch (error) {
      // Its number says more precisely what is full.
      throw error instanceof SyncError && stateOf(error.cause) === '' ? error : refusal;
    }
    await this.#session.query('ROLLBACK TO SAVEPOINT room');
    return true;
  }
}
