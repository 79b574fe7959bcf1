/**
 * Pipelines statements to the target, several per flight: a round trip costs more than most statements. The next
 * flight is built while the server works on the previous one.
 */
import {BulkRows} from '../db/bulk.ts';
import type {TablePlan} from '../mapping/columns.ts';
import type {KeyedRow} from './decide.ts';
import {tooLarge} from './refusal.ts';
import {END_ROWS, type Session} from './session.ts';
import {SqlText} from './sql-text.ts';
import {appendRows, appendUpsert, preparedUpsert, type UpsertOptions} from './statements.ts';

/** Statements shorter than this are sent together. */
const FLIGHT_BYTES = 256 * 1024;
/** A bulk packet of at least this many bytes, which needs no parsing, is worth its own round trip. */
const BULK_ROWS = 200;

/** Rows that are being sent, and when that ends. */
interface Packet {
  readonly rows: BulkRows;
  answered: Promise<unknown>;
}

/** The buffers in which flights are built: one text, and packets that are in flight at the same time. */
interface Buffers {
  readonly text: SqlText;
  readonly packets: Packet[];
}

const PACKETS = 3;

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
  readonly #buffers: Buffers;
  readonly #text: SqlText;
  readonly #packets: readonly Packet[];
  #packet = 0;
  /** A text is sent when all before it were answered, rows when the rows before them were sent. */
  #left: Promise<unknown>;
  #answered: Promise<unknown>;
  #textAnswered: Promise<unknown> = Promise.resolve();
  #textLeft: Promise<unknown> = Promise.resolve();
  #answersRows = false;
  #lastLeft: () => void = () => undefined;
  /** Resolves when all of it was sent, COMMIT included; never after a fault. */
  readonly allLeft = new Promise<void>(resolve => (this.#lastLeft = resolve));
  #isOpen: 'no' | 'for text' | 'for rows' = 'no';
  #fault: Error | null = null;

  constructor(session: Session, before = NOTHING_BEFORE) {
    this.#session = session;
    this.#flightBytes = Math.min(FLIGHT_BYTES, session.maxStatementBytes);
    this.#buffers = spare.get(session)?.pop() ?? newBuffers();
    this.#text = this.#buffers.text;
    this.#packets = this.#buffers.packets;
    this.#text.clear();
    this.#left = before.left;
    this.#answered = before.answered;
    for (const gate of [before.left, before.answered]) gate.catch((error: unknown) => this.#fail(error));
  }

  /**
   * Adds a statement to the transaction that the first one opens.
   *
   * @throws SyncError the server's refusal of an earlier flight
   */
  async add(statement: string): Promise<void> {
    this.#throwIfFailed();
    this.#openText();
    this.#text.sql(statement);
    if (this.#text.length >= this.#flightBytes) await this.#send();
  }

  /** Adds a statement whose result rows are ignored: an assertion. */
  async ask(statement: string): Promise<void> {
    this.#answersRows = true;
    await this.add(statement);
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
    await this.add(this.#isOpen === 'for rows' ? END_ROWS : 'COMMIT');
    if (this.#text.length > 0) await this.#send();
    this.#textLeft.then(this.#lastLeft, () => undefined);
    await this.#answered;
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
    this.#throwIfFailed();
    if (statementId === null) return false;
    if (this.#text.length > 0) await this.#send();
    if (this.#isOpen !== 'for rows') void this.#depart(() => this.#session.beginRows());
    this.#isOpen = 'for rows';
    const size = {rows: batchRows, bytes: this.#flightBytes};
    for (let at = 0; at < rows.length;) {
      const packet = this.#packets[this.#packet++ % PACKETS];
      if (packet === undefined) throw new Error('there is no packet');
      await this.#until(packet.answered);
      packet.rows.begin(statementId, plan.columns.length);
      at = appendRows(packet.rows, plan, rows, at, size);
      this.#throwIfTooLarge(packet.rows.length);
      packet.answered = this.#depart(() => this.#session.writeRows(packet.rows));
    }
    return true;
  }

  #openText(): void {
    if (this.#text.length > 0) this.#text.sql(';');
    else if (this.#isOpen === 'no') {
      this.#isOpen = 'for text';
      this.#text.sql('START TRANSACTION;');
    }
  }

  /** At most one text is in flight, and at most one waits for it. */
  async #send(): Promise<void> {
    this.#throwIfTooLarge(this.#text.length);
    const sql = this.#text.take();
    await this.#until(this.#textAnswered);
    const answersRows = this.#answersRows;
    this.#answersRows = false;
    this.#left = this.#answered;
    this.#textAnswered = this.#depart(() =>
      answersRows ? this.#session.query(sql) : this.#session.send(sql),
    );
    this.#textLeft = this.#left;
    this.#left = this.#textAnswered;
  }

  /** A longer statement makes the server close the connection. */
  #throwIfTooLarge(bytes: number): void {
    const {maxPacketBytes} = this.#session;
    if (bytes + 1 >= maxPacketBytes) throw tooLarge(bytes, maxPacketBytes);
  }

  async #until(answered: Promise<unknown>): Promise<void> {
    await answered;
    this.#throwIfFailed();
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

function newBuffers(): Buffers {
  const packet = () => ({rows: new BulkRows(), answered: Promise.resolve()});
  return {text: new SqlText(), packets: Array.from({length: PACKETS}, packet)};
}
