/**
 * Sends statements to the target several at a time: a round trip costs more than most of them. The next
 * flight is put together while the server works on the one before.
 */
import type {TablePlan} from '../mapping/plan.ts';
import type {KeyedRow} from './decide.ts';
import type {Session} from './session.ts';
import {SqlText} from './sql-text.ts';
import {appendUpsert, type UpsertOptions} from './statements.ts';

/** Statements shorter than this travel together. */
const FLIGHT_BYTES = 256 * 1024;

/** One text for each session, whose transactions follow one another: its buffer has the size that they need. */
const texts = new WeakMap<Session, SqlText>();

export class Flights {
  readonly #session: Session;
  readonly #text: SqlText;
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(session: Session) {
    this.#session = session;
    this.#text = texts.get(session) ?? new SqlText();
    texts.set(session, this.#text);
    this.#text.clear();
  }

  /** @throws SyncError what the server refused of an earlier flight */
  async add(statement: string): Promise<void> {
    if (this.#text.length > 0) this.#text.sql(';');
    this.#text.sql(statement);
    if (this.#text.length >= FLIGHT_BYTES) await this.#send();
  }

  /** @throws SyncError what the server refused of an earlier flight */
  async upsert(
    plan: TablePlan,
    rows: readonly KeyedRow[],
    batchRows: number,
    options: UpsertOptions,
  ): Promise<void> {
    for (let at = 0; at < rows.length;) {
      if (this.#text.length > 0) this.#text.sql(';');
      const room = Math.max(1, Math.min(FLIGHT_BYTES, this.#session.maxStatementBytes) - this.#text.length);
      at = appendUpsert(this.#text, plan, rows, at, {rows: batchRows, bytes: room}, options);
      if (this.#text.length >= FLIGHT_BYTES) await this.#send();
    }
  }

  /** Sends what is left and waits for all of it. */
  async end(): Promise<void> {
    if (this.#text.length > 0) await this.#send();
    await this.#underWay;
  }

  async #send(): Promise<void> {
    const sql = this.#text.take();
    await this.#underWay;
    this.#underWay = this.#session.query(sql);
    // Its failure is reported at the next await; meanwhile it must not count as unhandled.
    this.#underWay.catch(() => undefined);
  }
}
