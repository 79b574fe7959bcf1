/**
 * Sends statements to the target several at a time: a round trip costs more than most of them. The next
 * flight is put together while the server works on the one before.
 */
import {BulkRows} from '../db/bulk.ts';
import type {TablePlan} from '../mapping/columns.ts';
import type {KeyedRow} from './decide.ts';
import {tooLarge} from './refusal.ts';
import {END_ROWS, type Session} from './session.ts';
import {SqlText} from './sql-text.ts';
import {appendRows, appendUpsert, preparedUpsert, type UpsertOptions} from './statements.ts';

/** Statements shorter than this travel together. */
const FLIGHT_BYTES = 256 * 1024;
/** From here on a flight of its own, without text to parse, is worth its round trip. */
const BULK_ROWS = 200;

/** Rows that are under way, and until when. */
interface Packet {
  readonly rows: BulkRows;
  answered: Promise<unknown>;
}

/** What flights are put together in: one text, and packets that are under way at the same time. */
interface Buffers {
  readonly text: SqlText;
  readonly packets: Packet[];
}

const PACKETS = 3;

/** What goes before a transaction over the same connection. */
export interface Before {
  /** From then on rows may leave. */
  readonly left: Promise<unknown>;
  /** From then on what takes effect at once may leave, a commit above all; nothing is sent any more where it fails. */
  readonly answered: Promise<unknown>;
}
const NOTHING_BEFORE: Before = {left: Promise.resolve(), answered: Promise.resolve()};

/** Of each session, those that nobody uses, in the size that its batches need. */
const spare = new WeakMap<Session, Buffers[]>();

export class Flights {
  readonly #session: Session;
  readonly #flightBytes: number;
  readonly #buffers: Buffers;
  readonly #text: SqlText;
  readonly #packets: readonly Packet[];
  #packet = 0;
  /** A text leaves when all before it were answered, rows when those before them left. */
  #left: Promise<unknown>;
  #answered: Promise<unknown>;
  #textAnswered: Promise<unknown> = Promise.resolve();
  #textLeft: Promise<unknown> = Promise.resolve();
  #answersRows = false;
  #lastLeft: () => void = () => undefined;
  /** When all of it was sent, the commit too; never after a fault. */
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
   * A statement of the transaction that the first one opens.
   *
   * @throws SyncError what the server refused of an earlier flight
   */
  async add(statement: string): Promise<void> {
    this.#throwIfFailed();
    this.#openText();
    this.#text.sql(statement);
    if (this.#text.length >= this.#flightBytes) await this.#send();
  }

  /** A statement that answers with rows, which nobody looks at: an assertion. */
  async ask(statement: string): Promise<void> {
    this.#answersRows = true;
    await this.add(statement);
  }

  /** @throws SyncError what the server refused of an earlier flight */
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

  /** Commits, and waits for all of it. */
  async commit(): Promise<void> {
    await this.add(this.#isOpen === 'for rows' ? END_ROWS : 'COMMIT');
    if (this.#text.length > 0) await this.#send();
    this.#textLeft.then(this.#lastLeft, () => undefined);
    await this.#answered;
    // After a fault they may still be read: then they are nobody's any more.
    const buffers = spare.get(this.#session) ?? [];
    buffers.push(this.#buffers);
    spare.set(this.#session, buffers);
  }

  /** @returns false where the server takes rows as text alone */
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

  /** One text is under way at most, and one waits for it. */
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

  /** The server would end the connection. */
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

  /** @returns when it has been answered, whatever the answer: its failure is reported by what comes after it */
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
