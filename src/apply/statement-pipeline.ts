/**
 * Pipelines statements to the target, several per flight: a round trip costs more than most statements. Flights
 * leave before those ahead of them were answered, COMMIT included; flights.ts keeps a flight from having an effect
 * if one ahead of it failed.
 */
import {BulkRows} from '../db/bulk.ts';
import type {TablePlan} from '../mapping/columns.ts';
import type {KeyedRow} from './decide.ts';
import {Flights} from './flights.ts';
import {tooLarge} from './refusal.ts';
import {END_ROWS, type Session} from './session.ts';
import {SqlText} from './sql-text.ts';
import {appendRows, appendUpsert, preparedUpsert, type UpsertOptions} from './statements.ts';

/** Statements shorter than this are sent together. */
const FLIGHT_BYTES = 256 * 1024;
/** From so many rows on, a statement that needs no parsing is worth being prepared. */
const BULK_ROWS = 200;
/** Flights that are on their way at the same time: so many, and more if the target is far. */
const FLIGHTS = 3;
/** A server takes about this long for a flight: with one more for each, it never waits for us. */
const FLIGHT_MS = 6;
/** Bounds the memory of one transaction that is on its way. */
const MAX_FLIGHTS = 16;

/** One of the flights that are on their way at the same time. */
interface Place {
  /** Reused by the rows of a later flight. */
  readonly rows: BulkRows;
  answered: Promise<unknown>;
}

/** The buffers in which flights are built: one text, and rows of flights that are on their way at the same time. */
interface Buffers {
  readonly text: SqlText;
  readonly places: Place[];
}

/** The previous transaction over the same connection. */
export interface Before {
  /** Rows may be sent once this resolves. */
  readonly left: Promise<unknown>;
  /**
   * Statements with immediate effect (COMMIT above all) may be sent once this resolves; if it rejects, nothing
   * more is sent.
   */
  readonly answered: Promise<unknown>;
}
const NOTHING_BEFORE: Before = {left: Promise.resolve(), answered: Promise.resolve()};

/** The unused buffers of each session, in the size that its batches need. */
const spare = new WeakMap<Session, Buffers[]>();

export class StatementPipeline {
  readonly #session: Session;
  readonly #flightBytes: number;
  readonly #maxFlights: number;
  readonly #buffers: Buffers;
  readonly #text: SqlText;
  readonly #flights = new Flights();
  #sent = 0;
  /** Texts wait for this. */
  readonly #previous: Promise<unknown>;
  #left: Promise<unknown>;
  #answered: Promise<unknown>;
  #lastLeft: () => void = () => undefined;
  /** Resolves when all of it was sent, COMMIT included; never after a fault. */
  readonly allLeft = new Promise<void>(resolve => (this.#lastLeft = resolve));
  #isOpen: 'no' | 'for text' | 'for rows' = 'no';
  #fault: Error | null = null;

  constructor(session: Session, before = NOTHING_BEFORE) {
    this.#session = session;
    this.#flightBytes = Math.min(FLIGHT_BYTES, session.maxStatementBytes);
    this.#maxFlights = Math.min(MAX_FLIGHTS, FLIGHTS + Math.floor(session.roundTripMs / FLIGHT_MS));
    this.#buffers = spare.get(session)?.pop() ?? {text: new SqlText(), places: []};
    this.#text = this.#buffers.text;
    this.#text.clear();
    this.#left = before.left;
    this.#previous = before.answered;
    this.#answered = before.answered;
    for (const gate of [before.left, before.answered]) gate.catch((error: unknown) => this.#fail(error));
  }

  /**
   * Adds a statement without result rows to the transaction that the first one opens.
   *
   * @throws SyncError the server's refusal of an earlier flight
   */
  async add(statement: string): Promise<void> {
    this.#throwIfFailed();
    this.#openText();
    this.#text.sql(statement);
    if (this.#text.length >= this.#flightBytes) await this.#send();
  }

  /** @throws SyncError the server's refusal of an earlier flight */
  async upsert(
    plan: TablePlan,
    rows: readonly KeyedRow[],
    batchRows: number,
    options: UpsertOptions,
  ): Promise<void> {
    this.#throwIfFailed();
    if (rows.length === 0) return;
    if (rows.length >= BULK_ROWS && (await this.#upsertInBulk(plan, rows, batchRows, options))) return;
    for (let at = 0; at < rows.length;) {
      this.#openText();
      const room = Math.max(1, this.#flightBytes - this.#text.length);
      at = appendUpsert(this.#text, plan, rows, at, {rows: batchRows, bytes: room}, options);
      if (this.#text.length >= this.#flightBytes) await this.#send();
    }
  }

  /** Commits, and waits for all answers. */
  async commit(): Promise<void> {
    this.#throwIfFailed();
    this.#openText();
    this.#text.sql(this.#isOpen === 'for rows' ? END_ROWS : 'COMMIT');
    await this.#send(true);
    this.#left.then(this.#lastLeft, () => undefined);
    try {
      await this.#answered;
    } catch (error) {
      // Answers that come together are not rejected in their order, and the later ones follow from the first.
      throw this.#fault ?? error;
    }
    // After a fault the socket may still be reading these buffers, so they are not reused.
    const buffers = spare.get(this.#session) ?? [];
    buffers.push(this.#buffers);
    spare.set(this.#session, buffers);
  }

  /** @returns false if the server accepts rows only as text */
  async #upsertInBulk(
    plan: TablePlan,
    rows: readonly KeyedRow[],
    batchRows: number,
    options: UpsertOptions,
  ): Promise<boolean> {
    const sql = preparedUpsert(plan, options);
    if (sql === null) return false;
    const statementId = await this.#session.prepareRows(sql);
    if (statementId === null) return false;
    if (this.#text.length > 0) await this.#send();
    if (this.#isOpen !== 'for rows') void this.#depart(() => this.#session.beginRows());
    this.#isOpen = 'for rows';
    const size = {rows: batchRows, bytes: this.#flightBytes};
    for (let at = 0; at < rows.length;) {
      const place = await this.#place();
      place.rows.begin(statementId, plan.columns.length);
      at = appendRows(place.rows, plan, rows, at, size);
      this.#throwIfTooLarge(place.rows.length);
      const end = this.#flights.endRows();
      place.answered = this.#depart(() =>
        Promise.all([this.#session.writeRows(place.rows), this.#session.send(end)]),
      );
    }
    return true;
  }

  #openText(): void {
    if (this.#text.length > 0) this.#text.sql(';');
    else if (!this.#flights.isFirst) this.#text.sql(`${this.#flights.expectLast()};`);
    if (this.#isOpen === 'no') {
      this.#isOpen = 'for text';
      this.#text.sql('START TRANSACTION;');
    }
  }

  async #send(isLast = false): Promise<void> {
    if (!isLast) this.#text.sql(`;${this.#flights.endText()}`);
    this.#throwIfTooLarge(this.#text.length);
    const sql = this.#text.take();
    const place = await this.#place();
    // A text may open a transaction, which commits one that is open.
    this.#left = Promise.all([this.#left, this.#previous]);
    place.answered = this.#depart(() => this.#session.send(sql));
  }

  /** Waits until a flight may leave. */
  async #place(): Promise<Place> {
    const {places} = this.#buffers;
    const at = this.#sent++ % this.#maxFlights;
    const place = (places[at] ??= {rows: new BulkRows(), answered: Promise.resolve()});
    await place.answered;
    this.#throwIfFailed();
    return place;
  }

  /** A longer statement makes the server close the connection. */
  #throwIfTooLarge(bytes: number): void {
    const {maxPacketBytes} = this.#session;
    if (bytes + 1 >= maxPacketBytes) throw tooLarge(bytes, maxPacketBytes);
  }

  #throwIfFailed(): void {
    if (this.#fault !== null) throw this.#fault;
  }

  #fail(error: unknown): void {
    this.#fault ??= error instanceof Error ? error : new Error('the flight failed', {cause: error});
  }

  /** @returns when it has been answered, with or without an error: a later statement reports the failure */
  #depart(leave: () => Promise<unknown>): Promise<unknown> {
    const underWay = this.#left.then(() => {
      this.#throwIfFailed();
      return {answer: leave()};
    });
    this.#left = underWay;
    const answer = underWay.then(flight => flight.answer);
    this.#answered = Promise.all([this.#answered, answer]);
    this.#answered.catch(() => undefined);
    return answer.catch((error: unknown) => this.#fail(error));
  }
}
