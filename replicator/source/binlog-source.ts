/**
 * The source's binlog as decoded events: requests the log from a position on, notices silence, and pauses the
 * connection on request.
 */
import type {Dialling} from '../../src/db/connection.ts';
import {IDENTITY_STATEMENT, type ServerInfo} from '../../src/db/server.ts';
import {SyncError} from '../../src/errors.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import type {LogOffset, Position} from '../../src/position/position.ts';
import type {CharsetTables} from '../../src/source/charset-tables.ts';
import type {Collations} from '../../src/source/collations.ts';
import {CascadeWatch} from '../decode/cascade-watch.ts';
import {rowBlock} from '../decode/row-image.ts';
import {Slabs} from '../decode/slabs.ts';
import type {SourceEvent} from '../events.ts';
import {Dump, type Packet, type ZongjiEvent} from './dump.ts';
import {faultOf} from './fault.ts';
import {readPacket, type PacketKind, type PacketTap, type RowsHeader, type RowsPacket} from './packets.ts';
import {otherServer} from './same-server.ts';
import {LoggedTables} from './tables.ts';

/** The source sends a heartbeat after this time without an event. */
const HEARTBEAT_MS = 1000;
const SILENCE_MS = 3 * HEARTBEAT_MS;
/** MariaDB reads a log file from its start to find a GTID, and sends nothing meanwhile. */
const SEARCH_MS = 30_000;

export interface BinlogSourceOptions {
  readonly connection: Dialling;
  readonly database: string;
  readonly serverId: number;
  readonly position: Position;
  /** The server on which the position was checked. Omitted, the log may come from any server. */
  readonly server?: Pick<ServerInfo, 'flavour' | 'identity'>;
  /** Read for each event, since a schema change makes a new plan. */
  readonly plan: () => Plan;
  readonly collations: Collations;
  /** Those of the plan's columns: more of them before the plan has columns that need them. */
  readonly charsets: CharsetTables;
  readonly onEvent: (event: SourceEvent) => void;
  /** Called once; no event follows. */
  readonly onFault: (error: SyncError) => void;
  readonly now: () => number;
}

/**
 * `searching`: the source has not found our position in its log yet. `streaming`: events or heartbeats come.
 * `ended`: a fault was reported or the stream was stopped, and no event is delivered.
 */
type State = 'searching' | 'streaming' | 'ended';

/** Starts to stream at once, and reports a fault by `onFault`. */
export class BinlogSource {
  readonly #options: BinlogSourceOptions;
  readonly #dump: Dump;
  readonly #watchdog: NodeJS.Timeout;
  readonly #slabs = new Slabs();
  readonly #cascades: CascadeWatch;
  readonly #tables: LoggedTables;
  #state: State = 'searching';
  #isPaused = false;
  #isCaseless = false;
  /** The log file of the current event; empty until the source names it. */
  #file: string;
  #lastContactMs: number;
  #events = 0;

  constructor(options: BinlogSourceOptions) {
    const {connection, database, serverId, position, plan, collations, charsets} = options;
    this.#options = options;
    this.#file = position.tag === 'file' ? position.file : '';
    this.#lastContactMs = options.now();
    this.#cascades = new CascadeWatch(database, plan);
    this.#tables = new LoggedTables({
      database,
      plan,
      collations,
      charsets,
      isMariadb: () => this.#dump.isMariadb,
      isCaseless: () => this.#isCaseless,
    });
    const onFault = (error: unknown) => this.#fail(error);
    const tap = this.#packetTap();
    this.#dump = new Dump({
      connection,
      onPacket: packet => this.#readPacket(packet, tap),
      onEvent: event => this.#readDecoded(event),
      onFault,
    });
    this.#watchdog = setInterval(() => this.#watchSilence(), HEARTBEAT_MS / 2);
    this.#prepare();
    this.#dump.start({serverId, database, position, tables: plan().sources.map(({table}) => table)});
  }

  /** The time when bytes last came from the source, in Unix milliseconds. */
  get lastContactMs(): number {
    return this.#lastContactMs;
  }

  /** The number of events received, without heartbeats. */
  get events(): number {
    return this.#events;
  }

  /** The source has not found our position in its log yet. */
  get isSearching(): boolean {
    return this.#state === 'searching';
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): void {
    this.#isPaused = true;
    this.#dump.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#lastContactMs = this.#options.now();
    this.#dump.resume();
  }

  /** Ends the connections. No event and no fault follows. */
  stop(): Promise<void> {
    this.#end();
    return this.#dump.stop();
  }

  /** The source answers these before the dump, because they use the same connection. */
  #prepare(): void {
    this.#dump.query('SELECT @@lower_case_table_names', (error, rows) => {
      if (error === null) this.#isCaseless = Number(Object.values(rows?.[0] ?? {})[0]) !== 0;
      else this.#fail(error);
    });
    const {server} = this.#options;
    if (server !== undefined)
      this.#dump.query(IDENTITY_STATEMENT, (error, rows) => {
        const fault = error ?? otherServer(server, rows ?? []);
        if (fault !== null) this.#fail(fault);
      });
    for (const name of ['master', 'source'])
      this.#dump.query(`SET @${name}_heartbeat_period = ${HEARTBEAT_MS * 1_000_000}`, () => undefined);
  }

  #end(): void {
    this.#state = 'ended';
    clearInterval(this.#watchdog);
  }

  #fail(error: unknown): void {
    if (this.#state === 'ended') return;
    this.#end();
    this.#options.onFault(faultOf(error, this.#options.position));
    void this.#dump.stop();
  }

  #watchSilence(): void {
    const limitMs = this.isSearching ? SEARCH_MS : SILENCE_MS;
    const nowMs = this.#options.now();
    if (!this.#isPaused && nowMs - this.#lastContactMs > limitMs) {
      this.#fail(
        new SyncError(
          'stream-silent',
          `nothing came from the source for ${limitMs / 1000} s, not even a heartbeat`,
        ),
      );
    }
  }

  /** Whatever a part of the program throws at an event ends the stream before the event's position is saved. */
  #readPacket(packet: Packet, tap: PacketTap): readonly Packet[] {
    try {
      return readPacket(packet, this.#dump.checksumBytes, tap);
    } catch (error) {
      this.#fail(error);
      return [];
    }
  }

  #deliver(event: SourceEvent): void {
    if (this.#state !== 'ended') this.#options.onEvent(event);
  }

  #offsetAt(position: number): LogOffset | null {
    return position > 0 && this.#file !== '' ? {file: this.#file, offset: position} : null;
  }

  /** Reads the events that come often, from their bytes. */
  #packetTap(): PacketTap {
    return {
      onPacket: kind => this.#noteContact(kind),
      onUnsupported: reason => this.#fail(new SyncError('event-unsupported', reason)),
      onStatement: (statement, end, executedAtMs) =>
        this.#deliver({tag: 'statement', ...statement, offset: this.#offsetAt(end), executedAtMs}),
      onTable: (tableId, body) => {
        this.#tables.add(tableId, body);
        this.#cascades.opened(this.#tables.cascadeKeyOf(tableId) ?? '');
      },
      onChange: header => this.#watchCascades(header),
      isMapped: tableId => this.#tables.has(tableId),
      onMariadbGtid: (gtid, isStandalone, end) =>
        this.#deliver({tag: 'gtid', gtid, begins: !isStandalone, offset: this.#offsetAt(end)}),
      onXid: (end, committedAtMs) =>
        this.#deliver({tag: 'commit', offset: this.#offsetAt(end), committedAtMs}),
      onRows: packet => this.#readRows(packet),
    };
  }

  #noteContact(kind: PacketKind): void {
    this.#lastContactMs = this.#options.now();
    if (kind !== 'heartbeat') this.#events++;
    if (kind !== 'head' && this.#state === 'searching') this.#state = 'streaming';
  }

  #watchCascades({tableId, kind, unchecked, ends}: RowsHeader): void {
    const table = this.#tables.cascadeKeyOf(tableId);
    if (table !== undefined && this.#cascades.reaches({table, kind, unchecked, ends}))
      this.#deliver({tag: 'unlogged-cascade'});
  }

  #readRows(packet: RowsPacket): void {
    const layout = this.#tables.layout(packet.tableId);
    const block = layout === null ? null : rowBlock(layout, packet, this.#slabs);
    if (layout === null || block === null) return;
    if (block === 'keyless') this.#deliver({tag: 'unreadable-rows', table: layout.source.table});
    else this.#deliver({tag: 'rows', rows: block});
  }

  #readDecoded(event: ZongjiEvent): void {
    try {
      this.#readEvent(event);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Reads the events that zongji decodes. */
  #readEvent(event: ZongjiEvent): void {
    const offset = this.#offsetAt(event.nextPosition);
    switch (event.getTypeName()) {
      case 'Rotate':
        this.#file = String(event['binlogName']);
        this.#deliver({tag: 'advance', offset: {file: this.#file, offset: Number(event['position'])}});
        return;
      case 'Heartbeat': {
        const end = offset ?? this.#offsetAt(Number(event['position'] ?? 0));
        if (end !== null) this.#deliver({tag: 'advance', offset: end, isEnd: true});
        return;
      }
      case 'Gtid':
        this.#deliver({tag: 'gtid', gtid: String(event['gtid']), begins: false, offset});
        return;
      case 'MariadbGtid':
        this.#deliver({
          tag: 'gtid',
          gtid: String(event['gtid']),
          begins: event['standalone'] !== true,
          offset,
        });
        return;
      case 'AnonymousGtid':
        this.#deliver({tag: 'gtid', gtid: null, begins: false, offset});
        return;
      case 'XaPrepare':
        if (event['onePhase'] === true)
          this.#deliver({tag: 'commit', offset, committedAtMs: event.timestamp});
        else this.#deliver({tag: 'xa-prepared', offset});
        return;
      case 'Query':
        this.#deliver({
          tag: 'statement',
          database: String(event['schema']),
          // MariaDB compressed the statement; it does not log the schemas.
          databases: null,
          sql: String(event['query']),
          offset,
          executedAtMs: event.timestamp,
        });
        return;
      default:
        if (offset !== null) this.#deliver({tag: 'advance', offset});
    }
  }
}
