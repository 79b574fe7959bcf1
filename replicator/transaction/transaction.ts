/** Groups events into the source's transactions, and tracks the position at which each one ends. Pure. */
import type {Mapping} from '../../src/mapping/mapping.ts';
import {GtidSet, MariadbGtidPosition} from '../../src/position/zongji.ts';
import type {LogOffset, Position} from '../../src/position/position.ts';
import type {RowBlock, SourceEvent} from '../events.ts';
import {consequenceOf, mappedNames, statementKind, xaId, type MappedNames} from '../decode/statement.ts';
import {PreparedByOthers} from './prepared.ts';

const NO_TABLES: ReadonlySet<string> = new Set();

/** A transaction of the source, or a part of one that is too large to hold. */
export interface SourceTransaction {
  readonly rows: readonly RowBlock[];
  readonly bytes: number;
  /** A part of it was rolled back after its rows were logged: read them from the source. */
  readonly doubtful: boolean;
  /** False for a part that another follows: the checkpoint must not move. */
  readonly complete: boolean;
  /** The bytes of the transaction; for a part, of the transaction it belongs to. */
  readonly gtid: string | null;
  /** A place in the log before its rows and behind the transaction before it; null if it is not known. */
  readonly beginsAt: LogOffset | null;
  readonly offset: LogOffset | null;
  /** Null if nothing was committed, and only the position moved. */
  readonly committedAtMs: number | null;
  /** The mapped tables whose definitions may have changed. */
  readonly defined: ReadonlySet<string>;
  /** Tables of which rows changed without row images, or `all`. */
  readonly unseen: ReadonlySet<string> | 'all' | null;
  /** The reason for {@link unseen}, for a log line. */
  readonly reason: string | null;
}

export interface TransactionBuilderOptions {
  readonly database: string;
  readonly mapping: Pick<Mapping, 'tables'>;
  /** Larger transactions are passed on in parts. */
  readonly maxBytes: number;
}

/** Takes events, and returns a transaction whenever one ends or grows too large. */
export class TransactionBuilder {
  readonly #options: TransactionBuilderOptions;
  readonly #mapped: MappedNames;
  #rows: RowBlock[] = [];
  #bytes = 0;
  #gtid: string | null = null;
  #beginsAt: LogOffset | null = null;
  #open = false;
  /** Only an explicit end ends the transaction; statements within it do not. */
  #begun = false;
  #parted = false;
  #doubtful = false;
  #defined: ReadonlySet<string> = NO_TABLES;
  #unseen: Set<string> | 'all' | null = null;
  #reason: string | null = null;
  /** The id of the current XA transaction. */
  #xaId: string | null = null;
  readonly #preparedByOthers = new PreparedByOthers();

  constructor(options: TransactionBuilderOptions) {
    this.#options = options;
    this.#mapped = mappedNames(options.mapping, options.database);
  }

  add(event: SourceEvent): SourceTransaction | null {
    switch (event.tag) {
      case 'gtid':
        this.#gtid = event.gtid;
        this.#beginsAt = event.offset ?? null;
        this.#open = true;
        this.#begun = event.begins;
        return null;
      case 'rows':
        this.#open = true;
        this.#rows.push(event.rows);
        this.#bytes += event.rows.bytes;
        return this.#bytes < this.#options.maxBytes ? null : this.#part();
      case 'unreadable-rows':
        this.#open = true;
        this.#requestReconcile(event.table, 'row images without the key (binlog_row_image)');
        return null;
      case 'unlogged-cascade':
        this.#open = true;
        this.#requestReconcile('all', 'a cascade of a foreign key');
        return null;
      case 'commit':
        return this.#end(event.offset, event.committedAtMs);
      case 'rollback':
        // The rows of a transaction that is rolled back never existed, unless parts of it were passed on already.
        if (this.#parted) this.#requestReconcile('all', 'a large transaction was rolled back');
        this.#rows = [];
        return this.#end(event.offset, null);
      case 'rollback-to-savepoint':
        // A part that was passed on cannot be marked any more.
        if (this.#parted) this.#requestReconcile('all', 'a part of a large transaction was rolled back');
        this.#doubtful = true;
        return null;
      case 'xa-prepared':
        // XA PREPARE: the outcome comes in a later event, after the row images. The commit then requests a
        // reconcile.
        if (this.#parted) this.#requestReconcile('all', 'a large XA transaction was prepared');
        this.#preparedByOthers.prepared(this.#xaId, this.#rows.length > 0 || this.#unseen !== null);
        this.#rows = [];
        return this.#end(event.offset, null);
      case 'statement':
        return this.#statement(event);
      case 'advance':
        return this.#open ? null : this.#end(event.offset, null);
    }
  }

  #statement(event: SourceEvent & {tag: 'statement'}): SourceTransaction | null {
    const {sql, offset, executedAtMs} = event;
    const kind = statementKind(sql);
    switch (kind) {
      case 'begin':
        this.#open = true;
        this.#begun = true;
        return null;
      case 'commit':
        return this.#end(offset, executedAtMs);
      case 'rollback':
        return this.add({tag: 'rollback', offset});
      case 'savepoint':
        return null;
      case 'xa-end':
        this.#xaId = xaId(sql);
        return null;
      case 'rollback-to-savepoint':
        return this.add({tag: 'rollback-to-savepoint'});
      case 'xa-commit':
        if (!this.#preparedByOthers.ended(xaId(sql)))
          this.#requestReconcile('all', 'an XA transaction was committed');
        return this.#end(offset, executedAtMs);
      case 'xa-rollback':
        this.#preparedByOthers.ended(xaId(sql));
        return this.#end(offset, null);
      default:
    }
    const {defined, unseen} = consequenceOf(kind, event, this.#mapped);
    if (defined.length > 0) this.#defined = new Set([...this.#defined, ...defined]);
    if (unseen !== null) this.#requestReconcile('all', unseen);
    // DDL is a transaction of its own.
    return this.#begun ? null : this.#end(offset, executedAtMs);
  }

  #requestReconcile(table: string, reason: string): void {
    this.#reason = reason;
    if (table === 'all' || this.#unseen === 'all') this.#unseen = 'all';
    else this.#unseen = (this.#unseen ?? new Set()).add(table);
  }

  #part(): SourceTransaction {
    const part = this.#take(null, null, false);
    this.#parted = true;
    return part;
  }

  #end(offset: LogOffset | null, committedAtMs: number | null): SourceTransaction {
    const transaction = this.#take(offset, committedAtMs, true);
    this.#gtid = null;
    this.#beginsAt = null;
    this.#open = false;
    this.#begun = false;
    this.#parted = false;
    this.#doubtful = false;
    this.#defined = NO_TABLES;
    this.#unseen = null;
    this.#reason = null;
    this.#xaId = null;
    return transaction;
  }

  #take(offset: LogOffset | null, committedAtMs: number | null, complete: boolean): SourceTransaction {
    const rows = this.#rows;
    const bytes = this.#bytes;
    this.#rows = [];
    this.#bytes = 0;
    return {
      rows,
      bytes,
      doubtful: this.#doubtful,
      complete,
      gtid: this.#gtid,
      beginsAt: this.#beginsAt,
      offset,
      committedAtMs,
      defined: this.#defined,
      unseen: this.#unseen,
      reason: this.#reason,
    };
  }
}

/** The position after each applied transaction; tracked here, because zongji's own runs ahead. */
export class PositionTracker {
  readonly #set: GtidSet | null;
  readonly #gtids: MariadbGtidPosition | null;
  /** The last of MariaDB's GTIDs; the next one of its domain replaces it. */
  #last: string | null = null;
  #offset: LogOffset | null;

  constructor(position: Position, offset: LogOffset | null) {
    this.#set = position.tag === 'mysql-gtid' ? GtidSet.parse(position.set) : null;
    this.#gtids = position.tag === 'mariadb-gtid' ? MariadbGtidPosition.parse(position.gtids) : null;
    this.#offset = position.tag === 'file' ? {file: position.file, offset: position.offset} : offset;
  }

  advance({gtid, offset}: Pick<SourceTransaction, 'gtid' | 'offset'>): void {
    // A dump begins with the start of a file, so this event must not move the position back.
    const isBehind =
      gtid === null &&
      offset !== null &&
      this.#offset?.file === offset.file &&
      offset.offset < this.#offset.offset;
    if (offset !== null && !isBehind) this.#offset = offset;
    if (gtid === null) return;
    this.#set?.add(gtid);
    if (this.#gtids === null) return;
    if (this.#last !== null && !isSameDomain(this.#last, gtid)) this.#addLast(this.#gtids);
    this.#last = gtid;
  }

  #addLast(gtids: MariadbGtidPosition): void {
    if (this.#last === null) return;
    const [domainId = '0', serverId = '0', seqNo = '0'] = this.#last.split('-');
    gtids.add({domainId: Number(domainId), serverId: Number(serverId), seqNo});
    this.#last = null;
  }

  get offset(): LogOffset | null {
    return this.#offset;
  }

  get position(): Position {
    if (this.#set !== null) return {tag: 'mysql-gtid', set: this.#set.toString()};
    if (this.#gtids !== null) {
      this.#addLast(this.#gtids);
      return {tag: 'mariadb-gtid', gtids: this.#gtids.toString()};
    }
    return {tag: 'file', file: this.#offset?.file ?? '', offset: this.#offset?.offset ?? 4};
  }
}

function isSameDomain(a: string, b: string): boolean {
  return a.startsWith(b.slice(0, b.indexOf('-') + 1));
}
