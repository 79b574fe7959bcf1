/**
 * The source's dump of its log, as zongji reads it. This file alone uses the parts of zongji and mysql2 that their
 * types do not describe. Therefore zongji has one exact version in package.json, and {@link Dump} checks at its start
 * that these parts are there.
 */
import {SyncError} from '../../src/errors.ts';
import type {Position} from '../../src/position/position.ts';
import {ZongJi} from '../../src/position/zongji.ts';
import type {Dialling} from '../../src/db/connection.ts';
import {ReadBuffers} from './read-buffers.ts';

/** An event as zongji decodes it. */
export interface ZongjiEvent {
  getTypeName(): string;
  readonly timestamp: number;
  readonly nextPosition: number;
  readonly [field: string]: unknown;
}

/** The parts of a mysql2 packet that zongji's parser reads. */
export interface Packet {
  buffer: Buffer;
  /** The offset in the buffer at which the packet begins. */
  readonly start: number;
  /** The offset of what has not been read yet. */
  offset: number;
  end: number;
  isEOF(): boolean;
  isError(): boolean;
}

export interface DumpOptions {
  readonly connection: Dialling;
  /** Receives each packet. @returns what zongji has to decode; {@link onEvent} receives those events */
  readonly onPacket: (packet: Packet) => readonly Packet[];
  readonly onEvent: (event: ZongjiEvent) => void;
  readonly onFault: (error: unknown) => void;
}

export interface DumpStart {
  readonly serverId: number;
  readonly database: string;
  readonly tables: readonly string[];
  readonly position: Position;
}

/** A connection of zongji: mysql2's, with callbacks. */
interface RawConnection extends NodeJS.EventEmitter {
  query(sql: string, done: (error: unknown, rows?: readonly object[]) => void): void;
  pause(): void;
  resume(): void;
  readonly stream?: NodeJS.EventEmitter;
}
type Handle = (this: unknown, packet: Packet, connection: unknown) => unknown;
/** What zongji has beside its types. */
interface Internals extends NodeJS.EventEmitter {
  _establishConnection(options: Dialling['options']): void;
  readonly connection: RawConnection | null;
  readonly ctrlConnection: RawConnection | null;
  readonly isMariaDb: boolean;
  readonly useChecksum: boolean;
  /** The command class of the dump. It is there when zongji is `ready`, and its prototype reads each packet. */
  readonly BinlogClass?: {readonly prototype: {binlogData?: Handle}};
  start(options: object): void;
  stop(): void;
}

const CHECKSUM_BYTES = 4;

export class Dump {
  readonly #zongji: Internals;
  readonly #options: DumpOptions;

  /**
   * Opens both of zongji's connections, and queues what sets their sessions. zongji would open them as it starts,
   * and would ask for the version at once; over a session that returns no rows it would throw then.
   */
  constructor(options: DumpOptions) {
    this.#options = options;
    this.#zongji = new ZongJi(options.connection.options) as unknown as Internals;
    this.#zongji.on('error', options.onFault);
    this.#zongji.on('ready', () => this.#interceptPackets());
    this.#zongji.on('binlog', options.onEvent);
    if (typeof this.#zongji._establishConnection !== 'function') throw misfit();
    this.#zongji._establishConnection(options.connection.options);
    const {connection, ctrlConnection} = this.#zongji;
    if (connection === null || ctrlConnection === null) throw misfit();
    for (const sql of options.connection.statements)
      for (const session of [ctrlConnection, connection])
        session.query(sql, error => {
          if (error !== null) options.onFault(error);
        });
  }

  /** Known once the dump has begun. */
  get isMariadb(): boolean {
    return this.#zongji.isMariaDb;
  }

  /** The bytes at the end of each event that are its checksum. */
  get checksumBytes(): number {
    return this.#zongji.useChecksum ? CHECKSUM_BYTES : 0;
  }

  /** Sends a statement over the connection of the dump. Before the start, the source answers it before the dump. */
  query(sql: string, done: (error: unknown, rows?: readonly object[]) => void): void {
    this.#zongji.connection?.query(sql, done);
  }

  /** Requests the log from a position on. */
  start({serverId, database, tables, position}: DumpStart): void {
    this.#zongji.start({
      serverId,
      includeSchema: {[database]: tables},
      excludeEvents: ['rowsquery', 'annotaterows', 'previousgtids', 'mariadbgtidlist'],
      ...from(position),
    });
    const {connection} = this.#zongji;
    const onLost = () =>
      this.#options.onFault(new SyncError('source-unreachable', 'the source ended the binlog connection'));
    connection?.on('end', onLost);
    connection?.stream?.on('close', onLost);
  }

  pause(): void {
    this.#zongji.connection?.pause();
  }

  resume(): void {
    this.#zongji.connection?.resume();
  }

  /** Ends both connections. May be called twice. */
  stop(): Promise<void> {
    return new Promise(resolve => {
      this.#zongji.once('stopped', () => resolve());
      this.#zongji.stop();
    });
  }

  /** zongji makes a class for each dump, so that this touches no other one. */
  #interceptPackets(): void {
    const prototype = this.#zongji.BinlogClass?.prototype;
    const original = prototype?.binlogData;
    if (prototype === undefined || original === undefined) {
      this.#options.onFault(misfit());
      return;
    }
    const {onPacket} = this.#options;
    const buffers = new ReadBuffers();
    prototype.binlogData = function (packet, connection) {
      // What is returned reads the next packet.
      let next: unknown = prototype.binlogData;
      buffers.read(packet.end - packet.start);
      for (const unread of onPacket(packet)) next = original.call(this, unread, connection);
      return next;
    };
  }
}

function from(position: Position): object {
  switch (position.tag) {
    case 'mysql-gtid':
      return {gtidSet: position.set};
    case 'mariadb-gtid':
      return {gtidSet: position.gtids};
    case 'file':
      return {filename: position.file, position: position.offset};
  }
}

function misfit(): SyncError {
  return new SyncError(
    'internal',
    'the installed @vlasky/zongji is not the version that laas-sync was made for: install the packages with npm ci',
  );
}
